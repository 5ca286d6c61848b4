//! A uid of the host for each tenant, given once and never again: files of a volume belong to it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
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
    /// Whether all that was given is on disk.
    is_synced: bool,
}

impl Uids {
    /// Reads the file, which has a line `uid owner` for each, or begins it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        if !text.is_empty() && !text.ends_with('\n') {
            // A crash cut the last line off. Nobody keeps files under its uid, and what is written next begins a line.
            file.write_all(b"\n")?;
        }
        let mut given = HashMap::new();
        for line in text.lines() {
            let Some((uid, owner)) = line.split_once(' ') else { continue };
            let uid = uid
                .parse()
                .map_err(|_| io::Error::other(format!("`{}`: `{line}` is no `uid owner`", path.display())))?;
            given.insert(owner.to_owned(), uid);
        }
        Ok(Self { file, given, is_synced: false })
    }

    /// The uid of an owner, which is its own from now on. Where it `keeps` files, that is on disk before there are any: a
    /// volume must never belong to two. Without files a uid is only lost with the whole host, and all that had it.
    pub(crate) fn of(&mut self, owner: &str, keeps: bool) -> io::Result<u32> {
        let uid = self.given.get(owner).copied().map_or_else(|| self.give(owner), Ok)?;
        if keeps && !self.is_synced {
            self.file.sync_data()?;
            self.is_synced = true;
        }
        Ok(uid)
    }

    fn give(&mut self, owner: &str) -> io::Result<u32> {
        let next = self.given.values().max().map_or(UID_FIRST, |last| last + 1);
        if next >= UID_FIRST + UIDS_MAX {
            return Err(io::Error::other("every uid of this host's range is given; move tenants to another host"));
        }
        self.is_synced = false;
        self.file.write_all(format!("{next} {owner}\n").as_bytes())?;
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
        let (a, b) = (uids.of("a", false).unwrap(), uids.of("b", true).unwrap());
        assert_ne!(a, b);
        assert!(uids.is_synced, "what keeps files is on disk");
        uids.of("c", false).unwrap();
        assert!(!uids.is_synced, "what keeps none need not be");
        assert_eq!(uids.of("a", true).unwrap(), a);
        assert!(uids.is_synced, "nor need it have been new");
        let mut again = Uids::open(&path).unwrap();
        assert_eq!((again.of("b", true).unwrap(), again.of("a", false).unwrap()), (b, a));
        let d = again.of("d", true).unwrap();
        assert!(d != a && d != b && d >= UID_FIRST, "{d}");
    }

    #[test]
    fn a_line_that_a_crash_cut_off_takes_the_uid_of_nobody_else_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("uids");
        std::fs::write(&path, format!("{UID_FIRST} a\n{} b-that-was-cut", UID_FIRST + 1)).unwrap();
        let c = Uids::open(&path).unwrap().of("c", true).unwrap();
        let mut again = Uids::open(&path).unwrap();
        assert_eq!((again.of("a", true).unwrap(), again.of("c", true).unwrap()), (UID_FIRST, c));
        let d = again.of("d", true).unwrap();
        assert!(d > c && c > UID_FIRST, "{c} {d}");
    }
}
