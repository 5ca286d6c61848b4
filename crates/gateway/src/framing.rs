//! Where a message ends, as its head says it: only what every reader of HTTP takes for the same.
//!
//! Two readers in a row that disagree on it are how one request is smuggled within another (RFC 9112, section 11.2).
//! The HTTP library refuses lengths that differ or are no numbers, and closes the connection after a request that has a
//! length beside its chunks; what it reads and others may not stands here.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

/// Refuses any transfer encoding but `chunked`, once and alone: of a list, each reader makes what it can.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(line) = lines.next() else { return Ok(()) };
    let chunked = line.to_str().is_ok_and(|value| value.trim_matches([' ', '\t']).eq_ignore_ascii_case("chunked"));
    if !chunked || lines.next().is_some() {
        return Err("the transfer encoding is not `chunked` alone");
    }
    if headers.contains_key(CONTENT_LENGTH) { Err("a length and a transfer encoding") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn only_chunked_and_alone_is_read_alike_by_all() {
        let fits = |lines: &[(&'static str, &str)]| {
            let headers: HeaderMap =
                lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            check(&headers).is_ok()
        };
        for good in [&[][..], &[("content-length", "5")], &[("transfer-encoding", " Chunked\t")]] {
            assert!(fits(good), "{good:?}");
        }
        for value in ["", "identity", "gzip, chunked", "chunked, chunked", "chunked;q=1", "\"chunked\"", "xchunked"] {
            assert!(!fits(&[("transfer-encoding", value)]), "{value:?}");
        }
        assert!(!fits(&[("transfer-encoding", "chunked"), ("content-length", "5")]));
    }

    #[test]
    fn two_lines_are_a_list() {
        let mut headers = HeaderMap::new();
        for value in ["chunked", "chunked"] {
            headers.append(TRANSFER_ENCODING, value.parse().unwrap());
        }
        assert!(check(&headers).is_err());
    }
}
