//! How much a volume holds: looked at, since a directory has no size that the host would hold it to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Names that are looked at. Default 10,000: a look takes some milliseconds then, and what is beyond is not counted.
const NAMES_MAX: usize = 10_000;
/// Bytes of a block, as `st_blocks` counts them (stat(2)).
const BLOCK_BYTES: u64 = 512;

/// For how long what was found is told again. Default 60 s: whoever lists instances does not wait for a look at each, since
/// they are looked at all the while.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// A volume that is watched.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    directory: PathBuf,
    found: Arc<Mutex<Option<(Instant, u64)>>>,
}

impl Volume {
    pub(super) fn at(directory: PathBuf) -> Self {
        Self { directory, found: Arc::default() }
    }

    /// How many bytes it has, as of a minute ago at the earliest.
    pub(super) fn bytes(&self) -> u64 {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match *found {
            Some((at, bytes)) if at.elapsed() < GOOD_FOR => bytes,
            _ => {
                let bytes = bytes(&self.directory);
                *found = Some((Instant::now(), bytes));
                bytes
            }
        }
    }
}

/// Bytes that the files below a directory take, without following links.
fn bytes(directory: &Path) -> u64 {
    let (mut sum, mut names) = (0_u64, 0);
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            names += 1;
            if names > NAMES_MAX {
                return sum;
            }
            // Of the entry itself: a link is not what it leads to.
            let Ok(metadata) = entry.metadata() else { continue };
            sum = sum.saturating_add(metadata.blocks() * BLOCK_BYTES);
            if metadata.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_wherever_they_are_and_links_are_not_followed() {
        let (volume, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(volume.path().join("deep")).unwrap();
        fs::write(volume.path().join("deep/file"), vec![1; 1 << 20]).unwrap();
        fs::write(elsewhere.path().join("other"), vec![1; 8 << 20]).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), volume.path().join("link")).unwrap();
        let bytes = bytes(volume.path());
        assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
    }
}
