//! Every route of the admin API, in one table. A handler's type asks for an [`Operator`], so there is no writing one
//! that answers to anybody else. The two that do, which say whether the node lives, are a table of their own.

mod secret;

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Extension, Json, RequestExt, Router};
use partywall_domain::{RequestId, Revision};
use partywall_identity::Operator;
use partywall_store::StoreError;
use serde::de::DeserializeOwned;

use crate::BoxFuture;
use crate::config;
use crate::control::Control;
use crate::door::guard;
use crate::explain;
use crate::instances;
use crate::issuer;
use crate::metrics;
use crate::open::OPEN_ROUTES;
use crate::refused::Refused;
use crate::top;
use crate::view;
use crate::wire::{Applied, Apply, Explain, Explanation, Issuer, Issuers, Rollback, Tenant, Tenants};

/// Most bytes of a request's body. Default 16 MiB: the documents of ten thousand tenants in one apply.
const BODY_BYTES_MAX: usize = 16 << 20;
/// What to look at where the two ends do not understand each other.
const SAME_VERSION: &str = "is `partywall` here and there of the same version?";

/// A row of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; what stands in braces is the caller's.
    pub path: &'static str,
    handler: Handler,
}

type Handler = fn(Control, Operator, Request) -> BoxFuture<'static, Response>;

/// Every route there is.
pub static ROUTES: [Route; 20] = [
    Route {
        method: Method::POST,
        path: "/api/v1/apply",
        handler: |control, operator, request| Box::pin(async move { answer(apply(control, operator, request).await) }),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/config/history",
        handler: |control, operator, request| {
            Box::pin(async move { answer(read(control, operator, request, config::history).await) })
        },
    },
    Route {
        method: Method::GET,
        path: "/api/v1/config/diff",
        handler: |control, operator, request| {
            Box::pin(async move { answer(read(control, operator, request, config::diff).await) })
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/config/rollback",
        handler: |control, operator, request| {
            Box::pin(async move { answer(rollback(control, operator, request).await) })
        },
    },
    Route {
        method: Method::GET,
        path: "/api/v1/tenants",
        handler: |control, operator, _| Box::pin(async move { answer(tenants(control, operator).await) }),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/tenants/{name}",
        handler: |control, operator, request| Box::pin(async move { answer(tenant(control, operator, request).await) }),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/tenants/{name}/secrets",
        handler: |control, operator, request| {
            Box::pin(async move { answer(secret::list(control, operator, request).await) })
        },
    },
    Route {
        method: Method::PUT,
        path: "/api/v1/tenants/{name}/secrets/{secret}",
        handler: |control, operator, request| {
            Box::pin(async move { answer(secret::set(control, operator, request).await) })
        },
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/tenants/{name}/secrets/{secret}",
        handler: |control, operator, request| {
            Box::pin(async move { answer(secret::delete(control, operator, request).await) })
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/secrets/rotate",
        handler: |control, operator, request| {
            Box::pin(async move { answer(secret::reseal(control, operator, request).await) })
        },
    },
    Route {
        method: Method::GET,
        path: "/api/v1/issuers",
        handler: |control, operator, _| Box::pin(async move { answer(issuers(control, operator).await) }),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/issuers/{name}",
        handler: |control, operator, request| Box::pin(async move { answer(issuer(control, operator, request).await) }),
    },
    Route {
        method: Method::POST,
        path: "/api/v1/explain",
        handler: |control, operator, request| {
            Box::pin(async move { answer(explain_token(control, operator, request).await) })
        },
    },
    Route {
        method: Method::GET,
        path: "/api/v1/requests/{id}",
        handler: |control, operator, request| {
            Box::pin(async move { answer(explain_request(control, operator, request).await) })
        },
    },
    Route {
        method: Method::GET,
        path: "/api/v1/instances",
        handler: |control, _, _| Box::pin(async move { answer(instances::list(control).await) }),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/instances/{id}",
        handler: |control, _, request| Box::pin(async move { answer(instances::show(control, request).await) }),
    },
    Route {
        method: Method::POST,
        path: "/api/v1/instances/{id}/stop",
        handler: |control, _, request| Box::pin(async move { answer(instances::stop(control, request).await) }),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/instance-logs",
        handler: |control, _, request| Box::pin(async move { answer(instances::logs(control, request).await) }),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/top",
        handler: |control, _, request| Box::pin(async move { answer(top::top(control, request).await) }),
    },
    Route {
        method: Method::GET,
        path: "/metrics",
        handler: |control, _, _| Box::pin(async move { answer(metrics::page(control).await) }),
    },
];

/// The admin API. Everything in it stands behind the door, what does not exist included.
pub fn router(control: Control) -> Router {
    let mut router = Router::new();
    for route in &ROUTES {
        let handler = route.handler;
        let handle = move |State(control): State<Control>,
                           Extension(operator): Extension<Operator>,
                           request: Request| { handler(control, operator, request) };
        // Every method in the table is one that HTTP names, and for those there is a filter.
        if let Ok(filter) = MethodFilter::try_from(route.method.clone()) {
            router = router.route(route.path, on(filter, handle));
        }
    }
    for route in &OPEN_ROUTES {
        let handler = route.handler;
        let handle = move |State(control): State<Control>, operator: Option<Extension<Operator>>| {
            handler(control, operator.map(|Extension(operator)| operator))
        };
        router = router.route(route.path, on(MethodFilter::GET, handle));
    }
    router
        .fallback(no_path)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(control.clone(), guard))
        .with_state(control)
}

async fn apply(control: Control, operator: Operator, request: Request) -> Result<Json<Applied>, Refused> {
    let asked: Apply = body(request.into_body()).await?;
    let applied = control.apply_as(&operator, &asked.files, asked.dry_run, asked.reason.as_deref()).await;
    Ok(Json(applied?))
}

async fn rollback(control: Control, operator: Operator, request: Request) -> Result<Json<Applied>, Refused> {
    let asked: Rollback = body(request.into_body()).await?;
    let rolled = control.roll_back_as(&operator, Revision(asked.to), asked.dry_run, asked.reason.as_deref()).await;
    Ok(Json(rolled?))
}

/// Reads of the store what a query asks for, on a thread that may block.
async fn read<Q: DeserializeOwned + Send + 'static, A: Send + 'static>(
    control: Control,
    operator: Operator,
    mut request: Request,
    of: fn(&Control, &Operator, &Q) -> Result<A, StoreError>,
) -> Result<Json<A>, Refused> {
    let asked = query(&mut request).await?;
    let work = tokio::task::spawn_blocking(move || of(&control, &operator, &asked));
    Ok(Json(work.await.map_err(|_| Refused::fault("the work was cut off"))??))
}

async fn query<Q: DeserializeOwned + Send + 'static>(request: &mut Request) -> Result<Q, Refused> {
    let query: Result<Query<Q>, _> = request.extract_parts().await;
    let Query(asked) = query.map_err(|error| {
        let message = format!("the query is not what this route takes: {}", error.body_text());
        Refused::new(StatusCode::BAD_REQUEST, message, SAME_VERSION)
    })?;
    Ok(asked)
}

async fn tenants(control: Control, operator: Operator) -> Result<Json<Tenants>, Refused> {
    look(control, operator, view::tenants).await.map(Json)
}

async fn tenant(control: Control, operator: Operator, mut request: Request) -> Result<Json<Tenant>, Refused> {
    let name = path_segment(&mut request, "tenant").await?;
    let (asked, ledger) = (name.clone(), control.parts().ledger.clone());
    let tenant = look(control, operator, move |snapshot| view::tenant(&ledger, snapshot, &asked)).await?;
    tenant.map(Json).ok_or_else(|| no_tenant(&name))
}

fn no_tenant(name: &str) -> Refused {
    let message = format!("no tenant `{name}`");
    Refused::new(StatusCode::NOT_FOUND, message, "`partywall tenant list` shows those there are")
}

async fn issuers(control: Control, operator: Operator) -> Result<Json<Issuers>, Refused> {
    let about = control.clone();
    look(control, operator, move |snapshot| issuer::all(about.parts(), snapshot)).await.map(Json)
}

/// One issuer. Its keys are fetched if they are not here yet, so that what is said of them is of now.
async fn issuer(control: Control, operator: Operator, mut request: Request) -> Result<Json<Issuer>, Refused> {
    let name = path_segment(&mut request, "issuer").await?;
    let asked = name.clone();
    let found = look(control.clone(), operator, move |snapshot| issuer::named(snapshot, &asked)).await?;
    let (settings, about) = found.ok_or_else(|| {
        let message = format!("no issuer `{name}`");
        Refused::new(StatusCode::NOT_FOUND, message, "`partywall issuer list` shows those there are")
    })?;
    issuer::fetch_keys(control.parts(), &settings, None).await;
    Ok(Json(issuer::view(control.parts(), &settings, about)))
}

async fn explain_token(control: Control, operator: Operator, request: Request) -> Result<Json<Explanation>, Refused> {
    let asked: Arc<Explain> = Arc::new(body(request.into_body()).await?);
    let (about, token) = (control.clone(), Arc::clone(&asked));
    let lacks =
        look(control.clone(), operator.clone(), move |snapshot| explain::lacks(about.parts(), snapshot, &token));
    if let Some((issuer, kid)) = lacks.await? {
        issuer::fetch_keys(control.parts(), &issuer, kid.as_deref()).await;
    }
    let about = control.clone();
    look(control, operator, move |snapshot| explain::token(about.parts(), snapshot, &asked)).await.map(Json)
}

async fn explain_request(
    control: Control,
    operator: Operator,
    mut request: Request,
) -> Result<Json<Explanation>, Refused> {
    let Path(id): Path<String> = request.extract_parts().await.map_err(|_| not_an_id())?;
    let id: RequestId = id.parse().map_err(|_| not_an_id())?;
    let about = control.clone();
    let explained = look(control, operator, move |snapshot| explain::request(about.parts(), snapshot, id)).await?;
    let explained = explained.map_err(|error| Refused::fault(format!("the journal cannot be read: {error}")))?;
    explained.map(Json).ok_or_else(|| {
        let hint = "ids stand in the `partywall-request-id` header of answers and in log lines of this node";
        Refused::new(StatusCode::NOT_FOUND, format!("no request `{id}` in this node's journal"), hint)
    })
}

/// The name in the path.
async fn path_segment(request: &mut Request, of: &str) -> Result<String, Refused> {
    let Path(name): Path<String> = request.extract_parts().await.map_err(|_| {
        Refused::new(StatusCode::BAD_REQUEST, format!("the {of}'s name is not text"), "write it as it is listed")
    })?;
    Ok(name)
}

fn not_an_id() -> Refused {
    let hint = "ids stand in the `partywall-request-id` header of answers and in log lines";
    Refused::new(StatusCode::BAD_REQUEST, "this is not a request id: 32 hexadecimal digits are expected", hint)
}

/// Looks at the configuration that stands, on a thread that may block.
async fn look<T: Send + 'static>(
    control: Control,
    operator: Operator,
    view: impl FnOnce(&partywall_tenancy::Snapshot) -> T + Send + 'static,
) -> Result<T, Refused> {
    let work = tokio::task::spawn_blocking(move || control.standing(&operator).map(|snapshot| view(&snapshot)));
    Ok(work.await.map_err(|_| Refused::fault("the work was cut off"))??)
}

async fn body<T: DeserializeOwned>(body: Body) -> Result<T, Refused> {
    serde_json::from_slice(&bytes(body).await?).map_err(|error| {
        let message = format!("the body is not what this route takes: {error}");
        Refused::new(StatusCode::BAD_REQUEST, message, SAME_VERSION)
    })
}

async fn bytes(body: Body) -> Result<Bytes, Refused> {
    to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| {
        let message = format!("the body is longer than {BODY_BYTES_MAX} bytes, or did not arrive whole");
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, message, "apply fewer files at a time")
    })
}

fn answer(result: Result<impl IntoResponse, Refused>) -> Response {
    result.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

async fn no_path() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "no such path", SAME_VERSION)
}

async fn no_method() -> Refused {
    let message = "the method is not served at this path";
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, message, "the `Allow` header names those that are")
}
