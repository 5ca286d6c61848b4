//! What was granted and is not a token yet: codes, and the refresh tokens that follow them.
//!
//! Whatever is used twice was stolen once: a code or a refresh token that comes again ends all that came from it.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::shelf::Shelf;
use crate::keys::random;

/// How long a code lives. Default 60 s: a redirect and one request.
const CODE_LIFETIME: Duration = Duration::from_mins(1);
/// Codes at a time. Default 1,000: so many people do not sign in within a minute.
const CODES_MAX: usize = 1_000;
/// How long a person stays signed in. Default 30 days; a refresh does not extend it.
const SIGN_IN_LIFETIME: Duration = Duration::from_hours(30 * 24);
/// People signed in at a time, each with one refresh token. Default 10,000, about 5 MiB.
const REFRESH_TOKENS_MAX: usize = 10_000;

/// Who signed in, where, and for what.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub(super) client: String,
    /// The value of the tenant claim.
    pub(super) tenant: String,
    pub(super) subject: String,
    pub(super) scope: String,
    pub(super) resource: String,
}

/// What a code is worth, and to whom.
pub(super) struct Offer {
    pub(super) who: SignedIn,
    pub(super) challenge: String,
    pub(super) redirect: String,
}

/// What comes with a code.
pub(super) struct Redeem<'a> {
    pub(super) client: &'a str,
    pub(super) code: &'a str,
    pub(super) verifier: &'a str,
    pub(super) redirect: Option<&'a str>,
    pub(super) resource: Option<&'a str>,
}

/// What comes with a refresh token.
pub(super) struct Refresh<'a> {
    pub(super) client: &'a str,
    pub(super) token: &'a str,
    pub(super) resource: Option<&'a str>,
}

/// Why there is no token: the code of RFC 6749, section 5.2, and what to tell who reads the
/// client's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str, pub(super) &'static str);

pub(super) struct Grants {
    codes: Shelf<Code>,
    sign_ins: Shelf<SignIn>,
}

enum Code {
    Offered(Box<Offer>),
    /// The sign-in that it became, if it became one.
    Spent(Option<String>),
}

struct SignIn {
    who: SignedIn,
    /// The one refresh token that is good now, without what says which sign-in it is of.
    current: String,
}

impl Grants {
    pub(super) fn new() -> Self {
        Self { codes: Shelf::new(CODES_MAX, CODE_LIFETIME), sign_ins: Shelf::new(REFRESH_TOKENS_MAX, SIGN_IN_LIFETIME) }
    }

    /// A code for this.
    pub(super) fn offer(&mut self, offer: Offer, now: Instant) -> anyhow::Result<String> {
        let code = random()?;
        self.codes.put(code.clone(), Code::Offered(Box::new(offer)), now);
        Ok(code)
    }

    /// Who signed in, and a refresh token. A code is spent by the first try, right or wrong.
    pub(super) fn redeem(&mut self, ask: &Redeem<'_>, now: Instant) -> Result<(SignedIn, String), Refused> {
        let code = self.codes.get(ask.code, now).ok_or(Refused("invalid_grant", "the code is unknown or over"))?;
        let offer = match std::mem::replace(code, Code::Spent(None)) {
            Code::Offered(offer) => *offer,
            Code::Spent(sign_in) => {
                sign_in.and_then(|sign_in| self.sign_ins.take(&sign_in, now));
                return Err(Refused("invalid_grant", "the code was used before; all that came from it has ended"));
            }
        };
        check(&offer, ask)?;
        let (key, current) = (new_secret()?, new_secret()?);
        *code = Code::Spent(Some(key.clone()));
        let token = format!("{key}.{current}");
        self.sign_ins.put(key, SignIn { who: offer.who.clone(), current }, now);
        Ok((offer.who, token))
    }

    /// Who signed in, and the next refresh token in place of this one.
    pub(super) fn refresh(&mut self, ask: &Refresh<'_>, now: Instant) -> Result<(SignedIn, String), Refused> {
        let (key, secret) = ask.token.split_once('.').unwrap_or_default();
        let known = self.sign_ins.get(key, now).filter(|sign_in| sign_in.who.client == ask.client);
        let sign_in = known.ok_or(Refused("invalid_grant", "the refresh token is unknown or over"))?;
        if sign_in.current != secret {
            self.sign_ins.take(key, now);
            return Err(Refused("invalid_grant", "the refresh token was used before; the sign-in has ended"));
        }
        check_resource(ask.resource, &sign_in.who)?;
        sign_in.current = new_secret()?;
        Ok((sign_in.who.clone(), format!("{key}.{}", sign_in.current)))
    }
}

fn check(offer: &Offer, ask: &Redeem<'_>) -> Result<(), Refused> {
    if offer.who.client != ask.client {
        return Err(Refused("invalid_grant", "the code was given to another client"));
    }
    if ask.redirect.is_some_and(|redirect| redirect != offer.redirect) {
        return Err(Refused("invalid_grant", "`redirect_uri` is not the one that the code was sent to"));
    }
    if challenge_of(ask.verifier) != offer.challenge {
        return Err(Refused("invalid_grant", "`code_verifier` does not fit the challenge"));
    }
    check_resource(ask.resource, &offer.who)
}

fn check_resource(asked: Option<&str>, who: &SignedIn) -> Result<(), Refused> {
    match asked {
        Some(asked) if asked != who.resource => {
            Err(Refused("invalid_target", "`resource` is not the one that was signed in for"))
        }
        _ => Ok(()),
    }
}

/// What a client shows of its verifier beforehand (RFC 7636, section 4.2).
pub(super) fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn new_secret() -> Result<String, Refused> {
    random().map_err(|_| Refused("server_error", "the system gives no random bytes"))
}

#[cfg(test)]
mod tests;
