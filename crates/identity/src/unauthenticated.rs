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
    /// `typ` is not what the issuer's profile expects of an access token.
    #[error("the token's `typ` is not `at+jwt`: is it an ID token?")]
    NotAccessToken,
    /// The issuer has no single key for the token's `kid` and `alg`.
    #[error("issuer `{0}` has no key for the token's `kid` and `alg`")]
    NoKey(IssuerName),
    /// The signature does not verify.
    #[error("the signature does not verify with the key of issuer `{0}`")]
    Signature(IssuerName),
    /// A claim is missing or has the wrong type.
    #[error("claim `{0}` {1}")]
    Claim(&'static str, &'static str),
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
