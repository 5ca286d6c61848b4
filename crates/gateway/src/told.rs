//! How a client is told of limits: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11), and
//! `Retry-After` (RFC 9110, section 10.2.3).
//!
//! Served answers say how the tenant stands with the rate that they counted against; refusals also say which limit it
//! was. Both are the caller's own tenant's, and nobody else's.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};
use partywall_ledger::{Policy, Quota, Standing, Throttled};

const RATE_LIMIT: &str = "ratelimit";
const RATE_LIMIT_POLICY: &str = "ratelimit-policy";

/// The rate that a served request counted against. What is left may be used within a second: nobody knows what the
/// tenant's other callers use meanwhile.
pub(crate) fn standing(headers: &mut HeaderMap, standing: Option<Standing>) {
    let Some(Standing { policy, left }) = standing else { return };
    insert(headers, RATE_LIMIT, format!("\"{}\";r={left};t=1", policy.name));
}

/// The limit that refused, and when to come again: the same moment in both fields.
pub(crate) fn throttled(headers: &mut HeaderMap, throttled: &Throttled) {
    let seconds = throttled.retry_after_ms.div_ceil(1000).max(1);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    insert(headers, RATE_LIMIT, format!("\"{}\";r=0;t={seconds}", throttled.policy.name));
    insert(headers, RATE_LIMIT_POLICY, policy(throttled.policy));
}

fn policy(Policy { name, quota, .. }: Policy) -> String {
    let mut text = format!("\"{name}\"");
    let _ = match quota {
        Quota::Rate(rate) => write!(text, ";q={};w={}", rate.burst, rate.window_s()),
        Quota::Concurrent(max) => write!(text, ";q={max};qu=\"concurrent-requests\""),
        Quota::Bytes(max) => write!(text, ";q={max};qu=\"content-bytes\""),
    };
    text
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: String) {
    headers.extend(HeaderValue::try_from(value).ok().map(|value| (header::HeaderName::from_static(name), value)));
}

#[cfg(test)]
mod tests {
    use partywall_ledger::Rate;

    use super::*;

    #[test]
    fn a_limit_is_told_in_the_words_of_the_draft() {
        let rate = Quota::Rate(Rate { per_second: 50, burst: 120 });
        for (quota, expected) in [
            (rate, "\"calls\";q=120;w=3"),
            (Quota::Rate(Rate { per_second: 5, burst: 1 }), "\"calls\";q=1;w=1"),
            (Quota::Concurrent(16), "\"calls\";q=16;qu=\"concurrent-requests\""),
            (Quota::Bytes(4096), "\"calls\";q=4096;qu=\"content-bytes\""),
        ] {
            assert_eq!(policy(Policy { name: "calls", field: "calls_per_second", quota }), expected);
        }
        let policy = Policy { name: "calls", field: "calls_per_second", quota: rate };
        for (retry_after_ms, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (60_000, 60)] {
            let mut headers = HeaderMap::new();
            let code = partywall_domain::RefusalCode::RateLimited;
            throttled(&mut headers, &Throttled { code, retry_after_ms, policy });
            assert_eq!(headers["retry-after"], seconds.to_string());
            assert_eq!(headers["ratelimit"], format!("\"calls\";r=0;t={seconds}"));
            assert_eq!(headers["ratelimit-policy"], "\"calls\";q=120;w=3");
        }
        let mut headers = HeaderMap::new();
        standing(&mut headers, None);
        assert!(headers.is_empty());
        standing(&mut headers, Some(Standing { policy, left: 7 }));
        assert_eq!((headers.len(), &headers["ratelimit"]), (1, &HeaderValue::from_static("\"calls\";r=7;t=1")));
    }
}
