//! What a modern client brings back so that its call goes on: which call, of which instance of which server.
//!
//! It travels sealed for the principal ([`partywall_tenancy::Owned`]), as the request state of an incomplete answer. The
//! channel checks the owner once more.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use partywall_tenancy::Portable;

/// Seconds for which a ticket is good. Default 2 minutes: as long as the channel keeps the call.
const LIFETIME: Duration = Duration::from_mins(2);

/// A call that waits for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    server: String,
    instance: String,
    call: u64,
    expires: u64,
}

impl Ticket {
    /// A ticket for a call of this instance, good from `now` on.
    pub fn new(server: &str, instance: &str, call: u64, now: SystemTime) -> Self {
        let expires = seconds(now) + LIFETIME.as_secs();
        Self { server: server.to_owned(), instance: instance.to_owned(), call, expires }
    }

    /// The call, if it is one of this instance and still waits.
    pub fn call(&self, server: &str, instance: &str, now: SystemTime) -> Option<u64> {
        (self.server == server && self.instance == instance && seconds(now) < self.expires).then_some(self.call)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Portable for Ticket {
    const KIND: &'static str = "call";

    /// Expiry and call, then each text with its length before it.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [self.expires.to_be_bytes(), self.call.to_be_bytes()].concat();
        for text in [&self.server, &self.instance] {
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (expires, rest) = bytes.split_first_chunk::<8>()?;
        let (call, mut rest) = rest.split_first_chunk::<8>()?;
        let mut text = || {
            let (length, tail) = rest.split_first_chunk::<4>()?;
            let (text, tail) = tail.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)?;
            rest = tail;
            String::from_utf8(text.to_vec()).ok()
        };
        let (server, instance) = (text()?, text()?);
        let (call, expires) = (u64::from_be_bytes(*call), u64::from_be_bytes(*expires));
        rest.is_empty().then_some(Self { server, instance, call, expires })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_for_its_instance_and_its_time() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let ticket = Ticket::new("git", "i-1", 7, now);
        let bytes = ticket.to_bytes();
        assert_eq!(Ticket::from_bytes(&bytes).as_ref(), Some(&ticket));
        assert_eq!(ticket.call("git", "i-1", now), Some(7));
        assert_eq!(ticket.call("git", "i-2", now), None);
        assert_eq!(ticket.call("fs", "i-1", now), None);
        assert_eq!(ticket.call("git", "i-1", now + LIFETIME), None);
        for cut in 0..bytes.len() {
            assert_eq!(Ticket::from_bytes(&bytes[..cut]), None);
        }
    }
}
