//! Why a token is refused, for operators.

use partywall_domain::IssuerName;

/// Why a token is no principal here. The public answer is one sentence for all of them; this is the private cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// The token has not the form of a JWT.
    #[error("the token is opaque: only JWT access tokens (RFC 9068) can be verified here")]
    Opaque,
    /// The token is not well formed.
    #[error("{0}")]
    Malformed(&'static str),
    /// `iss` is missing or nobody we trust.
    #[error("the token's `iss` is not a trusted issuer")]
    UnknownIssuer,
    /// It has not the shape of the issuer's access tokens.
    #[error("this is no access token of its issuer: {0}; is it an ID token?")]
    NotAccessToken(&'static str),
    /// The issuer has no single key for the token's `kid` and `alg`.
    #[error("issuer `{0}` has no key for the token's `kid` and `alg`")]
    NoKey(IssuerName),
    /// The issuer's keys are fetched, and the one that is needed is not there: fetch, and try once more.
    #[error("issuer `{issuer}` is not known to have the key that the token names")]
    NeedsKeys {
        /// Whose keys.
        issuer: IssuerName,
        /// Which key.
        kid: Option<String>,
    },
    /// The signature does not verify.
    #[error("the signature does not verify with the key of issuer `{0}`")]
    Signature(IssuerName),
    /// A claim is missing or has the wrong type.
    #[error("claim `{0}` {1}")]
    Claim(String, &'static str),
    /// The token was issued for another resource.
    #[error("the token's `aud` is another resource")]
    Audience,
    /// The token has ended.
    #[error("the token has expired")]
    Expired,
    /// The token has not begun.
    #[error("the token is not valid yet")]
    NotYet,
    /// The bearer is no operator.
    #[error("not an operator's token")]
    Operator,
}
