//! `/api/v1/instances`: what runs for whom, what it says, and its end.

use axum::extract::{Path, Query, Request};
use axum::http::StatusCode;
use axum::{Json, RequestExt as _};
use partywall_domain::TenantId;
use serde::Deserialize;

use crate::control::Control;
use crate::refused::Refused;
use crate::wire::{Instance, InstanceLog, Instances, Stopped};

/// `GET /api/v1/instances`.
pub(crate) async fn list(control: Control) -> Result<Json<Instances>, Refused> {
    let instances = all(&control).await?;
    Ok(Json(Instances { tiers: control.parts().tiers.tiers(), instances }))
}

/// `GET /api/v1/instances/{id}`.
pub(crate) async fn show(control: Control, mut request: Request) -> Result<Json<Instance>, Refused> {
    let id = id_in(&mut request).await?;
    all(&control).await?.into_iter().find(|instance| instance.id == id).map(Json).ok_or_else(|| unknown(&id))
}

/// `POST /api/v1/instances/{id}/stop`.
pub(crate) async fn stop(control: Control, mut request: Request) -> Result<Json<Stopped>, Refused> {
    let id = id_in(&mut request).await?;
    if control.parts().tiers.stop(&id) { Ok(Json(Stopped { id })) } else { Err(unknown(&id)) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    server: String,
    /// None: of instances that serve all tenants.
    tenant: Option<String>,
}

/// `GET /api/v1/instance-logs?server=NAME&tenant=NAME`.
pub(crate) async fn logs(control: Control, mut request: Request) -> Result<Json<InstanceLog>, Refused> {
    let hint = "write for example `?tenant=acme&server=git`";
    let wrong = |what: String| Refused::new(StatusCode::BAD_REQUEST, what, hint);
    let Query(asked) = request.extract_parts::<Query<Asked>>().await.map_err(|error| wrong(error.body_text()))?;
    let server = asked.server.parse().map_err(|why: partywall_domain::InvalidName| wrong(why.to_string()))?;
    let snapshot = control.parts().snapshot.load();
    let tenant = asked.tenant.map(|name| {
        let hint = "`partywall tenant list` shows those there are";
        let id = snapshot.tenant(&name).map(|tenant| tenant.id());
        id.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, format!("no tenant `{name}`"), hint))
    });
    Ok(Json(InstanceLog { lines: control.parts().tiers.said(tenant.transpose()?, &server) }))
}

/// Reading what instances used takes a few files each: not on a thread that serves calls.
async fn all(control: &Control) -> Result<Vec<Instance>, Refused> {
    let about = control.clone();
    let read = tokio::task::spawn_blocking(move || about.parts().tiers.list()).await;
    let found = read.map_err(|_| Refused::fault("the instances could not be read"))?;
    let snapshot = control.parts().snapshot.load();
    let named = |(tenant, instance): (Option<TenantId>, Instance)| {
        let name = tenant.and_then(|id| snapshot.name_of(id));
        Instance { tenant: name.map(ToString::to_string), ..instance }
    };
    Ok(found.into_iter().map(named).collect())
}

async fn id_in(request: &mut Request) -> Result<String, Refused> {
    let Path(id): Path<String> = request.extract_parts().await.map_err(|_| unknown("?"))?;
    Ok(id)
}

fn unknown(id: &str) -> Refused {
    let hint = "`partywall instance list` shows those there are";
    Refused::new(StatusCode::NOT_FOUND, format!("no instance `{id}`"), hint)
}
