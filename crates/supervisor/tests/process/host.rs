//! A driver with a state directory of its own, and instances that are easy to talk to.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use partywall_supervisor::driver::{Control, Driver, End, Io, NotStarted, Order, Owner, Running};
use partywall_supervisor::launch::{Launch, Root};
use partywall_supervisor::process::{ProcessDriver, ProcessSettings};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader};

/// For what takes milliseconds on a quiet machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// The uid as which these tests run once more.
const ORDINARY_UID: u32 = 4242;

pub(crate) struct Host {
    pub(crate) driver: ProcessDriver,
    pub(crate) directory: tempfile::TempDir,
}

impl Host {
    pub(crate) async fn new() -> Self {
        // Under `/tmp` and open to look into: the keeper becomes other users.
        let directory =
            tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir_in("/tmp").unwrap();
        let settings = settings(directory.path());
        let driver = ProcessDriver::start(settings).await.unwrap();
        Self { driver, directory }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    pub(crate) async fn start(&self, owner: &str, launch: Launch) -> Result<Instance, NotStarted> {
        self.driver.start(order(owner, launch)).await.map(Instance::of)
    }
}

pub(crate) fn settings(directory: &Path) -> ProcessSettings {
    let keeper = directory.join("keeper");
    if !keeper.exists() {
        let built = std::env::var("PARTYWALL_TEST_KEEPER").unwrap_or(env!("CARGO_BIN_EXE_partywall-keeper").to_owned());
        std::fs::copy(built, &keeper).unwrap();
    }
    ProcessSettings { state: directory.join("state"), keeper: (keeper, Vec::new()) }
}

pub(crate) fn order(owner: &str, launch: Launch) -> Order {
    let owner = Owner { whose: owner.to_owned(), server: "test".to_owned(), whole_tenant: true };
    Order { id: uuid::Uuid::new_v4().simple().to_string()[..16].to_owned(), owner, launch }
}

/// The programs of this host.
pub(crate) fn programs() -> Vec<Root> {
    ["/usr", "/bin", "/lib", "/lib64"].iter().filter(|path| Path::new(path).exists()).map(Root::same).collect()
}

/// A shell script as a server.
pub(crate) fn shell(script: &str) -> Launch {
    let mut launch = Launch::new("/bin/sh", programs());
    launch.arguments = vec!["-c".to_owned(), script.to_owned()];
    launch
}

pub(crate) struct Instance {
    pub(crate) input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    pub(crate) output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    pub(crate) stderr: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) control: Arc<dyn Control>,
}

impl Instance {
    pub(crate) fn of(running: Running) -> Self {
        let Io::Stdio { input, output } = running.io else { panic!("a socket where streams were asked for") };
        let output = BufReader::new(output);
        Self { input: Some(input), output, stderr: running.stderr, control: Arc::from(running.control) }
    }

    /// The next line of its output, or of its stderr if it ended without one.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.output.read_line(&mut line)).await;
        if read.expect("the instance says nothing").unwrap() == 0 {
            let mut words = String::new();
            let _ = tokio::time::timeout(PATIENCE, self.stderr.read_to_string(&mut words)).await;
            panic!("the instance ended without a line; it said: {words}");
        }
        line.trim_end().to_owned()
    }

    pub(crate) async fn ended(&self) -> End {
        tokio::time::timeout(PATIENCE, self.control.ended()).await.expect("the instance does not end")
    }

    /// All that it says on stderr until it ends.
    pub(crate) async fn words(&mut self) -> String {
        let mut words = Vec::new();
        tokio::time::timeout(PATIENCE, self.stderr.read_to_end(&mut words)).await.unwrap().unwrap();
        String::from_utf8_lossy(&words).into_owned()
    }
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs a test of this program once more as an ordinary user; as one, this does nothing.
pub(crate) fn again_as_an_ordinary_user(test: &str) {
    if !is_root() {
        return;
    }
    let directory = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir_in("/tmp").unwrap();
    let copy = directory.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    // The keeper beside it, where that user can read it whatever directory this was built in.
    let keeper = directory.path().join("keeper");
    std::fs::copy(env!("CARGO_BIN_EXE_partywall-keeper"), &keeper).unwrap();
    let mut command = Command::new(copy);
    command.args(["--exact", test, "--nocapture"]).uid(ORDINARY_UID).gid(ORDINARY_UID).current_dir("/");
    let output = command.env("PARTYWALL_TEST_KEEPER", keeper).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "as an ordinary user:\n{told}\n{said}");
}
