//! The key ring: one master key for a deployment, and from it a key for each purpose.
//!
//! Each crate gets its purpose key and no other. Private signing keys stand wrapped in the store.

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use partywall_identity::{Job, SystemAuthority};
use partywall_secrets::{SecretKey, SecretKeys};
use partywall_store::Store;
use partywall_tenancy::{SealKey, SealKeys};

use crate::data::Data;

/// The environment variable that holds the master key where it does not stand beside the data.
pub(crate) const MASTER_KEY_VARIABLE: &str = "PARTYWALL_MASTER_KEY";
/// The key that signs assertions.
pub(crate) const ASSERTIONS: &str = "assertions";
/// The key of the demo's own issuer.
pub(crate) const DEVELOPMENT_ISSUER: &str = "development-issuer";

pub(crate) struct KeyRing(Prk);

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl KeyRing {
    /// From the environment, or from the file beside the data, which the first start makes. Says whether it made it.
    pub(crate) fn open(data: &Data) -> anyhow::Result<(Self, bool)> {
        let (place, (text, made)) = match std::env::var(MASTER_KEY_VARIABLE) {
            Ok(text) => (format!("`{MASTER_KEY_VARIABLE}`"), (text, false)),
            // A store without the key that its keys are wrapped with is not given another: nothing in it would open.
            Err(_) if data.store().exists() && !data.has("master.key") => bail!(
                "`{}` has a store and no `master.key`; restore the file, or set {MASTER_KEY_VARIABLE}",
                data.path().display()
            ),
            Err(_) => (format!("`{}/master.key`", data.path().display()), data.secret("master.key", random)?),
        };
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok().filter(|bytes| bytes.len() == 32);
        let bytes = bytes.ok_or_else(|| {
            anyhow!("the master key in {place} is not 32 bytes in base64url; restore the one that was made first")
        })?;
        Ok((Self(Salt::new(HKDF_SHA256, b"partywall master key").extract(&bytes)), made))
    }

    /// What seals session ids.
    pub(crate) fn seal_keys(&self) -> anyhow::Result<SealKeys> {
        let key = SealKey::new(self.derive(b"session id, epoch 1")?, &self.derive(b"session, epoch 1")?);
        Ok(SealKeys::new(key.ok_or_else(|| anyhow!("the session key was refused"))?, Vec::new()))
    }

    /// What seals tenants' secrets, in this epoch; the keys of those before it still open.
    pub(crate) fn secret_keys(&self, epoch: u32) -> anyhow::Result<SecretKeys> {
        let key = |epoch| {
            let bytes = self.derive(format!("secret, epoch {epoch}").as_bytes())?;
            SecretKey::new(epoch, &bytes).ok_or_else(|| anyhow!("the key of secrets was refused"))
        };
        Ok(SecretKeys::new(key(epoch)?, (1..epoch).rev().map(key).collect::<anyhow::Result<_>>()?))
    }

    /// The signing key of that name (P-256, PKCS #8), made and kept on first use.
    pub(crate) fn signing_key(
        &self,
        store: &Store,
        authority: &SystemAuthority,
        name: &str,
    ) -> anyhow::Result<Vec<u8>> {
        let store = store.system(authority, Job::Prepare);
        let wrapped = match store.key(name)? {
            Some(wrapped) => wrapped,
            None => store.put_key_if_absent(name, &self.wrap(name, &new_signing_key()?)?)?,
        };
        self.unwrap(name, &wrapped)
    }

    /// The signing key of that name, if there is one.
    pub(crate) fn existing_signing_key(
        &self,
        store: &Store,
        authority: &SystemAuthority,
        name: &str,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        let wrapped = store.system(authority, Job::Prepare).key(name)?;
        wrapped.map(|wrapped| self.unwrap(name, &wrapped)).transpose()
    }

    fn derive<const N: usize>(&self, purpose: &[u8]) -> anyhow::Result<[u8; N]> {
        let mut key = [0; N];
        let info = [purpose];
        let derived = self.0.expand(&info, Bytes(N)).and_then(|material| material.fill(&mut key));
        derived.map_err(|_| anyhow!("a purpose key could not be derived"))?;
        Ok(key)
    }

    fn wrapping_key(&self) -> anyhow::Result<RandomizedNonceKey> {
        let key: [u8; 32] = self.derive(b"key wrapping, epoch 1")?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).context("the wrapping key was refused")
    }

    fn wrap(&self, name: &str, secret: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut sealed = secret.to_vec();
        let nonce = self.wrapping_key()?.seal_in_place_append_tag(Aad::from(name), &mut sealed);
        let nonce = nonce.map_err(|_| anyhow!("key `{name}` could not be wrapped"))?;
        Ok([&nonce.as_ref()[..], &sealed].concat())
    }

    fn unwrap(&self, name: &str, wrapped: &[u8]) -> anyhow::Result<Vec<u8>> {
        let Some((nonce, sealed)) = wrapped.split_at_checked(NONCE_LEN) else {
            bail!("key `{name}` in the store is damaged")
        };
        let mut sealed = sealed.to_vec();
        let plain =
            self.wrapping_key()?.open_in_place(Nonce::try_assume_unique_for_key(nonce)?, Aad::from(name), &mut sealed);
        plain.map(|plain| plain.to_vec()).map_err(|_| {
            anyhow!(
                "key `{name}` does not open: the master key is not the one it was wrapped with; restore `master.key`"
            )
        })
    }
}

/// 256 random bits in base64url.
pub(crate) fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn new_signing_key() -> anyhow::Result<Vec<u8>> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .map_err(|_| anyhow!("no signing key could be made"))?;
    Ok(pair.to_pkcs8v1().map_err(|_| anyhow!("the new signing key could not be written"))?.as_ref().to_vec())
}
