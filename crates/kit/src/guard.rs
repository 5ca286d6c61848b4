//! The layer in front of a server: no assertion, no request.
//!
//! It decides on the headers alone, so a stranger's body is never read. It does not look at paths or methods: whatever
//! must be reachable without an assertion (a health check) belongs outside of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use tower_layer::Layer;
use tower_service::Service;

use crate::caller::verifier::{self, Verifier};
use crate::session::Sessions;

/// A tower layer that lets nothing through without the gateway's assertion. Cheap to clone.
///
/// The wrapped service finds the [`crate::Caller`] in the request's extensions. It does not see the assertion itself,
/// and it sees the session ids of this caller only.
#[derive(Clone)]
pub struct Guard {
    verifier: Verifier,
    sessions: Arc<Sessions>,
}

impl Guard {
    /// A guard that asks this verifier.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, sessions: Arc::new(Sessions::new()) }
    }

    /// Puts the caller into the request, or says no.
    async fn admit<B>(&self, request: &mut Request<B>) -> Option<crate::Caller> {
        match self.verifier.verify(request.headers()).await {
            Ok(caller) => {
                verifier::strip(request.headers_mut());
                self.sessions.unbind(&caller, request.headers_mut());
                request.extensions_mut().insert(caller.clone());
                Some(caller)
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::debug!(%error, cause, "a request without a valid assertion was refused");
                None
            }
        }
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

/// A service behind a [`Guard`].
#[derive(Clone)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Either<Full<Bytes>, R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone may not be ready; the one that was polled is.
        let waiting = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, waiting);
        let guard = self.guard.clone();
        Box::pin(async move {
            let Some(caller) = guard.admit(&mut request).await else { return Ok(unauthorized()) };
            let mut response = inner.call(request).await?;
            guard.sessions.bind(&caller, response.headers_mut());
            Ok(response.map(Either::Right))
        })
    }
}

/// One answer to every stranger (RFC 6750, section 3): which check failed stays in the server's own log.
fn unauthorized<R>() -> Response<Either<Full<Bytes>, R>> {
    let body = Bytes::from_static(b"a valid assertion is required: call through the gateway\n");
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="invalid_token""#));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
