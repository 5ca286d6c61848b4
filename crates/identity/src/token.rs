//! A compact JWS taken apart (RFC 7515, section 7.1), before anything in it is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::keys::algorithm_of;
use crate::object::Object;
use crate::unauthenticated::Unauthenticated;

/// Longest token, in bytes. Default 16 KiB: twice what most servers take as a header line.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Longest `kid`, in bytes.
const KID_BYTES_MAX: usize = 128;
/// The header members we understand. Any other could change what the token means (`crit`, `b64`, `zip`) or point
/// to a key of the sender's choice (`jwk`, `jku`, `x5u`, `x5c`), so a token that has one is refused.
const HEADER_MEMBERS: [&str; 5] = ["alg", "typ", "kid", "cty", "x5t"];

/// A token's parts. Nothing here is verified.
pub(crate) struct Unverified<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) typ: Option<String>,
    pub(crate) kid: Option<String>,
    pub(crate) claims: Object,
    pub(crate) signed: &'a str,
    pub(crate) signature: &'a str,
}

impl<'a> Unverified<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, Unauthenticated> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Unauthenticated::Malformed("the token is over 16 KiB"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Unauthenticated::Opaque)?;
        let (header, payload) = signed.split_once('.').ok_or(Unauthenticated::Opaque)?;
        if payload.contains('.') || signature.is_empty() {
            return Err(Unauthenticated::Malformed("a signed token has three parts"));
        }
        let header = object(header)?;
        Ok(Self {
            algorithm: algorithm(&header)?,
            typ: text(&header, "typ")?,
            kid: text(&header, "kid")?,
            claims: object(payload)?,
            signed,
            signature,
        })
    }
}

fn object(part: &str) -> Result<Object, Unauthenticated> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Unauthenticated::Malformed("a part is not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| Unauthenticated::Malformed("a part is not a JSON object"))
}

fn algorithm(header: &Object) -> Result<Algorithm, Unauthenticated> {
    if header.0.keys().any(|name| !HEADER_MEMBERS.contains(&name.as_str())) {
        return Err(Unauthenticated::Malformed("the header has a member that is not understood"));
    }
    let name = header.0.get("alg").and_then(Value::as_str).unwrap_or_default();
    algorithm_of(name).ok_or(Unauthenticated::Malformed("`alg` is none of RS, PS, ES256, ES384 and EdDSA"))
}

fn text(header: &Object, name: &str) -> Result<Option<String>, Unauthenticated> {
    match header.0.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=KID_BYTES_MAX).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(Unauthenticated::Malformed("a header member is not a short text")),
    }
}
