//! What is granted, by pattern over names or URIs: deny wins, and what nothing allows is denied.

use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Longest pattern, in bytes.
const GLOB_BYTES_MAX: usize = 256;

/// A set of patterns to allow and one to deny. `*` stands for any text, `/` and `:` included.
///
/// Clones share what was compiled: a plan's patterns are there once, however many tenants have the plan.
#[derive(Clone, Debug)]
pub struct Globs(Option<Arc<Compiled>>);

#[derive(Debug)]
struct Compiled {
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
        Ok(Self::compiled(set(allow, Case::Counts)?, set(deny, Case::Counts)?, text))
    }

    /// One pattern for which upper and lower case are the same: a name in another spelling is no way out of a limit.
    pub fn of_any_case(pattern: &str) -> Result<Self, String> {
        let allow = set(&[pattern.to_owned()], Case::Ignored)?;
        Ok(Self::compiled(allow, GlobSet::empty(), pattern.to_owned()))
    }

    fn compiled(allow: GlobSet, deny: GlobSet, text: String) -> Self {
        Self(Some(Arc::new(Compiled { allow, deny, text })))
    }

    /// Nothing at all: what holds where no rule stands.
    pub fn none() -> Self {
        Self(None)
    }

    /// Whether `name` is granted.
    pub fn grants(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|globs| !globs.deny.is_match(name) && globs.allow.is_match(name))
    }

    /// The patterns, for people.
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", |globs| &globs.text)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Counts,
    Ignored,
}

fn set(patterns: &[String], case: Case) -> Result<GlobSet, String> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        if pattern.is_empty() || pattern.len() > GLOB_BYTES_MAX {
            return Err(format!("a pattern of 1 to {GLOB_BYTES_MAX} bytes is expected, for example `list_*`"));
        }
        let glob = GlobBuilder::new(pattern).case_insensitive(case == Case::Ignored).build();
        builder.add(glob.map_err(|error| format!("`{pattern}` is not a pattern: {error}"))?);
    }
    builder.build().map_err(|error| error.to_string())
}
