//! What a command said, as a snapshot: without what differs from run to run.

use std::path::Path;
use std::process::Output;

use insta::Settings;

/// A pattern, and what stands in the snapshot in its place.
const FILTERS: [(&str, &str); 10] = [
    (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "TOKEN"),
    (r"(127\.0\.0\.1|localhost):\d+", "$1:PORT"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b\d+ ms", "N ms"),
    (r"\b\d+ us", "N us"),
    (r"\b\d+ calls at once", "N calls at once"),
    (r"(_burst +\d+ +)\d+ +", "${1}N         "),
    (r#""(duration_us|bytes_out)":\d+"#, r#""$1":N"#),
];

/// Compares with the snapshot of that name; `folder` is where this run had its files.
#[track_caller]
pub(crate) fn assert_told(name: &str, folder: &Path, text: &str) {
    let mut settings = Settings::new();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = text.replace(&*folder.to_string_lossy(), "FOLDER");
    for (pattern, replacement) in FILTERS {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Everything that a command said, and how it ended.
pub(crate) fn all(output: &Output) -> String {
    let code = output.status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    let said = |stream: &str, text: String| if text.is_empty() { text } else { format!("{stream}:\n{text}\n") };
    format!("{}{}exit code: {code}\n", said("stdout", stdout(output)), said("stderr", stderr(output)))
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
