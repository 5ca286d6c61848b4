//! Files that a test writes and people read: checked in, and held to what the code says now.

use std::path::Path;

/// Compares a file of the repository with what it should say. With `UPDATE=1` it is written instead.
pub(crate) fn hold(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&file, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    for (number, (found, expected)) in (1..).zip(found.lines().zip(expected.lines())) {
        assert_eq!(found, expected, "{path}:{number} is stale; {RENEW}");
    }
    assert_eq!(found, expected, "{path} is stale; {RENEW}");
}

const RENEW: &str =
    "if the change is meant, renew it with `UPDATE=1 cargo test -p partywall-app --test e2e` and commit it";
