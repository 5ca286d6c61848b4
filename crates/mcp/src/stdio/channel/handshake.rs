//! The handshake with the instance, once: `server/discover`, and where that is no method of the server, `initialize`.
//!
//! (2026-07-28, versioning: any error but a modern one, or none in time, means the older era.)

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::Wire;
use super::{Action, Channel};
use crate::stdio::described::Described;
use crate::stdio::frame::Frame;
use crate::stdio::splice::{CAPABILITIES_KEY, INFO_KEY, VERSION_KEY};
use crate::version::{Era, LEGACY_VERSIONS, MODERN_VERSIONS};

/// How long a server may take to say that it does not know `server/discover`. Default 3 s: some say nothing at all.
const DISCOVER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take for `initialize`. Default 60 s: some load a model first. Whoever starts instances may be
/// stricter.
const INITIALIZE_TIMEOUT: Duration = Duration::from_mins(1);

/// How far the handshake is.
pub(super) enum Phase {
    Discovering { until: Instant },
    Initializing { until: Instant },
    Open,
    Closed,
}

const WHO: &str = concat!("{\"name\":\"partywall\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");

impl<O: Clone + Eq> Channel<O> {
    pub(super) fn begin(&mut self, now: Instant) {
        if self.options.era == Some(Era::Legacy) { self.initialize(now) } else { self.discover(now) }
    }

    fn discover(&mut self, now: Instant) {
        self.phase = Phase::Discovering { until: now + DISCOVER_TIMEOUT };
        let version = MODERN_VERSIONS[0];
        let meta = format!("\"{VERSION_KEY}\":\"{version}\",\"{CAPABILITIES_KEY}\":{{}},\"{INFO_KEY}\":{WHO}");
        self.greet("server/discover", &format!("{{\"_meta\":{{{meta}}}}}"));
    }

    fn initialize(&mut self, now: Instant) {
        self.phase = Phase::Initializing { until: now + INITIALIZE_TIMEOUT };
        let (version, capabilities) = (LEGACY_VERSIONS[0], self.options.questions.declared());
        let params =
            format!("{{\"protocolVersion\":\"{version}\",\"capabilities\":{capabilities},\"clientInfo\":{WHO}}}");
        self.greet("initialize", &params);
    }

    fn greet(&mut self, method: &str, params: &str) {
        self.wires.retain(|_, wire| !matches!(wire, Wire::Handshake));
        let wire = self.number();
        self.wires.insert(wire, Wire::Handshake);
        self.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{wire},\"method\":\"{method}\",\"params\":{params}}}"));
    }

    pub(super) fn greeted(&mut self, answer: &Frame<'_>, now: Instant) {
        let result = if let Frame::Result { result, .. } = answer { Some(*result) } else { None };
        match self.phase {
            Phase::Discovering { .. } => match result.and_then(Described::discovered) {
                Some(described) => self.ready(described),
                None if self.options.era == Some(Era::Modern) => self.broken("it does not answer `server/discover`"),
                None => self.initialize(now),
            },
            Phase::Initializing { .. } => match result.and_then(Described::initialized) {
                Some(described) => {
                    self.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned());
                    self.ready(described);
                }
                None => self.broken("it answers neither `server/discover` nor `initialize` with a version we speak"),
            },
            Phase::Open | Phase::Closed => {}
        }
    }

    fn ready(&mut self, described: Described) {
        let described = Arc::new(described);
        self.phase = Phase::Open;
        self.described = Some(Arc::clone(&described));
        self.actions.push_back(Action::Ready(described));
        // Streams may have been opened before.
        self.stream_opened();
    }

    fn broken(&mut self, why: &'static str) {
        self.close();
        self.actions.push_back(Action::Broken(why));
    }

    pub(super) fn handshake_late(&mut self, now: Instant) {
        match self.phase {
            Phase::Discovering { until } if now >= until => match self.options.era {
                Some(Era::Modern) => self.broken("it does not answer `server/discover` in time"),
                _ => self.initialize(now),
            },
            Phase::Initializing { until } if now >= until => self.broken("it does not answer `initialize` in time"),
            _ => {}
        }
    }
}
