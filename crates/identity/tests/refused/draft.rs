//! A token before it is signed: members as JSON text, so that a test can write what no JSON library would.

use partywall_testkit::token::{Issuer, LIFETIME_S};

use crate::{NOW, RESOURCE};

pub(crate) const OPAQUE: &str = "the token is opaque: only JWT access tokens (RFC 9068) can be verified here";
pub(crate) const SIZE: &str = "the token is over 16 KiB";
pub(crate) const PARTS: &str = "a signed token has three parts";
pub(crate) const BASE64: &str = "a part is not base64url";
pub(crate) const JSON: &str = "a part is not a JSON object";
pub(crate) const MEMBER: &str = "the header has a member that is not understood";
pub(crate) const ALG: &str = "`alg` is none of RS, PS, ES256, ES384 and EdDSA";
pub(crate) const TEXT: &str = "a header member is not a short text";
pub(crate) const TYP: &str = "this is no access token of its issuer: `typ` is not the one expected; is it an ID token?";
pub(crate) const ISS: &str = "the token's `iss` is not a trusted issuer";
pub(crate) const NO_KEY: &str = "issuer `corporate` has no key for the token's `kid` and `alg`";
pub(crate) const SIGNATURE: &str = "the signature does not verify with the key of issuer `corporate`";
pub(crate) const AUD: &str = "the token's `aud` is another resource";
pub(crate) const EXPIRED: &str = "the token has expired";
pub(crate) const NOT_YET: &str = "the token is not valid yet";

#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Members,
    pub(crate) claims: Members,
}

#[derive(Clone)]
pub(crate) struct Members(Vec<(String, String)>);

impl Draft {
    /// What this issuer signs for a client that may enter.
    pub(crate) fn good(issuer: &Issuer) -> Self {
        let (alg, iss, aud) = (quoted(issuer.algorithm().as_str()), quoted(issuer.url()), quoted(RESOURCE));
        let (iat, exp) = (NOW.to_string(), (NOW + LIFETIME_S).to_string());
        let header = [("typ", "\"at+jwt\""), ("alg", &alg), ("kid", "\"key-1\"")];
        let claims = [
            ("iss", &*iss),
            ("aud", &aud),
            ("iat", &iat),
            ("exp", &exp),
            ("sub", "\"ann\""),
            ("client_id", "\"agent\""),
            ("scope", "\"notes:read notes:write\""),
            ("tenant", "\"acme\""),
            ("org", "{ \"id\": \"acme\" }"),
        ];
        Self { header: Members::new(&header), claims: Members::new(&claims) }
    }

    pub(crate) fn header(mut self, name: &str, json: &str) -> Self {
        self.header = self.header.with(name, json);
        self
    }

    pub(crate) fn claim(mut self, name: &str, json: &str) -> Self {
        self.claims = self.claims.with(name, json);
        self
    }

    pub(crate) fn sign(&self, issuer: &Issuer) -> String {
        issuer.raw(self.header.text(), self.claims.text())
    }
}

impl Members {
    fn new(members: &[(&str, &str)]) -> Self {
        Self(members.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect())
    }

    /// With this member in place of what had its name; an empty text takes it out.
    pub(crate) fn with(mut self, name: &str, json: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        if !json.is_empty() {
            self = self.and(name, json);
        }
        self
    }

    /// With this member at the end, whether or not there is one of its name.
    pub(crate) fn and(mut self, name: &str, json: &str) -> Self {
        self.0.push((name.to_owned(), json.to_owned()));
        self
    }

    pub(crate) fn text(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, json)| format!("\"{name}\": {json}")).collect();
        format!("{{ {} }}", members.join(", "))
    }
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
