//! What is remembered of one issuer's keys, and what follows from it: whether they count, whether to fetch. Plain
//! functions of the time; nothing here waits or asks anybody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partywall_identity::KeySet;

use super::absent::Absent;

/// How long fetched keys count. Default 10 min: so long does a key work that its issuer has withdrawn.
pub(super) const FRESH: Duration = Duration::from_mins(10);
/// From which age keys in use are fetched again, beside the calls. Default 5 min: a slow issuer has another five
/// before anybody waits for it.
pub(super) const REFRESH_AFTER: Duration = Duration::from_mins(5);
/// How long the last good keys count while their issuer is away. Default 24 h: a bad night of an identity provider
/// stops no customer, and a key that was withdrawn meanwhile ends within the day.
pub(super) const KEPT: Duration = Duration::from_hours(24);
/// Least time between two fetches for one issuer. Default 5 s: a rotated key works after as many seconds at most, and
/// strangers with made-up key ids cost an issuer no more than twelve small requests a minute.
pub(super) const FLOOR: Duration = Duration::from_secs(5);
/// Longest time between two fetches after failures, each of which doubles it from the floor. Default 60 s: an issuer
/// that is back is noticed within a minute.
pub(super) const BACK_OFF_MAX: Duration = Duration::from_mins(1);
/// How long the place of the keys is taken from an issuer's metadata. Default 1 h: issuers move their keys about as
/// often as their doors; after a failure they are asked at once.
pub(super) const DISCOVERED: Duration = Duration::from_hours(1);

/// The SHA-256 of a set's text.
pub(super) type Digest = [u8; 32];

#[derive(Default)]
pub(super) struct Memory {
    kept: Option<Kept>,
    began: Option<Instant>,
    failure: Option<Failure>,
    absent: Absent,
    discovered: Option<(String, Instant)>,
}

struct Kept {
    keys: Arc<KeySet>,
    digest: Digest,
    at: Instant,
}

struct Failure {
    why: String,
    at: Instant,
    in_a_row: u32,
}

impl Memory {
    /// The keys that count now.
    pub(super) fn keys(&self, now: Instant) -> Option<&Arc<KeySet>> {
        let kept = self.kept.as_ref()?;
        let age = now.saturating_duration_since(kept.at);
        (age < FRESH || age < KEPT && self.is_away(now)).then_some(&kept.keys)
    }

    /// Whether the issuer was asked lately, and in vain. An issuer that nobody asked is not away: its keys are old.
    fn is_away(&self, now: Instant) -> bool {
        self.failure.as_ref().is_some_and(|failure| now.saturating_duration_since(failure.at) < FRESH)
    }

    /// Whether a call that lacks the key `kid` is worth a fetch now.
    pub(super) fn wants(&self, kid: Option<&str>, now: Instant) -> bool {
        let lacks = match self.keys(now) {
            Some(keys) => kid.is_none_or(|kid| !keys.has(kid)) && !self.is_absent(kid, now),
            None => true,
        };
        lacks && self.may(now)
    }

    /// Whether the keys, which somebody has just used, should be fetched again before they are too old.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let ages = |kept: &Kept| now.saturating_duration_since(kept.at) >= REFRESH_AFTER;
        self.kept.as_ref().is_some_and(ages) && self.may(now)
    }

    /// Whether the issuer may be asked at all: neither within the floor nor while backing off.
    fn may(&self, now: Instant) -> bool {
        let passed = |since: Instant, wait| now.saturating_duration_since(since) >= wait;
        self.began.is_none_or(|began| passed(began, FLOOR))
            && self.failure.as_ref().is_none_or(|failure| passed(failure.at, back_off(failure.in_a_row)))
    }

    /// A fetch begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// Keys were fetched. Says whether they differ from those that were known; where they do not, the known set stays
    /// the very same one, so that what was verified with it stays verified.
    pub(super) fn learn(&mut self, keys: KeySet, digest: Digest, now: Instant) -> bool {
        self.failure = None;
        if let Some(kept) = self.kept.as_mut().filter(|kept| kept.digest == digest) {
            kept.at = now;
            return false;
        }
        self.absent = Absent::default();
        self.kept = Some(Kept { keys: Arc::new(keys), digest, at: now });
        true
    }

    /// A fetch failed. Keys that are too old to count ever again are let go.
    pub(super) fn fail(&mut self, why: String, now: Instant) {
        let in_a_row = self.failure.as_ref().map_or(0, |failure| failure.in_a_row).saturating_add(1);
        self.failure = Some(Failure { why, at: now, in_a_row });
        self.kept.take_if(|kept| now.saturating_duration_since(kept.at) >= KEPT);
        self.discovered = None;
    }

    /// The issuer says that it has no keys any more: none of those it had counts from here on.
    pub(super) fn withdraw(&mut self, why: String, now: Instant) {
        self.kept = None;
        self.fail(why, now);
    }

    /// After a fetch: the key `kid` is not there, and asking again is not worth while for a moment.
    pub(super) fn note_absent(&mut self, kid: Option<&str>, now: Instant) {
        if self.failure.is_none() && self.keys(now).is_some_and(|keys| kid.is_none_or(|kid| !keys.has(kid))) {
            self.absent.note(kid, now);
        }
    }

    /// Whether `kid` was not there a moment ago.
    pub(super) fn is_absent(&self, kid: Option<&str>, now: Instant) -> bool {
        self.absent.has(kid, now)
    }

    /// Where the issuer's metadata said that its keys are.
    pub(super) fn discovered(&self, now: Instant) -> Option<&str> {
        let (url, at) = self.discovered.as_ref()?;
        (now.saturating_duration_since(*at) < DISCOVERED).then_some(url)
    }

    /// The issuer's metadata says where its keys are.
    pub(super) fn discover(&mut self, url: String, now: Instant) {
        if self.discovered(now) != Some(&url) {
            self.discovered = Some((url, now));
        }
    }

    /// Why the last fetch failed, if it did.
    pub(super) fn problem(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.why.as_str())
    }
}

/// How long to leave an issuer alone after so many failures in a row.
fn back_off(in_a_row: u32) -> Duration {
    let doublings = in_a_row.saturating_sub(1).min(16);
    FLOOR.saturating_mul(1 << doublings).min(BACK_OFF_MAX)
}
