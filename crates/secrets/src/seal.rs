//! Sealing a value, and what a value may be.

use aws_lc_rs::aead::Aad;
use partywall_domain::{Sealed, Secret, SecretName, TenantId};
use zeroize::Zeroize as _;

use crate::keys::{SecretKeys, binding};

/// Longest value, in bytes. Default 4 KiB: what every server takes as a line of a request's head, and twice a long token.
pub const SECRET_BYTES_MAX: usize = 4 << 10;

/// Why a value was not sealed. It says nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// There is nothing in it.
    #[error("the value is empty; give the secret itself")]
    Empty,
    /// It is too long.
    #[error("the value is longer than {SECRET_BYTES_MAX} bytes; a key or a token is expected")]
    TooLong,
    /// It has a character that no header carries.
    #[error(
        "the value has a line break or another control character, which no header carries; give it in one line, without \
         what stands around it"
    )]
    Control,
    /// It begins or ends with a space.
    #[error("the value begins or ends with a space, which is lost on the way; give it without")]
    Space,
    /// The library failed.
    #[error("the value could not be sealed; try again")]
    Failed,
}

impl SecretKeys {
    /// Seals a value for one tenant, under one name.
    pub fn seal(&self, tenant: TenantId, name: &SecretName, value: &Secret) -> Result<Sealed, NotSealed> {
        check(value.reveal())?;
        let key = &self.current;
        // Room for the tag, so that nothing is copied elsewhere while it still is plain text.
        let mut bytes = Vec::with_capacity(value.reveal().len() + key.key.algorithm().tag_len());
        bytes.extend_from_slice(value.reveal().as_bytes());
        let sealed = key.key.seal_in_place_append_tag(Aad::from(binding(key.epoch, tenant, name)), &mut bytes);
        let Ok(nonce) = sealed else {
            bytes.zeroize();
            return Err(NotSealed::Failed);
        };
        Ok(Sealed::new(key.epoch, [&nonce.as_ref()[..], &bytes].concat()))
    }
}

/// A value must be one that a header carries as it is (RFC 9110, section 5.5), whatever it is used for in the end.
fn check(value: &str) -> Result<(), NotSealed> {
    match value {
        "" => Err(NotSealed::Empty),
        _ if value.len() > SECRET_BYTES_MAX => Err(NotSealed::TooLong),
        _ if value.bytes().any(|byte| byte.is_ascii_control()) => Err(NotSealed::Control),
        _ if value.starts_with(' ') || value.ends_with(' ') => Err(NotSealed::Space),
        _ => Ok(()),
    }
}
