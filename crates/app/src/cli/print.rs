//! How data is printed: as a table for people or as JSON for programs.

use std::io::{self, ErrorKind, Write as _};

use comfy_table::{Table, presets};
use serde::Serialize;

/// A table with a header, aligned and without lines.
pub(super) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.map(str::to_uppercase));
    table.add_rows(rows.into_iter().map(|row| row.map(|cell| plain(&cell))));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Prints data. A reader that has seen enough, as `head` has, is no failure.
pub(super) fn data(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints data as JSON.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    data(&serde_json::to_string_pretty(value)?)
}

/// The text without what a terminal would obey: it may come from a file or from an upstream.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_harmless() {
        let rows = [["acme", "a\u{1b}[2Jb"], ["globex-europe", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["name", "plan"], rows), "NAME           PLAN\nacme           a\u{fffd}[2Jb\nglobex-europe");
    }
}
