//! What the driver tells the keeper: two frames on its standard input, before anything that the server shall read.
//!
//! Secrets travel here and nowhere else: not in an argument, which every user of the host can read, nor in the
//! environment of a process outside the sandbox.

use std::io::{self, Read};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest frame, in bytes. 4 MiB: an environment cannot be longer than the kernel's limit on `execve` anyway.
const FRAME_BYTES_MAX: u32 = 4 << 20;

/// Argument of the keeper's second stage.
pub(crate) const INSIDE: &str = "inside";
/// Argument that makes the keeper try what this host lets it do.
pub(crate) const PROBE: &str = "probe";
/// Variable of the keeper's first stage: files that take the number of a process which joins a cgroup, one in a line.
pub(crate) const GROUPS: &str = "PARTYWALL_GROUPS";
/// What the keeper ends with when it could not start the server. The reason is its last line on stderr.
pub(crate) const NOT_STARTED: u8 = 120;

/// For the first stage, which builds the box.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outer {
    /// The host's uid and gid for this tenant; none where we are no root.
    pub(crate) uid: Option<u32>,
    /// What stands in the box.
    pub(crate) binds: Vec<Bind>,
    /// Bytes of `/tmp`.
    pub(crate) tmp_bytes: u64,
    /// Where the gateway takes the listener for the way out, if there is one.
    pub(crate) egress: Option<PathBuf>,
    /// Files under `/run/secrets`, by name.
    pub(crate) secrets: Vec<(String, String)>,
}

/// A file or directory of the host in the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bind {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    pub(crate) access: BindAccess,
}

/// What may be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BindAccess {
    /// Read and run.
    Read,
    /// Everything an ordinary directory allows.
    Write,
    /// Make sockets, and nothing that could lead whoever connects elsewhere.
    Socket,
}

/// For the second stage, which is process 1 of the box.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Inner {
    pub(crate) command: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    pub(crate) hostname: String,
    pub(crate) limits: Ceilings,
    /// What Landlock shall let through.
    pub(crate) binds: Vec<Bind>,
    /// Whether the server may start without Landlock, because this host has none.
    pub(crate) without_landlock: bool,
}

/// Limits of each process, as the kernel's rlimits have them.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ceilings {
    pub(crate) files: u64,
    pub(crate) file_bytes: u64,
    /// Only where no cgroup counts them, and who was refused.
    pub(crate) processes: Option<u64>,
    /// Only where no cgroup bounds the whole.
    pub(crate) data_bytes: Option<u64>,
}

/// What the keeper found out about this host: its one line when it probes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Why the namespaces cannot be had, if so.
    pub(crate) namespaces: Option<String>,
    /// Landlock's ABI; 0: none.
    pub(crate) landlock: u8,
    /// Why a seccomp filter cannot be set, if so.
    pub(crate) seccomp: Option<String>,
}

/// A value as a frame: its length in four bytes, then its JSON.
pub(crate) fn frame(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(value)?;
    let length = u32::try_from(json.len()).ok().filter(|length| *length <= FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("the order is longer than 4 MiB; shorten the environment"))?;
    Ok([&length.to_be_bytes()[..], &json].concat())
}

/// Reads one frame and not a byte more.
pub(crate) fn read_frame<T: DeserializeOwned>(mut from: impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::other("this is no order of the gateway; the keeper is started by it, not by hand"));
    }
    let mut json = vec![0; length as usize];
    from.read_exact(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_to_its_last_byte_and_no_further() {
        let order = Outer { uid: Some(7), tmp_bytes: 9, ..Outer::default() };
        let mut stream = io::Cursor::new([frame(&order).unwrap(), b"the server's".to_vec()].concat());
        let read: Outer = read_frame(&mut stream).unwrap();
        assert_eq!((read.uid, read.tmp_bytes), (Some(7), 9));
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "the server's");
    }

    #[test]
    fn what_is_no_order_is_not_read_into_memory() {
        assert!(read_frame::<Outer>(&b"{\"jsonrpc\":\"2.0\"}"[..]).is_err());
    }
}
