//! What a change of secrets makes of tenants: one is set, one is taken away, or some are sealed anew.
//!
//! Values come in; there is no way by which one goes out. Whether a server asks for one that would be gone is found where
//! all else is found that does not fit, in compiling.

use partywall_documents::{Document, Kind, Secrets};
use partywall_domain::{Secret, SecretName, TenantId};
use partywall_secrets::{NotOpened, NotSealed, SecretKeys};
use partywall_store::{Difference, PlatformStore, StoreError};

/// Most secrets of one tenant. Default 64: a key for each of some dozens of servers, and 256 KiB at the very most.
const SECRETS_MAX: usize = 64;
/// Most tenants whose secrets are sealed anew in one revision. Default 10,000: what one difference shows; what is left is
/// the next revision's.
const RESEALED_MAX: usize = 10_000;

/// What somebody wants of secrets.
pub(crate) enum Change {
    /// This value shall stand.
    Set(String, SecretName, Secret),
    /// None of this name shall stand.
    Delete(String, SecretName),
    /// What another epoch's key sealed shall be sealed by the key of now: of one tenant, or of all.
    Reseal(Option<String>),
}

/// Why nothing was done with a secret.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The value is none that can be kept.
    #[error(transparent)]
    NotSealed(#[from] NotSealed),
    /// There is no such secret.
    #[error("tenant `{0}` has no secret `{1}`; nothing was changed")]
    Absent(String, SecretName),
    /// The tenant has as many as it may.
    #[error("tenant `{0}` has {SECRETS_MAX} secrets, as many as it may; delete one that no server asks for")]
    TooMany(String),
    /// One of an earlier epoch does not open.
    #[error("tenant `{0}`: {1}; set it anew, or delete it, then try again")]
    NotOpened(String, NotOpened),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Change {
    /// What it makes of the tenants it is about.
    pub(crate) fn differences(
        &self,
        platform: &PlatformStore<'_>,
        keys: &SecretKeys,
    ) -> Result<Vec<Difference>, NotDone> {
        match self {
            Self::Set(tenant, name, value) => {
                of(platform, tenant, |id, secrets| set(keys, (tenant, id), secrets, name, value))
            }
            Self::Delete(tenant, name) => of(platform, tenant, |_, secrets| match secrets.remove(name) {
                Some(_) => Ok(()),
                None => Err(NotDone::Absent(tenant.clone(), name.clone())),
            }),
            Self::Reseal(tenant) => {
                if let Some(tenant) = tenant {
                    standing(platform, tenant)?;
                }
                let tenants = platform.tenants_sealed_otherwise(keys.epoch(), tenant.as_deref(), RESEALED_MAX)?;
                let anew = |tenant: &String| of(platform, tenant, |id, secrets| reseal(keys, (tenant, id), secrets));
                let all: Vec<_> = tenants.iter().map(anew).collect::<Result<_, _>>()?;
                Ok(all.into_iter().flatten().collect())
            }
        }
    }
}

/// What becomes of a tenant whose secrets become others.
fn of(
    platform: &PlatformStore<'_>,
    tenant: &str,
    change: impl FnOnce(TenantId, &mut Secrets) -> Result<(), NotDone>,
) -> Result<Vec<Difference>, NotDone> {
    let before = standing(platform, tenant)?;
    let mut after = before.clone();
    change(before.tenant_id.unwrap_or(TenantId::NOBODY), &mut after.secrets)?;
    Ok(vec![Difference { kind: Kind::Tenant, name: tenant.to_owned(), before: Some(before), after: Some(after) }])
}

fn standing(platform: &PlatformStore<'_>, tenant: &str) -> Result<Document, StoreError> {
    platform.standing(Kind::Tenant, tenant)?.ok_or_else(|| StoreError::Absent(Kind::Tenant, tenant.to_owned()))
}

fn set(
    keys: &SecretKeys,
    (tenant, id): (&str, TenantId),
    secrets: &mut Secrets,
    name: &SecretName,
    value: &Secret,
) -> Result<(), NotDone> {
    if secrets.len() >= SECRETS_MAX && !secrets.contains_key(name) {
        return Err(NotDone::TooMany(tenant.to_owned()));
    }
    secrets.insert(name.clone(), keys.seal(id, name, value)?);
    Ok(())
}

fn reseal(keys: &SecretKeys, (tenant, id): (&str, TenantId), secrets: &mut Secrets) -> Result<(), NotDone> {
    for (name, sealed) in secrets.iter_mut().filter(|(_, sealed)| sealed.epoch() != keys.epoch()) {
        *sealed = keys.reseal(id, name, sealed).map_err(|why| NotDone::NotOpened(tenant.to_owned(), why))?;
    }
    Ok(())
}
