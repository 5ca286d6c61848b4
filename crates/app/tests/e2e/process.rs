//! Processes that a test starts beside a world, and ends by their id.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use crate::world::PARTYWALL;

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the binary with these arguments to its end.
pub(crate) fn partywall(arguments: &[&str]) -> Output {
    Command::new(PARTYWALL).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Runs the binary with this on its standard input.
pub(crate) fn partywall_with(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(PARTYWALL);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its arguments ends without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// An address of this host that was free a moment ago.
pub(crate) fn free_address() -> std::net::SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
