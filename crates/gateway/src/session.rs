//! A legacy session as the client carries it: the upstream's session, sealed for the principal that opened it.
//!
//! The gateway keeps nothing: any node that can reach the upstream goes on with the session, and the id in another
//! principal's hands opens nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use partywall_ledger::SESSION_LIFETIME;
use partywall_tenancy::Portable;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) server: String,
    pub(crate) upstream: String,
    pub(crate) id: String,
    expires: u64,
}

impl Session {
    pub(crate) fn new(server: &str, upstream: &str, id: &str) -> Self {
        let (server, upstream, id) = (server.to_owned(), upstream.to_owned(), id.to_owned());
        Self { server, upstream, id, expires: now() + SESSION_LIFETIME.as_secs() }
    }

    /// When it was opened.
    pub(crate) fn opened(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.expires.saturating_sub(SESSION_LIFETIME.as_secs()))
    }

    /// Whether it goes on at this server and upstream now.
    pub(crate) fn fits(&self, server: &str, upstream: &str) -> bool {
        self.server == server && self.upstream == upstream && now() < self.expires
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Portable for Session {
    const KIND: &'static str = "session";

    /// Expiry, then each text with its length before it.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.expires.to_be_bytes().to_vec();
        for text in [&self.server, &self.upstream, &self.id] {
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (expires, mut rest) = bytes.split_first_chunk::<8>()?;
        let mut text = || {
            let (length, tail) = rest.split_first_chunk::<4>()?;
            let (text, tail) = tail.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)?;
            rest = tail;
            String::from_utf8(text.to_vec()).ok()
        };
        let session = Self { server: text()?, upstream: text()?, id: text()?, expires: u64::from_be_bytes(*expires) };
        rest.is_empty().then_some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_survives_its_bytes_and_nothing_else_is_one() {
        let session = Session::new("notes", "http://127.0.0.1:1/mcp", "abc");
        let bytes = session.to_bytes();
        assert_eq!(Session::from_bytes(&bytes).as_ref(), Some(&session));
        assert!(session.fits("notes", "http://127.0.0.1:1/mcp"));
        assert!(!session.fits("notes", "http://127.0.0.1:2/mcp") && !session.fits("other", "http://127.0.0.1:1/mcp"));
        for cut in 0..bytes.len() {
            assert_eq!(Session::from_bytes(&bytes[..cut]), None);
        }
        assert_eq!(Session::from_bytes(&[&bytes[..], b"x"].concat()), None);
    }
}
