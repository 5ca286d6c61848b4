//! A client that signs in, for clients that cannot: passes every request on with a bearer token added, and nothing else
//! changed. The conformance suite has no way to send a token; this stands between it and the gateway.
//!
//! `Host` and `Origin` stay as they came, since the far side must judge them; only where they name this injector they
//! name the far side instead, as they would had the client been told of that. Bytes pass as they come, event streams
//! included. Each request has a connection of its own to the far side, so that a client which leaves closes it there too.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
        header::{AUTHORIZATION, CONNECTION, HOST, ORIGIN, TRANSFER_ENCODING},
    },
    response::{IntoResponse, Response},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// What describes a single connection and is not passed on to the next.
const HOP_BY_HOP: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, HeaderName::from_static("keep-alive")];

struct Injector {
    own: SocketAddr,
    upstream: SocketAddr,
    authorization: HeaderValue,
}

/// Passes what reaches `listener` on to `upstream`, with `token` added, until the future is dropped.
pub async fn serve(listener: TcpListener, upstream: SocketAddr, token: String) -> io::Result<()> {
    let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).map_err(io::Error::other)?;
    authorization.set_sensitive(true);
    let injector = Arc::new(Injector { own: listener.local_addr()?, upstream, authorization });
    axum::serve(listener, Router::new().fallback(pass).with_state(injector)).await
}

async fn pass(State(injector): State<Arc<Injector>>, request: Request) -> Response {
    match injector.pass(request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

impl Injector {
    async fn pass(&self, mut request: Request) -> anyhow::Result<Response> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = Uri::try_from(path)?;
        let headers = request.headers_mut();
        drop_hop_by_hop(headers);
        headers.insert(AUTHORIZATION, self.authorization.clone());
        self.rename(headers, &HOST, "");
        self.rename(headers, &ORIGIN, "http://");

        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends by itself: when the answer is through, or when whoever waits for it is gone.
        tokio::spawn(connection);
        let mut response = sender.send_request(request).await?.map(Body::new);
        drop_hop_by_hop(response.headers_mut());
        Ok(response)
    }
}

impl Injector {
    /// Where a header names this injector, it names the far side.
    fn rename(&self, headers: &mut HeaderMap, name: &HeaderName, scheme: &str) {
        let own = [format!("{scheme}{}", self.own), format!("{scheme}localhost:{}", self.own.port())];
        let Some(value) = headers.get_mut(name) else { return };
        if own.iter().any(|own| value.as_bytes() == own.as_bytes())
            && let Ok(renamed) = HeaderValue::try_from(format!("{scheme}{}", self.upstream))
        {
            *value = renamed;
        }
    }
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}
