//! The parameters of a query or of a form.

use form_urlencoded::parse;

/// Parameters that may come more than once: scopes that a person ticked.
const LISTS: [&str; 1] = ["scope"];

/// Each parameter stands in it once (RFC 6749, section 3.1). One without a value is as good as absent.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads them; the error names what came twice.
    pub(super) fn read(encoded: &[u8]) -> Result<Self, String> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in parse(encoded).filter(|(_, value)| !value.is_empty()) {
            if !LISTS.contains(&&*name) && fields.iter().any(|(other, _)| *other == *name) {
                return Err(format!("`{name}` came twice"));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_comes_once_and_an_empty_one_not_at_all() {
        let fields = Fields::read(b"a=1&b=&scope=x&scope=y&c=%26%3D+%C3%BC").unwrap();
        assert_eq!((fields.get("a"), fields.get("b"), fields.get("c")), (Some("1"), None, Some("&= \u{fc}")));
        assert_eq!(fields.all("scope").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(Fields::read(b"a=1&a=1").err().as_deref(), Some("`a` came twice"));
    }
}
