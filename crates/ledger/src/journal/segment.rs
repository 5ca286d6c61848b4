//! The journal's files: `journal-00000001.jsonl` and on.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::entry::Entry;

pub(crate) fn prepare(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

pub(crate) fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("journal-{number:08}.jsonl"))
}

/// The numbers of the segments there are, oldest first.
pub(crate) fn numbers(directory: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for file in fs::read_dir(directory)? {
        let name = file?.file_name();
        let number: Option<u32> =
            name.to_str().and_then(|name| name.strip_prefix("journal-")?.strip_suffix(".jsonl")?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Opens a segment for appending and returns its length. Half a line at the end, left by a crash, is ended first.
pub(crate) fn append_to(directory: &Path, number: u32) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path(directory, number))?;
    let bytes = file.seek(SeekFrom::End(0))?;
    if bytes > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok((file, bytes))
}

/// How long a segment is; one that is not there is empty.
pub(crate) fn length(directory: &Path, number: u32) -> u64 {
    fs::metadata(path(directory, number)).map_or(0, |file| file.len())
}

/// The lines of a segment. A crash may have cut one in the middle of a letter: that is a line that says nothing, and
/// no fault.
pub(crate) fn lines(directory: &Path, number: u32) -> io::Result<impl Iterator<Item = io::Result<String>>> {
    let lines = BufReader::new(File::open(path(directory, number))?).split(b'\n');
    Ok(lines.map(|line| line.map(|bytes| String::from_utf8(bytes).unwrap_or_default())))
}

/// The calls that began and did not end, looked for in the last two segments: a call that began before those ended
/// long ago.
pub(crate) fn open_calls(directory: &Path, numbers: &[u32]) -> io::Result<Vec<Entry>> {
    let mut open = HashMap::new();
    for number in &numbers[numbers.len().saturating_sub(2)..] {
        for line in lines(directory, *number)? {
            let Some(entry) = Entry::of_line(&line?) else { continue };
            if entry.is_beginning() {
                open.insert(entry.request_id.clone(), entry);
            } else {
                open.remove(&entry.request_id);
            }
        }
    }
    Ok(open.into_values().collect())
}
