//! How many tests passed and failed, read from the closing lines of the test runners.

use std::fmt;

/// A count of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Those that passed.
    pub(crate) passed: u64,
    /// Those that did not: a wrong result, a timeout, or no start at all.
    pub(crate) failed: u64,
}

impl Tally {
    /// Takes what the closing line of `cargo nextest` counts. Of several the last holds: a test may print one too.
    pub(crate) fn read_nextest(&mut self, line: &str) {
        let line = without_colours(line);
        if let Some((_, counts)) = line.trim().strip_prefix("Summary [").and_then(|rest| rest.split_once(" run: ")) {
            *self = counted(counts);
        }
    }

    /// Adds what a closing line of `cargo test` counts; there is one for each program with tests.
    pub(crate) fn read_cargo_test(&mut self, line: &str) {
        let line = without_colours(line);
        if let Some((_, counts)) = line.trim().strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) {
            let more = counted(counts);
            self.passed += more.passed;
            self.failed += more.failed;
        }
    }

    /// Whether any test was counted.
    pub(crate) fn is_empty(self) -> bool {
        self.passed + self.failed == 0
    }
}

/// Reads `5 passed (1 slow), 2 failed, 1 timed out, 3 skipped`.
fn counted(counts: &str) -> Tally {
    let mut tally = Tally::default();
    for count in counts.split([',', ';', '(']) {
        let Some((number, what)) = count.trim().split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match what {
            "passed" => tally.passed += number,
            "failed" | "exec failed" | "timed out" => tally.failed += number,
            _ => {}
        }
    }
    tally
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The text without terminal sequences, which runners put between a number and its word.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(read: fn(&mut Tally, &str), lines: &str) -> String {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| read(&mut tally, line));
        tally.to_string()
    }

    #[test]
    fn the_closing_line_of_nextest_is_counted() {
        let rows = [
            ("38 tests run: 38 passed, 0 skipped", "38 passed, 0 failed"),
            ("8 tests run: 5 passed (1 slow, 2 flaky), 2 failed, 1 timed out, 3 skipped", "5 passed, 3 failed"),
            ("4 tests run: 1 passed, 1 exec failed, 2 failed (1 due to being leaky)", "1 passed, 3 failed"),
            ("2/4 tests run: 1 passed, 1 failed, 0 skipped", "1 passed, 1 failed"),
            ("\u{1b}[1m3\u{1b}[0m tests run: \u{1b}[1m3\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m", "3 passed, 0 failed"),
        ];
        for (line, expected) in rows {
            let line = format!("\u{1b}[32;1m     Summary\u{1b}[0m [   1.2s] {line}");
            assert_eq!(counted(Tally::read_nextest, &line), expected, "{line}");
        }
    }

    #[test]
    fn what_a_test_prints_is_not_counted() {
        let lines = "test result: FAILED. 0 passed; 1 failed; 0 ignored\n  Summary [ 1s] 9 tests run: 9 passed\n\
            3 passed, 4 failed\n     Summary [   1.2s] 2 tests run: 1 passed, 1 failed, 0 skipped\n        FAIL [ 0.1s] x y";
        assert_eq!(counted(Tally::read_nextest, lines), "1 passed, 1 failed");
    }

    #[test]
    fn the_closing_lines_of_cargo_test_add_up() {
        let lines = "test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured\ntest a ... ok\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured";
        assert_eq!(counted(Tally::read_cargo_test, lines), "8 passed, 2 failed");
    }
}
