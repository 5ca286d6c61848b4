//! The routes that need no token, in a table of their own: there are two, and the door knows them by it.

use axum::response::Response;
use partywall_identity::Operator;

use crate::BoxFuture;
use crate::control::Control;
use crate::health;

/// A route that also answers to whoever sends no token, on this machine and with GET: yes or no and nothing else.
pub struct OpenRoute {
    /// The path.
    pub path: &'static str,
    pub(crate) handler: OpenHandler,
}

type OpenHandler = fn(Control, Option<Operator>) -> BoxFuture<'static, Response>;

/// Every such route there is.
pub static OPEN_ROUTES: [OpenRoute; 2] = [
    OpenRoute { path: "/healthz", handler: |_, _| Box::pin(async move { health::alive() }) },
    OpenRoute { path: "/readyz", handler: |control, operator| Box::pin(health::ready(control, operator)) },
];
