//! The admin listener's door: from the right place, with an operator's token, or not at all. Without a token, from the
//! right place, it lets through to two answers: whether the node lives, and whether calls should come.
//!
//! It stands before routing's answers, so a path that does not exist and one that does answer alike to a stranger. A
//! page in an operator's browser must not reach the API by way of DNS, hence `Host` and `Origin`.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use partywall_domain::event;
use partywall_identity::Operator;

use crate::control::Control;
use crate::open::OPEN_ROUTES;
use crate::refused::Refused;

/// What is asked every few seconds, by machines, and tells figures: in the log at level debug alone.
const WATCHED: [&str; 4] = ["/metrics", "/api/v1/top", "/healthz", "/readyz"];

/// Lets an operator's request through, with the [`Operator`] beside it, and logs what became of it.
pub(crate) async fn guard(State(control): State<Control>, mut request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.as_ref().map_or("unknown", MatchedPath::as_str);
    let admitted = if is_open(&request, path) {
        match check_host(&control, request.headers()) {
            Ok(()) => return next.run(request).await,
            Err(refused) => Err(refused),
        }
    } else {
        admit(&control, request.headers())
    };
    match admitted {
        Ok(operator) => {
            let name = operator.name().to_owned();
            request.extensions_mut().insert(operator);
            let response = next.run(request).await;
            let status = response.status().as_u16();
            if WATCHED.contains(&path) {
                tracing::debug!(event = event::ADMIN, operator = name, method = method.as_str(), path, status);
            } else {
                tracing::info!(event = event::ADMIN, operator = name, method = method.as_str(), path, status);
            }
            response
        }
        Err(refused) => {
            let status = refused.status.as_u16();
            tracing::warn!(
                event = event::ADMIN_REFUSED,
                method = method.as_str(),
                path,
                status,
                cause = refused.message
            );
            refused.into_response()
        }
    }
}

/// Whether the request is one that needs no token, and has none.
fn is_open(request: &Request, path: &str) -> bool {
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    asks && !request.headers().contains_key(AUTHORIZATION) && OPEN_ROUTES.iter().any(|route| route.path == path)
}

fn admit(control: &Control, headers: &HeaderMap) -> Result<Operator, Refused> {
    check_host(control, headers)?;
    let unauthorized = |message: &str| {
        let hint = "send the operator's token as `Authorization: Bearer TOKEN`";
        Refused::new(StatusCode::UNAUTHORIZED, message, hint)
    };
    let header = only(headers, AUTHORIZATION).map_err(|()| unauthorized("more than one `Authorization` header"))?;
    let header = header.ok_or_else(|| unauthorized("no token"))?;
    let (scheme, token) = header.split_once(' ').ok_or_else(|| unauthorized("not a bearer token"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthorized("not a bearer token"));
    }
    control.parts().operator.verify(token.trim()).map_err(|_| unauthorized("not an operator's token"))
}

/// Refuses a request that was meant for another host, or that a page of another origin made.
fn check_host(control: &Control, headers: &HeaderMap) -> Result<(), Refused> {
    let foreign = |message: &str| {
        let hint = "call the admin listener by its own address or `localhost`, and not from another site's page";
        Refused::new(StatusCode::FORBIDDEN, message, hint)
    };
    let host = only(headers, HOST).ok().flatten().map(str::to_ascii_lowercase);
    let host = host.filter(|host| own_hosts(control).contains(host));
    let host = host.ok_or_else(|| foreign("`Host` is not this listener's"))?;
    match only(headers, ORIGIN) {
        Ok(None) => Ok(()),
        Ok(Some(origin)) if origin.eq_ignore_ascii_case(&format!("http://{host}")) => Ok(()),
        _ => Err(foreign("`Origin` is not this listener's")),
    }
}

/// Where this listener may be called. One that listens everywhere, as in a container, may be called by loopback.
fn own_hosts(control: &Control) -> Vec<String> {
    let listener = control.parts().listener;
    let port = listener.port();
    let mut hosts = vec![listener.to_string(), format!("localhost:{port}")];
    if listener.ip().is_unspecified() {
        hosts.extend([format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
    }
    hosts
}

/// The one value of a header; an error if there are several, or one that is no text.
fn only(headers: &HeaderMap, name: axum::http::HeaderName) -> Result<Option<&str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}
