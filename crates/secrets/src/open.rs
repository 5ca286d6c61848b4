//! Opening, for a tenant that is calling; and sealing anew, which tells nobody what was sealed.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use partywall_domain::{Sealed, Secret, SecretName, TenantId};
use partywall_tenancy::{TenantContext, Upkeep};
use zeroize::Zeroizing;

use crate::NotSealed;
use crate::keys::{SecretKeys, binding};

/// Why a secret did not open. For operators; a caller is told that something is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The tenant has none of this name.
    #[error("the tenant has no secret `{0}`")]
    Missing(SecretName),
    /// Its key is not here.
    #[error("secret `{0}` was sealed in epoch {1}, whose key this node does not have")]
    NoKey(SecretName, u32),
    /// The key is here and opens nothing.
    #[error(
        "secret `{0}` does not open: it was sealed under another master key, for another tenant or another name, or it is damaged"
    )]
    Closed(SecretName),
}

impl SecretKeys {
    /// Opens a secret of the tenant that is calling.
    pub fn open(&self, tenant: &TenantContext, name: &SecretName) -> Result<Secret, NotOpened> {
        let sealed = tenant.sealed(name.as_str()).ok_or_else(|| NotOpened::Missing(name.clone()))?;
        self.unseal(tenant.id(), name, sealed)
    }

    /// Opens a secret of a tenant whose instance the gateway keeps warm.
    pub fn open_for_upkeep(&self, upkeep: &Upkeep, name: &SecretName) -> Result<Secret, NotOpened> {
        let tenant = upkeep.config();
        let sealed = tenant.document().secrets.get(name.as_str()).ok_or_else(|| NotOpened::Missing(name.clone()))?;
        self.unseal(tenant.id(), name, sealed)
    }

    /// Opens all of these, for what is started on behalf of the tenant; the first that does not open is the error.
    pub fn open_all<'a>(
        &self,
        tenant: &TenantContext,
        names: impl IntoIterator<Item = &'a SecretName>,
    ) -> Result<BTreeMap<SecretName, Secret>, NotOpened> {
        names.into_iter().map(|name| Ok((name.clone(), self.open(tenant, name)?))).collect()
    }

    /// Seals with the key of now what an earlier one sealed. Nothing of it comes out.
    pub fn reseal(&self, tenant: TenantId, name: &SecretName, sealed: &Sealed) -> Result<Sealed, NotOpened> {
        let value = self.unseal(tenant, name, sealed)?;
        self.seal(tenant, name, &value).map_err(|_: NotSealed| NotOpened::Closed(name.clone()))
    }

    /// For whom it is opened is decided above: nothing outside can ask for a tenant by its id.
    pub(crate) fn unseal(&self, tenant: TenantId, name: &SecretName, sealed: &Sealed) -> Result<Secret, NotOpened> {
        let epoch = sealed.epoch();
        let key = self.find(epoch).ok_or_else(|| NotOpened::NoKey(name.clone(), epoch))?;
        let opened = || {
            let (nonce, sealed) = sealed.bytes().split_at_checked(NONCE_LEN)?;
            let mut bytes = Zeroizing::new(sealed.to_vec());
            let (nonce, binding) = (Nonce::try_assume_unique_for_key(nonce).ok()?, binding(epoch, tenant, name));
            let value = key.key.open_in_place(nonce, Aad::from(binding), &mut bytes).ok()?;
            Some(Secret::new(str::from_utf8(value).ok()?))
        };
        opened().ok_or_else(|| NotOpened::Closed(name.clone()))
    }
}
