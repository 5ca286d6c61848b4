//! The socket that a server makes in its box, and the way to it that leads nowhere else.

use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use tokio::net::UnixStream;

/// A socket in a directory that an instance can write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket(PathBuf);

impl Socket {
    /// The socket at this path. Only its last part is the instance's to choose.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Connects to it.
    ///
    /// # Errors
    /// `NotFound` and `ConnectionRefused` where the server does not listen yet; `InvalidInput` where what stands there is
    /// no socket: a link, of which nobody knows where it leads, is none.
    pub async fn connect(&self) -> io::Result<UnixStream> {
        // Held by a descriptor, it is still the same when it is connected to, whatever is put in its place meanwhile.
        let held = open(&self.0, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        if FileType::from_raw_mode(fstat(&held)?.st_mode) != FileType::Socket {
            let told = format!("what the server made at `{}` is no socket", crate::launch::SOCKET);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
        }
        UnixStream::connect(format!("/proc/self/fd/{}", held.as_raw_fd())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_reached_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let _listening = tokio::net::UnixListener::bind(path("elsewhere")).unwrap();
        std::os::unix::fs::symlink(path("elsewhere"), path("link")).unwrap();
        std::fs::write(path("file"), "").unwrap();
        assert!(Socket::at(path("elsewhere")).connect().await.is_ok());
        for (name, kind) in [
            ("link", io::ErrorKind::InvalidInput),
            ("file", io::ErrorKind::InvalidInput),
            ("nothing", io::ErrorKind::NotFound),
        ] {
            assert_eq!(Socket::at(path(name)).connect().await.unwrap_err().kind(), kind, "{name}");
        }
    }
}
