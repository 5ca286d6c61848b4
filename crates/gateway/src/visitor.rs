//! A legacy client at an instance: its session is the gateway's own, and carries what the client said when it began.

use std::time::SystemTime;

use partywall_mcp::stdio::Client;
use serde_json::value::RawValue;

use crate::session::Session;

/// What stands in a session in place of an upstream's URL. No URL is spelled like this.
const UPSTREAM: &str = "instance";
/// Bytes that a client may say of itself. Default 2 KiB: what a sealed session id has room for.
const SAID_BYTES_MAX: usize = 2 << 10;

/// A legacy client, in one session.
pub(crate) struct Visitor {
    id: String,
    /// The instance that is this session's own, where it has one.
    instance: Option<String>,
    client: Client,
    opened: SystemTime,
}

impl Visitor {
    /// A client that begins with these parameters of `initialize`; `None` where it says too much of itself.
    pub(crate) fn begins(params: Option<&RawValue>) -> Option<Self> {
        let client = Client::initialized(params);
        let id = uuid::Uuid::new_v4().simple().to_string();
        (client.said().len() <= SAID_BYTES_MAX).then(|| Self { id, instance: None, client, opened: SystemTime::now() })
    }

    /// The client whose session goes on at this server; `None` if it does not, or is one of another kind of upstream.
    pub(crate) fn goes_on(session: &Session, server: &str) -> Option<Self> {
        if !session.fits(server, UPSTREAM) {
            return None;
        }
        let (id, rest) = session.id.split_once(' ')?;
        let (instance, said) = rest.split_once(' ')?;
        let said: &RawValue = serde_json::from_str(said).ok()?;
        let instance = Some(instance.to_owned()).filter(|instance| !instance.is_empty());
        let client = Client::initialized(Some(said));
        Some(Self { id: id.to_owned(), instance, client, opened: session.opened() })
    }

    /// The session as the client carries it. `instance` is the one that is this session's own.
    pub(crate) fn session(&self, server: &str, instance: Option<&str>) -> Session {
        let (id, instance, said) = (&self.id, instance.unwrap_or_default(), self.client.said());
        Session::new(server, UPSTREAM, &format!("{id} {instance} {said}"))
    }

    /// The gateway's own id of the session.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The instance that is this session's own.
    pub(crate) fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// What the client said of itself.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// When the session was opened.
    pub(crate) fn opened(&self) -> SystemTime {
        self.opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_visitor_comes_back_as_it_left() {
        let params = raw(r#"{"capabilities":{"sampling":{}},"clientInfo":{"name":"a b","version":"1"}}"#);
        let visitor = Visitor::begins(Some(&params)).unwrap();
        for instance in [None, Some("i-1")] {
            let back = Visitor::goes_on(&visitor.session("git", instance), "git").unwrap();
            assert_eq!((back.id(), back.instance()), (visitor.id(), instance));
            assert_eq!(back.client.said(), visitor.client.said());
        }
        assert!(Visitor::goes_on(&visitor.session("git", None), "files").is_none());
        assert!(Visitor::goes_on(&Session::new("git", "http://127.0.0.1:1/mcp", "x  {}"), "git").is_none());
    }

    #[test]
    fn a_client_that_says_too_much_has_no_session() {
        let params = format!(r#"{{"capabilities":{{}},"clientInfo":{{"name":"{}"}}}}"#, "x".repeat(SAID_BYTES_MAX));
        assert!(Visitor::begins(Some(&raw(&params))).is_none());
        assert!(Visitor::begins(None).is_some());
    }
}
