//! The front: which door a path is. Nothing behind it is reached under a name that is not ours.

use http::{Method, Request, Response};
use hyper::body::Incoming;
use partywall_domain::{RefusalCode, ServerName, assertion};
use partywall_ledger::Stranger;

use crate::Gateway;
use crate::exchange::Exchange;
use crate::metadata;
use crate::public_url::{MCP, METADATA};
use crate::refusal::Refusal;
use crate::reply::ReplyBody;

/// What a path is.
enum Door<'a> {
    Mcp(&'a str),
    Metadata(&'a str),
    Keys,
}

impl Door<'_> {
    fn of(path: &str) -> Option<Door<'_>> {
        if let Some(resource) = path.strip_prefix(METADATA) {
            let known = resource.is_empty() || resource == MCP || mcp_server(resource).is_some();
            return known.then_some(Door::Metadata(resource));
        }
        if path == assertion::JWKS_PATH {
            return Some(Door::Keys);
        }
        mcp_server(path).map(Door::Mcp)
    }
}

/// The server in `/mcp/{server}`: any well-formed name, so that before a token is known all names answer alike.
fn mcp_server(path: &str) -> Option<&str> {
    path.strip_prefix(MCP)?.strip_prefix('/').filter(|name| name.parse::<ServerName>().is_ok())
}

impl Gateway {
    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        let exchange = Exchange::new(parts);
        if let Err(cause) = self.public_url.check(exchange.headers()) {
            return self.turn_away(&exchange, Refusal::new(RefusalCode::ForeignOrigin, cause));
        }
        let path = exchange.parts.uri.path();
        match (Door::of(path), exchange.method()) {
            (Some(Door::Mcp(server)), &Method::POST | &Method::GET | &Method::DELETE) => {
                let server = server.to_owned();
                self.call(exchange, &server, body).await
            }
            (Some(Door::Mcp(_)), _) => self.turn_away(&exchange, Refusal::method_not_allowed("POST, GET, DELETE")),
            (Some(Door::Metadata(resource)), &Method::GET) => self.json(metadata::resource(self, resource)),
            (Some(Door::Keys), &Method::GET) => self.json(self.signer.jwks().to_owned()),
            (Some(_), _) => self.turn_away(&exchange, Refusal::method_not_allowed("GET")),
            (None, _) => self.turn_away(&exchange, Refusal::new(RefusalCode::NotFound, "no such path")),
        }
    }

    /// Refuses before a tenant is known, and books it.
    pub(crate) fn turn_away(&self, exchange: &Exchange, refusal: Refusal) -> Response<ReplyBody> {
        self.ledger.stranger(&Stranger {
            ids: exchange.ids,
            code: refusal.code,
            cause: &refusal.cause,
            target: &exchange.target(),
            tenant: refusal.suspended,
        });
        refusal.into_response(&self.public_url, exchange.ids.request, exchange.parts.uri.path(), None)
    }

    fn json(&self, body: String) -> Response<ReplyBody> {
        let mut response = Response::new(ReplyBody::full(body));
        let headers = response.headers_mut();
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        headers.insert("cache-control", http::HeaderValue::from_static("max-age=60"));
        response
    }
}
