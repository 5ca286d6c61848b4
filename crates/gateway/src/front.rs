//! The front: which door a path is. Nothing behind it is reached under a name that is not ours.

use std::net::IpAddr;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use partywall_domain::{RefusalCode, ServerName, assertion};
use partywall_ledger::Stranger;
use partywall_mcp::Era;
use serde_json::value::RawValue;

use crate::Gateway;
use crate::cors;
use crate::endpoint::Endpoint;
use crate::exchange::Exchange;
use crate::framing;
use crate::metadata;
use crate::public_url::METADATA;
use crate::refusal::Refusal;
use crate::reply::ReplyBody;
use crate::request::read_out;

/// A path that is served.
pub struct FrontRoute {
    /// The path. `{server}` and `{connect_id}` stand for any that are well formed, so that before a token is known all
    /// of them answer alike.
    pub path: &'static str,
    door: Door,
}

/// Every path that is served. A door is reached through this table and in no other way.
pub static FRONT_ROUTES: [FrontRoute; 8] = [
    FrontRoute { path: "/mcp/{server}", door: Door::Mcp },
    FrontRoute { path: "/c/{connect_id}/mcp/{server}", door: Door::Mcp },
    FrontRoute { path: METADATA, door: Door::Metadata },
    FrontRoute { path: "/.well-known/oauth-protected-resource/mcp", door: Door::Metadata },
    FrontRoute { path: "/.well-known/oauth-protected-resource/mcp/{server}", door: Door::Metadata },
    FrontRoute { path: "/.well-known/oauth-protected-resource/c/{connect_id}/mcp", door: Door::Metadata },
    FrontRoute { path: "/.well-known/oauth-protected-resource/c/{connect_id}/mcp/{server}", door: Door::Metadata },
    FrontRoute { path: assertion::JWKS_PATH, door: Door::Keys },
];

/// What stands behind a path.
#[derive(Clone, Copy)]
enum Door {
    Mcp,
    Metadata,
    Keys,
}

/// The door that a path is, and what it names.
fn door(path: &str) -> Option<(Door, Endpoint)> {
    FRONT_ROUTES.iter().find_map(|route| Some((route.door, route.endpoint(path)?)))
}

impl FrontRoute {
    /// What `path` names, if it is this route.
    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        let mut endpoint = Endpoint { path: path.to_owned(), connect: None, server: String::new() };
        let mut segments = path.split('/');
        for expected in self.path.split('/') {
            let segment = segments.next()?;
            match expected {
                "{server}" => endpoint.server = segment.parse::<ServerName>().ok()?.to_string(),
                "{connect_id}" => endpoint.connect = Some(segment.parse().ok()?),
                _ if segment == expected => {}
                _ => return None,
            }
        }
        segments.next().is_none().then_some(endpoint)
    }
}

impl Gateway {
    /// Answers one request that came from `peer`.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<ReplyBody> {
        let (parts, mut body) = request.into_parts();
        let peer = self.public_url.client(peer, &parts.headers);
        let exchange = Exchange::new(parts, peer, &self.ledger);
        let framed = framing::check(exchange.headers());
        let mut response = match framed {
            Ok(()) => self.answer_to(&exchange, &mut body).await,
            Err(cause) => self.turn_away(&exchange, Refusal::new(RefusalCode::InvalidRequest, cause), None),
        };
        // Where nobody can say for sure where a request ends, what follows it may be smuggled: it is not read.
        if framed.is_err() || !read_out(&exchange, &mut body).await {
            response.headers_mut().insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
        }
        response
    }

    async fn answer_to(&self, exchange: &Exchange, body: &mut Incoming) -> Response<ReplyBody> {
        if let Err(cause) = self.public_url.check(&exchange.parts.uri, exchange.headers()) {
            return self.turn_away(exchange, Refusal::new(RefusalCode::ForeignOrigin, cause), None);
        }
        let mut response = self.behind(exchange, body).await;
        cors::allow(exchange.headers().get(http::header::ORIGIN), &mut response);
        response
    }

    /// What stands behind the path.
    async fn behind(&self, exchange: &Exchange, body: &mut Incoming) -> Response<ReplyBody> {
        if let Err(throttled) = self.addresses.may_ask(&self.ledger, exchange.peer) {
            return self.turn_away(exchange, Refusal::busy(throttled), None);
        }
        match (door(exchange.parts.uri.path()), exchange.method()) {
            (Some(_), _) if cors::is_preflight(exchange) => cors::preflight(exchange),
            (Some((Door::Mcp, endpoint)), &Method::POST | &Method::GET | &Method::DELETE) => {
                self.call(exchange, &endpoint, body).await
            }
            (Some((Door::Mcp, _)), _) => {
                self.turn_away(exchange, Refusal::method_not_allowed("POST, GET, DELETE"), None)
            }
            (Some((Door::Metadata, endpoint)), &Method::GET) => json(metadata::resource(self, &endpoint)),
            (Some((Door::Keys, _)), &Method::GET) => json(self.signer.jwks().to_owned()),
            (Some(_), _) => self.turn_away(exchange, Refusal::method_not_allowed("GET"), None),
            (None, _) => self.turn_away(exchange, Refusal::new(RefusalCode::NotFound, "no such path"), None),
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
            tenant: refusal.suspended_tenant(),
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
    // Asked from elsewhere it has more headers, so what a cache keeps of one is no answer to the other.
    headers.insert("vary", http::HeaderValue::from_static("Origin"));
    response
}
