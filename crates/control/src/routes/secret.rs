//! The routes of tenants' secrets. Nothing of a value is in any answer, refusals included.

use std::collections::BTreeMap;

use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::{Json, RequestExt};
use partywall_domain::{Secret, SecretName};
use partywall_identity::Operator;
use partywall_tenancy::TenantConfig;

use super::{SAME_VERSION, body, bytes, no_tenant, path_segment, query};
use crate::control::{Control, Unreadable};
use crate::draft::Wanted;
use crate::refused::Refused;
use crate::secrets::Change;
use crate::wire::{Applied, Asked, Reseal, SecretLine, Secrets, SetSecret};

pub(super) async fn list(control: Control, operator: Operator, mut request: Request) -> Result<Json<Secrets>, Refused> {
    let tenant = path_segment(&mut request, "tenant").await?;
    let asked = tenant.clone();
    let work = tokio::task::spawn_blocking(move || listed(&control, &operator, &asked));
    let listed = work.await.map_err(|_| Refused::fault("the work was cut off"))??;
    listed.map(Json).ok_or_else(|| no_tenant(&tenant))
}

pub(super) async fn set(control: Control, operator: Operator, mut request: Request) -> Result<Json<Applied>, Refused> {
    let (tenant, name) = named(&mut request).await?;
    // What serde has to say would cite what it found.
    let read = serde_json::from_slice(&bytes(request.into_body()).await?).map_err(|_| {
        let message = "the body is not what this route takes: `{ \"value\": \"…\" }` is expected";
        Refused::new(StatusCode::BAD_REQUEST, message, SAME_VERSION)
    });
    let SetSecret { value, dry_run, reason } = read?;
    let what = format!("secret `{name}` of `{tenant}` set");
    let change = Change::Set(tenant, name, Secret::new(value));
    make(&control, &operator, change, &Asked { dry_run, reason }, &what).await
}

pub(super) async fn delete(
    control: Control,
    operator: Operator,
    mut request: Request,
) -> Result<Json<Applied>, Refused> {
    let (tenant, name) = named(&mut request).await?;
    let asked: Asked = query(&mut request).await?;
    let what = format!("secret `{name}` of `{tenant}` deleted");
    make(&control, &operator, Change::Delete(tenant, name), &asked, &what).await
}

pub(super) async fn reseal(control: Control, operator: Operator, request: Request) -> Result<Json<Applied>, Refused> {
    let Reseal { tenant, dry_run, reason } = body(request.into_body()).await?;
    let what = format!("secrets sealed in epoch {}", control.parts().secrets.epoch());
    make(&control, &operator, Change::Reseal(tenant), &Asked { dry_run, reason }, &what).await
}

/// Makes the change. The history says what was done where the operator does not say why.
async fn make(
    control: &Control,
    operator: &Operator,
    change: Change,
    asked: &Asked,
    what: &str,
) -> Result<Json<Applied>, Refused> {
    let reason = asked.reason.as_deref().unwrap_or(what);
    Ok(Json(control.make(operator, Wanted::Secrets(change), asked.dry_run, Some(reason)).await?))
}

/// The tenant and the secret in the path.
async fn named(request: &mut Request) -> Result<(String, SecretName), Refused> {
    let wrong = |message: String| Refused::new(StatusCode::BAD_REQUEST, message, "write both names as they are listed");
    let Path((tenant, secret)): Path<(String, String)> =
        request.extract_parts().await.map_err(|_| wrong("the names of tenant and secret are not text".to_owned()))?;
    let secret = secret.parse().map_err(|error| wrong(format!("{error}")))?;
    Ok((tenant, secret))
}

/// The secrets of a tenant: how each came about, and which servers ask for it. None if there is no such tenant. Blocks.
fn listed(control: &Control, operator: &Operator, tenant: &str) -> Result<Option<Secrets>, Unreadable> {
    let snapshot = control.standing(operator)?;
    let Some(config) = snapshot.tenant(tenant) else { return Ok(None) };
    let asked_for = asked_for(config);
    let lines = control.parts().store.platform(operator).secrets(tenant)?.into_iter().map(|set| SecretLine {
        servers: asked_for.get(set.name.as_str()).cloned().unwrap_or_default(),
        name: set.name,
        revision: set.revision.0,
        at: set.at,
        author: set.author,
        epoch: set.epoch,
    });
    let (epoch, secrets) = (control.parts().secrets.epoch(), lines.collect());
    Ok(Some(Secrets { revision: snapshot.revision().0, tenant: tenant.to_owned(), epoch, secrets }))
}

/// Which servers ask for which secret.
fn asked_for(tenant: &TenantConfig) -> BTreeMap<&str, Vec<String>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for grant in tenant.servers() {
        for secret in grant.server().secrets(grant.placement()) {
            all.entry(secret.as_str()).or_default().push(grant.server().name.to_string());
        }
    }
    all
}
