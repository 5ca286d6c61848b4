//! What a token says, beside what its issuer's document expects. Nothing is verified here: the gateway does that.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use partywall_control::wire::Issuer;
use serde_json::{Map, Value};

use super::Step;

type Object = Map<String, Value>;

/// Longest claim that is shown, in characters. Default 200: enough to recognise any.
const SHOWN_MAX: usize = 200;

/// Each thing that is expected, and what the token says.
pub(super) fn compare(issuer: &Issuer, token: &str) -> Vec<Step> {
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, _] = parts.as_slice() else {
        let told = "it is opaque, or no signed JWT; let the provider give JWT access tokens for this resource";
        return vec![Step::failed("token", told)];
    };
    let (Some(header), Some(claims)) = (object(header), object(payload)) else {
        return vec![Step::failed("token", "it looks like a JWT and cannot be read; was it copied whole?")];
    };
    vec![
        issued_by(issuer, &claims),
        kind(issuer, &header, &claims),
        audience(issuer, &claims),
        client(issuer, &claims),
        tenant(issuer, &claims),
        time(&claims),
    ]
}

fn object(part: &str) -> Option<Object> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn issued_by(issuer: &Issuer, claims: &Object) -> Step {
    const STEP: &str = "token iss";
    let tenant = issuer.tenant_claim.as_ref().and_then(|path| at(claims, path)).and_then(Value::as_str);
    let placeholder = issuer.tenant_claim.as_ref().map(|claim| format!("{{{claim}}}"));
    let expected = match (placeholder, tenant) {
        (Some(placeholder), Some(tenant)) => issuer.url.replace(&placeholder, tenant),
        _ => issuer.url.clone(),
    };
    if claims.get("iss").and_then(Value::as_str) == Some(&expected) {
        return Step::ok(STEP, expected);
    }
    let hint = if issuer.profile == "entra" { "; `sts.windows.net` means a token of version 1" } else { "" };
    Step::failed(STEP, format!("`{}`, and the document expects `{expected}`{hint}", said(claims.get("iss"))))
}

fn kind(issuer: &Issuer, header: &Object, claims: &Object) -> Step {
    const STEP: &str = "token kind";
    let typ = header.get("typ").and_then(Value::as_str).unwrap_or("none").to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    if !issuer.typ.is_empty() && !issuer.typ.iter().any(|known| known == typ) {
        let expected = issuer.typ.join(", ");
        let told =
            format!("`typ` is `{typ}`, and the document expects `{expected}`: an ID token, or another `profile`?");
        return Step::failed(STEP, told);
    }
    if let Some(mark) = &issuer.access_claim {
        let (claim, value) = mark.split_once('=').map_or((mark.as_str(), None), |(claim, value)| (claim, Some(value)));
        let found = claims.get(claim);
        if found.is_none() || value.is_some_and(|value| found.and_then(Value::as_str) != Some(value)) {
            let told = format!("`{claim}` is `{}`, and access tokens have `{mark}`: an ID token?", said(found));
            return Step::failed(STEP, told);
        }
    }
    match ["nonce", "at_hash", "c_hash"].iter().find(|claim| claims.contains_key(**claim)) {
        Some(claim) if typ != "at+jwt" || issuer.typ.is_empty() => {
            Step::failed(STEP, format!("`{claim}` is there, which ID tokens have"))
        }
        _ => Step::ok(STEP, format!("an access token, with `typ` `{typ}`")),
    }
}

fn audience(issuer: &Issuer, claims: &Object) -> Step {
    const STEP: &str = "token aud";
    let all: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        None if !issuer.clients.is_empty() => return Step::ok(STEP, "none; the client counts in its place"),
        _ => Vec::new(),
    };
    let ours = |audience: &str| {
        let within = |resource: &String| {
            audience.strip_prefix(resource.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        issuer.resources.iter().any(within) || issuer.audiences.iter().any(|known| known == audience)
    };
    if let Some(audience) = all.iter().find(|audience| ours(audience)) {
        return Step::ok(STEP, *audience);
    }
    let (said, expected) = (said(claims.get("aud")), issuer.resources.join("`, `"));
    let hint = "set that at the provider, or name what it writes in `audiences`";
    Step::failed(STEP, format!("`{said}`, and the document expects `{expected}` or a server of it; {hint}"))
}

fn client(issuer: &Issuer, claims: &Object) -> Step {
    const STEP: &str = "token client";
    let Some((claim, value)) = issuer.client_claims.iter().find_map(|claim| Some((claim, claims.get(claim)?))) else {
        let expected = issuer.client_claims.join("`, `");
        return Step::failed(STEP, format!("none of `{expected}` is there: an ID token, or another `profile`?"));
    };
    let known = issuer.clients.is_empty() || issuer.clients.iter().any(|known| value.as_str() == Some(known));
    let told = format!("`{}` in `{claim}`", said(Some(value)));
    if known { Step::ok(STEP, told) } else { Step::failed(STEP, format!("{told} is none of the document's `clients`")) }
}

fn tenant(issuer: &Issuer, claims: &Object) -> Step {
    const STEP: &str = "token tenant";
    let Some(path) = &issuer.tenant_claim else {
        return Step::ok(STEP, "the issuer alone says it");
    };
    match at(claims, path) {
        Some(Value::String(value)) => Step::ok(STEP, format!("`{path}` is `{}`", said(Some(&value.as_str().into())))),
        Some(other) => Step::failed(STEP, format!("`{path}` is not one text but `{}`", said(Some(other)))),
        None => Step::failed(STEP, format!("`{path}` is not there; let the provider add it to access tokens")),
    }
}

fn time(claims: &Object) -> Step {
    const STEP: &str = "token time";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match claims.get("exp").and_then(Value::as_u64) {
        None => Step::failed(STEP, "`exp` is not there, or no whole number of seconds"),
        Some(end) if end <= now => Step::failed(STEP, format!("it ended {} s ago; get a new one", now - end)),
        Some(end) => Step::ok(STEP, format!("it ends in {} s", end - now)),
    }
}

/// The value at names joined by `.`; a name with a `/` stands as it is.
fn at<'a>(claims: &'a Object, path: &str) -> Option<&'a Value> {
    let mut names = path.split(if path.contains('/') { '\0' } else { '.' });
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

fn said(value: Option<&Value>) -> String {
    let text = match value {
        None => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    text.chars().take(SHOWN_MAX).collect()
}
