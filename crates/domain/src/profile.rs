//! The identity providers whose tokens we know by name, and what their access tokens look like.
//!
//! RFC 9068 says with `typ` what is an access token. Where a provider's `typ` says nothing, its access tokens must have a
//! claim that its ID tokens never have.

/// Which `typ`, scope, client and audience claims to expect of an issuer's access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// JWT Profile for OAuth 2.0 Access Tokens (RFC 9068): `typ` is `at+jwt`, which no ID token has.
    Rfc9068,
    /// Microsoft Entra ID: `scp` or `roles`, `azp` or `appid`.
    Entra,
    /// Okta, with a custom authorization server: `scp` as a list, `cid`.
    Okta,
    /// Auth0, with an API of its own: `scope`, `azp`. Not `permissions`, which are the user's, whatever the client got.
    Auth0,
    /// Keycloak: the claim `typ` is `Bearer`.
    Keycloak,
    /// Amazon Cognito: `token_use` is `access`; a token without `aud` counts by its client.
    Cognito,
    /// Whatever its document says.
    Generic,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Rfc9068, Self::Entra, Self::Okta, Self::Auth0, Self::Keycloak, Self::Cognito, Self::Generic];

    /// The word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc9068 => "rfc9068",
            Self::Entra => "entra",
            Self::Okta => "okta",
            Self::Auth0 => "auth0",
            Self::Keycloak => "keycloak",
            Self::Cognito => "cognito",
            Self::Generic => "generic",
        }
    }
}

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
            Profile::Auth0 => (&[], &["scope"], &["azp", "client_id"], None),
            Profile::Keycloak => (&[], &["scope"], &["azp"], Some(("typ", "Bearer"))),
            Profile::Cognito => (&[], &["scope"], &["client_id"], Some(("token_use", "access"))),
        };
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mark = mark.map(|(claim, value): (&str, &str)| (claim.to_owned(), Some(value.to_owned())));
        Self { typ: owned(typ), scope: owned(scope), client: owned(client), mark }
    }
}
