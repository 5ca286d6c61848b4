//! A uid of the host for each tenant, given once and never again: files of a volume belong to it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// The first uid. From here to 2^31 nobody else gives them: distributions and systemd stay below.
pub const UID_FIRST: u32 = 1_879_048_192;
/// How many there are. A million tenants over the life of one host.
pub const UIDS_MAX: u32 = 1_000_000;

/// The uids given so far, and the file that remembers them.
#[derive(Debug)]
pub(crate) struct Uids {
    file: File,
    given: HashMap<String, u32>,
}

impl Uids {
    /// Reads the file, which has a line `uid owner` for each, or begins it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut given = HashMap::new();
        for line in BufReader::new(&file).lines() {
            let line = line?;
            // A line without its end is one that a crash cut off: its uid was given to nobody yet.
            let Some((uid, owner)) = line.split_once(' ') else { continue };
            let uid = uid
                .parse()
                .map_err(|_| io::Error::other(format!("`{}`: `{line}` is no `uid owner`", path.display())))?;
            given.insert(owner.to_owned(), uid);
        }
        Ok(Self { file, given })
    }

    /// The uid of an owner, which is its own from now on.
    pub(crate) fn of(&mut self, owner: &str) -> io::Result<u32> {
        if let Some(uid) = self.given.get(owner) {
            return Ok(*uid);
        }
        let next = self.given.values().max().map_or(UID_FIRST, |last| last + 1);
        if next >= UID_FIRST + UIDS_MAX {
            return Err(io::Error::other("every uid of this host's range is given; move tenants to another host"));
        }
        // On disk before it is used: a volume must never belong to two.
        self.file.write_all(format!("{next} {owner}\n").as_bytes())?;
        self.file.sync_data()?;
        self.given.insert(owner.to_owned(), next);
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_one_uid_over_restarts_and_no_two_share_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("uids");
        let mut uids = Uids::open(&path).unwrap();
        let (a, b) = (uids.of("a").unwrap(), uids.of("b").unwrap());
        assert_ne!(a, b);
        let mut again = Uids::open(&path).unwrap();
        assert_eq!((again.of("b").unwrap(), again.of("a").unwrap()), (b, a));
        let c = again.of("c").unwrap();
        assert!(c != a && c != b && c >= UID_FIRST, "{c}");
    }
}
