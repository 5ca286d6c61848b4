//! `WWW-Authenticate` of a resource server: what a client reads that lacks a token, or a better one.

use http::HeaderValue;

/// A challenge of the scheme `Bearer` (RFC 6750, section 3; RFC 9728, section 5.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Challenge<'a> {
    /// What is wrong; none where there was no token.
    pub error: Option<&'a str>,
    /// The same, for people.
    pub description: Option<&'a str>,
    /// The scopes to ask for, separated by spaces.
    pub scope: Option<&'a str>,
    /// Where the resource's metadata stands.
    pub metadata: Option<&'a str>,
}

impl Challenge<'_> {
    /// The header; none where nothing is to be said.
    ///
    /// RFC 6750 lets no value have a quote, a backslash or anything but plain ASCII, so nothing is ever escaped. A value
    /// that has one all the same is left out: no header is better than one that two readers read differently.
    pub fn to_header(self) -> Option<HeaderValue> {
        let parameters = [
            ("error", self.error),
            ("error_description", self.description),
            ("scope", self.scope),
            ("resource_metadata", self.metadata),
        ];
        let parameters =
            parameters.into_iter().filter_map(|(name, value)| Some((name, value.filter(|it| is_plain(it))?)));
        let written: Vec<_> = parameters.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        if written.is_empty() {
            return None;
        }
        HeaderValue::from_str(&format!("Bearer {}", written.join(", "))).ok()
    }
}

/// Whether a value may stand between quotes as it is.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
}
