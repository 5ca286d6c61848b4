//! Telling an issuer's access tokens from whatever else it signs.

use partywall_domain::Shape;

use crate::object::Object;
use crate::unauthenticated::Unauthenticated;

/// Claims that bind an ID token to a sign-in (OpenID Connect Core, sections 2 and 3.1.3.6).
const OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// Refuses what is no access token of this shape.
pub(crate) fn check(shape: &Shape, typ: Option<&str>, claims: &Object) -> Result<(), Unauthenticated> {
    let no = |why| Err(Unauthenticated::NotAccessToken(why));
    let typ = typ.unwrap_or_default().to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    if !shape.typ.is_empty() && !shape.typ.iter().any(|known| known == typ) {
        return no("`typ` is not the one expected");
    }
    // `at+jwt` says it alone; any other `typ`, or none, says nothing of what kind of token this is.
    if typ != "at+jwt" || shape.typ.is_empty() {
        if OF_ID_TOKENS.iter().any(|claim| claims.0.contains_key(*claim)) {
            return no("it has a claim that only ID tokens have");
        }
        if !shape.client.iter().any(|claim| claims.0.contains_key(claim)) {
            return no("it lacks the claim that names the OAuth client");
        }
    }
    let marked = shape.mark.as_ref().is_none_or(|(claim, value)| {
        claims.0.get(claim).is_some_and(|found| value.as_deref().is_none_or(|value| found.as_str() == Some(value)))
    });
    if marked { Ok(()) } else { no("it lacks the claim that marks access tokens") }
}
