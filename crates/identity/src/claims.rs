//! What a verified token claims, read strictly: a claim of the wrong type is a refusal, never a default.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::object::Object;
use crate::resource::Resource;
use crate::unauthenticated::Unauthenticated;

/// Seconds by which an issuer's clock may differ from ours.
const LEEWAY_S: u64 = 30;
/// Longest subject, client or tenant claim, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// Longest scope claim, in bytes.
const SCOPE_BYTES_MAX: usize = 4096;

impl Object {
    /// A required text without control characters.
    pub(crate) fn text(&self, name: &'static str) -> Result<String, Unauthenticated> {
        self.text_if_any(name)?.ok_or(Unauthenticated::Claim(name, "is missing"))
    }

    pub(crate) fn text_if_any(&self, name: &'static str) -> Result<Option<String>, Unauthenticated> {
        self.0
            .get(name)
            .map(|value| bounded(value, TEXT_BYTES_MAX).map_err(|why| Unauthenticated::Claim(name, why)))
            .transpose()
    }

    /// The scopes; a token without the claim has none.
    pub(crate) fn scope(&self) -> Result<String, Unauthenticated> {
        match self.0.get("scope") {
            None => Ok(String::new()),
            Some(Value::String(text)) if text.is_empty() => Ok(String::new()),
            Some(value) => bounded(value, SCOPE_BYTES_MAX).map_err(|why| Unauthenticated::Claim("scope", why)),
        }
    }

    /// The value at the issuer's tenant claim: names joined by `.`, each a member of the object before it.
    pub(crate) fn tenant(&self, path: &str) -> Result<Option<String>, Unauthenticated> {
        let mut names = path.split('.');
        let mut value = names.next().and_then(|first| self.0.get(first));
        for name in names {
            value = value.and_then(|inner| inner.get(name));
        }
        value
            .map(|value| bounded(value, TEXT_BYTES_MAX).map_err(|why| Unauthenticated::Claim("tenant claim", why)))
            .transpose()
    }

    /// Refuses a token that was issued for another resource (RFC 9068, section 4).
    pub(crate) fn check_audience(&self, resource: &Resource) -> Result<(), Unauthenticated> {
        let accepted = match self.0.get("aud") {
            Some(Value::String(audience)) => resource.accepts(audience),
            Some(Value::Array(all)) if all.iter().all(Value::is_string) => {
                all.iter().filter_map(Value::as_str).any(|audience| resource.accepts(audience))
            }
            _ => return Err(Unauthenticated::Claim("aud", "is missing, or neither a text nor a list of texts")),
        };
        if accepted { Ok(()) } else { Err(Unauthenticated::Audience) }
    }

    /// Refuses a token outside its time and returns its end, in seconds since the epoch (RFC 7519, section 4.1).
    pub(crate) fn check_time(&self, now: SystemTime) -> Result<u64, Unauthenticated> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let expires = self.seconds("exp")?.ok_or(Unauthenticated::Claim("exp", "is missing"))?;
        if now >= expires.saturating_add(LEEWAY_S) {
            return Err(Unauthenticated::Expired);
        }
        for name in ["nbf", "iat"] {
            if self.seconds(name)?.is_some_and(|from| from > now + LEEWAY_S) {
                return Err(Unauthenticated::NotYet);
            }
        }
        Ok(expires)
    }

    fn seconds(&self, name: &'static str) -> Result<Option<u64>, Unauthenticated> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or(Unauthenticated::Claim(name, "is not a whole number of seconds"))
            }
        }
    }
}

fn bounded(value: &Value, bytes_max: usize) -> Result<String, &'static str> {
    let text = value.as_str().ok_or("is not a text")?;
    if text.is_empty() || text.len() > bytes_max {
        return Err("is empty or too long");
    }
    if text.chars().any(char::is_control) {
        return Err("has control characters");
    }
    Ok(text.to_owned())
}
