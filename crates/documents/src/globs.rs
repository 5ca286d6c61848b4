//! What is granted, by pattern over names or URIs: deny wins, and what nothing allows is denied.

use globset::{Glob, GlobSet, GlobSetBuilder};

/// Longest pattern, in bytes.
const GLOB_BYTES_MAX: usize = 256;

/// A set of patterns to allow and one to deny. `*` stands for any text, `/` and `:` included.
#[derive(Clone, Debug)]
pub struct Globs {
    allow: GlobSet,
    deny: GlobSet,
    text: String,
}

impl Globs {
    /// The patterns, or what is wrong with one.
    pub fn new(allow: &[String], deny: &[String]) -> Result<Self, String> {
        let text = if deny.is_empty() {
            allow.join(", ")
        } else {
            format!("{} but not {}", allow.join(", "), deny.join(", "))
        };
        Ok(Self { allow: set(allow)?, deny: set(deny)?, text })
    }

    /// Nothing at all: what holds where no rule stands.
    pub fn none() -> Self {
        Self { allow: GlobSet::empty(), deny: GlobSet::empty(), text: String::new() }
    }

    /// Whether `name` is granted.
    pub fn grants(&self, name: &str) -> bool {
        !self.deny.is_match(name) && self.allow.is_match(name)
    }

    /// The patterns, for people.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, String> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        if pattern.is_empty() || pattern.len() > GLOB_BYTES_MAX {
            return Err(format!("a pattern of 1 to {GLOB_BYTES_MAX} bytes is expected, for example `list_*`"));
        }
        builder.add(Glob::new(pattern).map_err(|error| format!("`{pattern}` is not a pattern: {error}"))?);
    }
    builder.build().map_err(|error| error.to_string())
}
