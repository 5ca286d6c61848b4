//! What an upstream said of itself when it was asked.

use std::sync::Arc;

/// What an upstream answered to the gateway's own probe, which belongs to no tenant. JSON text, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The result of `server/discover`; none: it does not speak the modern era.
    pub discover: Option<Arc<str>>,
    /// The result of `initialize`; none: it does not speak the legacy era.
    pub initialize: Option<Arc<str>>,
}
