//! What a token must have been issued for.

use std::sync::Arc;

/// A protected resource: one MCP endpoint as its canonical URL (RFC 8707, section 2; RFC 9728, section 1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    url: Arc<str>,
    parent: Option<Arc<str>>,
}

impl Resource {
    /// The resource at `url`; a token for `parent`, a resource that contains this one, opens it too.
    pub fn new(url: &str, parent: Option<&str>) -> Self {
        Self { url: url.into(), parent: parent.map(Into::into) }
    }

    /// The canonical URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether a token for this audience was issued for this resource. Compared byte for byte.
    pub fn accepts(&self, audience: &str) -> bool {
        audience == &*self.url || Some(audience) == self.parent.as_deref()
    }
}
