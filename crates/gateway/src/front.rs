//! The front: which door a path is. Nothing behind it is reached under a name that is not ours.

use std::net::IpAddr;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use partywall_domain::{RefusalCode, ServerName, assertion};
use partywall_ledger::Stranger;
use partywall_mcp::Era;
use serde_json::value::RawValue;

use crate::Gateway;
use crate::exchange::Exchange;
use crate::metadata;
use crate::public_url::METADATA;
use crate::refusal::Refusal;
use crate::reply::ReplyBody;

/// A path that is served.
pub struct FrontRoute {
    /// The path. `{server}` stands for any well-formed name, so that before a token is known all names answer alike.
    pub path: &'static str,
    door: Door,
}

/// Every path that is served. A door is reached through this table and in no other way.
pub static FRONT_ROUTES: [FrontRoute; 5] = [
    FrontRoute { path: "/mcp/{server}", door: Door::Mcp },
    FrontRoute { path: METADATA, door: Door::Metadata },
    FrontRoute { path: "/.well-known/oauth-protected-resource/mcp", door: Door::Metadata },
    FrontRoute { path: "/.well-known/oauth-protected-resource/mcp/{server}", door: Door::Metadata },
    FrontRoute { path: assertion::JWKS_PATH, door: Door::Keys },
];

/// What stands behind a path.
#[derive(Clone, Copy)]
enum Door {
    Mcp,
    Metadata,
    Keys,
}

/// The door that a path is, and the server that it names.
fn door(path: &str) -> Option<(Door, &str)> {
    FRONT_ROUTES.iter().find_map(|route| Some((route.door, route.server_in(path)?)))
}

impl FrontRoute {
    /// The server that `path` names if it is this route: nothing where the route names none.
    fn server_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self.path.strip_suffix("{server}") {
            Some(before) => path.strip_prefix(before).filter(|name| name.parse::<ServerName>().is_ok()),
            None => (path == self.path).then_some(""),
        }
    }
}

impl Gateway {
    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        let exchange = Exchange::new(parts, peer);
        if let Err(cause) = self.public_url.check(exchange.headers()) {
            return self.turn_away(&exchange, Refusal::new(RefusalCode::ForeignOrigin, cause), None);
        }
        let path = exchange.parts.uri.path();
        match (door(path), exchange.method()) {
            (Some((Door::Mcp, server)), &Method::POST | &Method::GET | &Method::DELETE) => {
                let server = server.to_owned();
                self.call(exchange, &server, body).await
            }
            (Some((Door::Mcp, _)), _) => {
                self.turn_away(&exchange, Refusal::method_not_allowed("POST, GET, DELETE"), None)
            }
            (Some((Door::Metadata, _)), &Method::GET) => {
                json(metadata::resource(self, path.strip_prefix(METADATA).unwrap_or_default()))
            }
            (Some((Door::Keys, _)), &Method::GET) => json(self.signer.jwks().to_owned()),
            (Some(_), _) => self.turn_away(&exchange, Refusal::method_not_allowed("GET"), None),
            (None, _) => self.turn_away(&exchange, Refusal::new(RefusalCode::NotFound, "no such path"), None),
        }
    }

    /// Refuses before a tenant is known, and books it. `id` is the message's, where it was read.
    pub(crate) fn turn_away(
        &self,
        exchange: &Exchange,
        refusal: Refusal,
        id: Option<&RawValue>,
    ) -> Response<ReplyBody> {
        self.ledger.stranger(&Stranger {
            ids: exchange.ids,
            code: refusal.code,
            cause: &refusal.cause,
            target: &exchange.target(),
            tenant: refusal.suspended,
        });
        let about = id.map(|id| (Some(id), Era::Modern));
        refusal.into_response(&self.public_url, exchange.ids.request, exchange.parts.uri.path(), about)
    }
}

fn json(body: String) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::full(body));
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    headers.insert("cache-control", http::HeaderValue::from_static("max-age=60"));
    response
}
