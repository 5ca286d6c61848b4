//! An OAuth authorization server that the platform trusts.

use std::hash::{DefaultHasher, Hash, Hasher};

use jsonwebtoken::Algorithm;
use partywall_domain::{IssuerName, Shape};

use crate::keys::KeySet;
use crate::unauthenticated::Unauthenticated;

/// What an operator says of an issuer.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The name of its document.
    pub name: IssuerName,
    /// Its `iss`, compared byte for byte. Where a provider has an `iss` for each of its own tenants, `{CLAIM}` stands
    /// for the value of the tenant claim.
    pub url: String,
    /// How its access tokens are shaped.
    pub shape: Shape,
    /// Where in its tokens the tenant stands: member names joined by `.`; none if the issuer alone says it.
    pub tenant_claim: Option<String>,
    /// Audiences that count beside the resource itself, for providers that do not know resource indicators (RFC 8707).
    pub audiences: Vec<String>,
    /// The OAuth clients whose tokens count; empty: any. Where a provider's tokens have no `aud`, these stand for it.
    pub clients: Vec<String>,
    /// The algorithms that count; empty: all that its keys allow.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys come from.
    pub keys: KeyOrigin,
    /// Whether clients that have no token yet are told of it.
    pub listed: bool,
    /// Whether it is the demo's issuer, whose tokens anybody with the data folder can make.
    pub development: bool,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The operator gave them: a JWK set (RFC 7517, section 5), as JSON text.
    Given(String),
    /// They are fetched.
    Fetched {
        /// From this URL; none: from where the issuer's metadata says (RFC 8414).
        url: Option<String>,
        /// Networks that are not public and may be asked all the same, as `10.0.0.0/8`.
        private_networks: Vec<String>,
    },
}

/// A trusted issuer, ready to verify with. Part of the snapshot.
pub struct Issuer {
    settings: IssuerSettings,
    given: Option<KeySet>,
    epoch: u64,
}

impl Issuer {
    /// Reads the keys, where they are given. The error says what is wrong with the set.
    pub fn new(settings: IssuerSettings) -> Result<Self, String> {
        let given = match &settings.keys {
            KeyOrigin::Given(text) => Some(KeySet::given(text)?),
            KeyOrigin::Fetched { .. } => None,
        };
        let mut hasher = DefaultHasher::new();
        format!("{settings:?}").hash(&mut hasher);
        Ok(Self { settings, given, epoch: hasher.finish() })
    }

    /// What the operator said of it.
    pub fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// The `iss` of its tokens for the tenant with this claim value; `None` if its `iss` is the same for all.
    pub fn url_for(&self, value: &str) -> Option<String> {
        let placeholder = format!("{{{}}}", self.settings.tenant_claim.as_deref()?);
        self.settings.url.contains(&placeholder).then(|| self.settings.url.replace(&placeholder, value))
    }

    /// A number that is another when its document is another: what was verified under one epoch counts in that alone.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The keys that its document gives; none: they are fetched.
    pub fn given(&self) -> Option<&KeySet> {
        self.given.as_ref()
    }

    /// An `iss` that names a tenant and a claim that names another are two tokens in one.
    pub(crate) fn check_url(&self, claimed: &str, tenant: Option<&str>) -> Result<(), Unauthenticated> {
        let expected = self.url_for(tenant.unwrap_or_default()).unwrap_or_else(|| self.settings.url.clone());
        if expected == claimed {
            Ok(())
        } else {
            Err(Unauthenticated::Claim("iss".to_owned(), "is not that of the tenant claim"))
        }
    }
}
