//! The issuer's own listener: its endpoints, who may call them by which name, and which of them pages elsewhere may.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::net::TcpListener;

use super::desk::Desk;
use super::{authorize, exchange, metadata, page, register};

/// Longest body. Default 16 KiB: forms and registrations have less than two.
const BODY_BYTES_MAX: usize = 16 << 10;

/// What pages of any origin may do with metadata, registration and tokens. No cookie counts there, so a page gains
/// nothing but what it was given.
const CROSS_ORIGIN: [(HeaderName, HeaderValue); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("accept, authorization, content-type, mcp-protocol-version"),
    ),
    (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
];

/// The issuer's endpoints, for the listener at this address.
pub(super) fn router(desk: Desk, address: SocketAddr) -> Router {
    let for_programs = metadata::PATHS
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, get(metadata::metadata)))
        .route("/jwks", get(metadata::keys))
        .route("/register", post(register::register))
        .route("/token", post(exchange::exchange))
        .layer(from_fn(cross_origin));
    let for_people = Router::new()
        .route("/authorize", get(authorize::ask).post(authorize::answer))
        .route(page::STYLE_PATH, get(([("content-type", "text/css")], page::STYLE)));
    for_programs
        .merge(for_people)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(names(address), by_our_name))
        .with_state(Arc::new(desk))
}

pub(super) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()> + Send + 'static) {
    // Accepting again after an error is axum's; it ends when it is told to.
    let _ = axum::serve(listener, router).with_graceful_shutdown(stop).await;
}

/// How this listener may be called. Another name is a page that rebinds its own to our address.
fn names(address: SocketAddr) -> Arc<[String]> {
    let port = address.port();
    [address.to_string(), format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")].into()
}

async fn by_our_name(State(names): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(|host| names.iter().any(|name| name.eq_ignore_ascii_case(host))) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "this listener is not called that\n").into_response()
}

async fn cross_origin(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    response.headers_mut().extend(CROSS_ORIGIN);
    response
}
