//! What an issuer's access tokens look like, and what tells them from its ID tokens.
//!
//! RFC 9068 says it with `typ`. Where a provider's `typ` says nothing, its access tokens must have a claim that its ID
//! tokens never have, and none of those that only ID tokens have.

use partywall_domain::Profile;

use crate::object::Object;
use crate::unauthenticated::Unauthenticated;

/// Claims that bind an ID token to a sign-in (OpenID Connect Core, sections 2 and 3.1.3.6).
const OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// The shape of an issuer's access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The `typ` values of which one must be there, in lower case; empty: `typ` says nothing.
    pub typ: Vec<String>,
    /// Where scopes stand, each a text or a list; what stands in several counts together.
    pub scope: Vec<String>,
    /// Where the OAuth client stands; the first that is there counts, and one must be.
    pub client: Vec<String>,
    /// A claim that access tokens have, with the value it must have if that matters.
    pub mark: Option<(String, Option<String>)>,
}

impl Shape {
    /// The shape that a provider's documentation gives its access tokens; [`Profile::Generic`] is that of RFC 9068,
    /// to be changed by its document.
    pub fn of(profile: Profile) -> Self {
        let (typ, scope, client, mark): (&[_], &[_], &[_], _) = match profile {
            Profile::Rfc9068 | Profile::Generic => (&["at+jwt"], &["scope"], &["client_id"], None),
            Profile::Entra => (&[], &["scp", "roles"], &["azp", "appid"], None),
            Profile::Okta => (&[], &["scp"], &["cid"], None),
            Profile::Auth0 => (&[], &["scope", "permissions"], &["azp", "client_id"], None),
            Profile::Keycloak => (&[], &["scope"], &["azp"], Some(("typ", "Bearer"))),
            Profile::Cognito => (&[], &["scope"], &["client_id"], Some(("token_use", "access"))),
        };
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mark = mark.map(|(claim, value): (&str, &str)| (claim.to_owned(), Some(value.to_owned())));
        Self { typ: owned(typ), scope: owned(scope), client: owned(client), mark }
    }

    /// Refuses what is no access token of this shape.
    pub(crate) fn check(&self, typ: Option<&str>, claims: &Object) -> Result<(), Unauthenticated> {
        if !self.typ.is_empty() {
            let typ = typ.unwrap_or_default().to_ascii_lowercase();
            let typ = typ.strip_prefix("application/").unwrap_or(&typ);
            let known = self.typ.iter().any(|known| known == typ);
            return if known { Ok(()) } else { Err(Unauthenticated::NotAccessToken("`typ` is not the one expected")) };
        }
        if OF_ID_TOKENS.iter().any(|claim| claims.0.contains_key(*claim)) {
            return Err(Unauthenticated::NotAccessToken("it has a claim that only ID tokens have"));
        }
        if !self.client.iter().any(|claim| claims.0.contains_key(claim)) {
            return Err(Unauthenticated::NotAccessToken("it lacks the claim that names the OAuth client"));
        }
        let marked = self.mark.as_ref().is_none_or(|(claim, value)| {
            claims.0.get(claim).is_some_and(|found| value.as_deref().is_none_or(|value| found.as_str() == Some(value)))
        });
        if marked {
            Ok(())
        } else {
            Err(Unauthenticated::NotAccessToken("it lacks the claim that marks access tokens"))
        }
    }
}
