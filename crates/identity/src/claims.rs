//! What a verified token claims, read strictly: a claim of the wrong type is a refusal, never a default.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::issuer::IssuerSettings;
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
        let value = self.0.get(name).ok_or_else(|| wrong(name, "is missing"))?;
        bounded(value, TEXT_BYTES_MAX).map_err(|why| wrong(name, why))
    }

    /// The scopes in all the claims where this issuer puts them, separated by spaces; a token without has none.
    pub(crate) fn scope(&self, claims: &[String]) -> Result<String, Unauthenticated> {
        let mut scopes = Vec::new();
        for (claim, value) in claims.iter().filter_map(|claim| Some((claim, self.0.get(claim)?))) {
            match value {
                Value::String(text) if text.is_empty() => {}
                // RFC 9068 has `scope` as one text; a list in it is somebody else's idea of a token.
                Value::Array(items) if claim != "scope" => {
                    for item in items {
                        let scope = bounded(item, TEXT_BYTES_MAX).map_err(|why| wrong(claim, why))?;
                        if scope.contains(' ') {
                            return Err(wrong(claim, "has a scope with a space in it"));
                        }
                        scopes.push(scope);
                    }
                }
                _ => scopes.push(bounded(value, SCOPE_BYTES_MAX).map_err(|why| wrong(claim, why))?),
            }
        }
        let scope = scopes.join(" ");
        if scope.len() > SCOPE_BYTES_MAX { Err(wrong("scope", "is empty or too long")) } else { Ok(scope) }
    }

    /// The OAuth client: the first of the claims where this issuer puts it.
    pub(crate) fn client(&self, claims: &[String]) -> Result<String, Unauthenticated> {
        let found = claims.iter().find_map(|claim| Some((claim, self.0.get(claim)?)));
        let missing = || wrong(claims.last().map_or("client", String::as_str), "is missing");
        let (claim, value) = found.ok_or_else(missing)?;
        bounded(value, TEXT_BYTES_MAX).map_err(|why| wrong(claim, why))
    }

    /// The value at the issuer's tenant claim: names joined by `.`, each a member of the object before it. A name with a
    /// `/` is a URL, as some providers ask of custom claims, and stands as it is.
    pub(crate) fn tenant(&self, path: &str) -> Result<Option<String>, Unauthenticated> {
        let mut names = path.split(if path.contains('/') { '\0' } else { '.' });
        let mut value = names.next().and_then(|first| self.0.get(first));
        for name in names {
            value = value.and_then(|inner| inner.get(name));
        }
        value.map(|value| bounded(value, TEXT_BYTES_MAX).map_err(|why| wrong("tenant claim", why))).transpose()
    }

    /// Refuses a token that was issued for another resource (RFC 9068, section 4) or to a client that does not count.
    pub(crate) fn check_audience(
        &self,
        resource: &Resource,
        settings: &IssuerSettings,
        client: &str,
    ) -> Result<(), Unauthenticated> {
        if !settings.clients.is_empty() && !settings.clients.iter().any(|known| known == client) {
            return Err(wrong("client", "is not one that this issuer's document names"));
        }
        let accepts =
            |audience: &str| resource.accepts(audience) || settings.audiences.iter().any(|known| known == audience);
        let accepted = match self.0.get("aud") {
            Some(Value::String(audience)) => accepts(audience),
            Some(Value::Array(all)) if all.iter().all(Value::is_string) => {
                all.iter().filter_map(Value::as_str).any(accepts)
            }
            None if !settings.clients.is_empty() => true,
            _ => return Err(wrong("aud", "is missing, or neither a text nor a list of texts")),
        };
        if accepted { Ok(()) } else { Err(Unauthenticated::Audience) }
    }

    /// Refuses a token outside its time and returns its end, in seconds since the epoch (RFC 7519, section 4.1).
    pub(crate) fn check_time(&self, now: SystemTime) -> Result<u64, Unauthenticated> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let expires = self.seconds("exp")?.ok_or_else(|| wrong("exp", "is missing"))?;
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
            Some(value) => value.as_u64().map(Some).ok_or_else(|| wrong(name, "is not a whole number of seconds")),
        }
    }
}

fn wrong(claim: &str, why: &'static str) -> Unauthenticated {
    Unauthenticated::Claim(claim.to_owned(), why)
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
