//! The identity providers whose tokens we know by name.

/// Which `typ`, scope, client and audience claims to expect of an issuer's access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// JWT Profile for OAuth 2.0 Access Tokens (RFC 9068): `typ` is `at+jwt`, which no ID token has.
    Rfc9068,
    /// Microsoft Entra ID: `scp` or `roles`, `azp` or `appid`.
    Entra,
    /// Okta, with a custom authorization server: `scp` as a list, `cid`.
    Okta,
    /// Auth0, with an API of its own: `scope`, `permissions`, `azp`.
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
