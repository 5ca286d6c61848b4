//! What outlives an instance, what does not, and what is left after a crash.

use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use partywall_supervisor::driver::{Cause, Driver, Io};
use partywall_supervisor::egress::Egress;
use partywall_supervisor::launch::Transport;
use partywall_supervisor::process::ProcessDriver;
use partywall_supervisor::{UID_FIRST, UIDS_MAX};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::host::{Host, Instance, PATIENCE, again_as_an_ordinary_user, is_root, order, settings, shell};

#[tokio::test]
async fn a_volume_outlives_its_instance_and_is_its_tenants_alone() {
    let host = Host::new().await;
    let launch = |script: &str| {
        let mut launch = shell(script);
        launch.volume = Some("/data".into());
        launch
    };
    let writer = host.start("tenant-a", launch("echo kept > /data/note")).await.unwrap();
    assert_eq!(writer.ended().await.cause, Cause::Exited(0));
    let mut reader = host.start("tenant-a", launch("cat /data/note")).await.unwrap();
    assert_eq!(reader.line().await, "kept");
    let mut other = host.start("tenant-b", launch("ls -A /data | wc -l")).await.unwrap();
    assert_eq!(other.line().await, "0");
    let owner = |tenant: &str| std::fs::metadata(host.state().join("volumes").join(tenant).join("test")).unwrap();
    let (a, b) = (owner("tenant-a"), owner("tenant-b"));
    assert_eq!((a.mode() & 0o777, b.mode() & 0o777), (0o700, 0o700));
    if is_root() {
        assert_ne!(a.uid(), b.uid(), "each tenant has a uid of its own");
        assert!((UID_FIRST..UID_FIRST + UIDS_MAX).contains(&a.uid()));
    }
    let mut shared = launch("true");
    shared.volume = Some("/data".into());
    let mut order = order("tenant-a", shared);
    order.owner.whole_tenant = false;
    let refused = host.driver.start(order).await.err().unwrap().to_string();
    assert!(refused.contains("never shared"), "{refused}");
    again_as_an_ordinary_user("life::a_volume_outlives_its_instance_and_is_its_tenants_alone");
}

#[tokio::test]
async fn nothing_of_an_instance_is_left_when_it_has_ended() {
    let host = Host::new().await;
    let one = host.start("tenant-a", shell("head -c 4000000 /dev/zero | wc -c >/dev/null")).await.unwrap();
    let end = one.ended().await;
    assert_eq!(end.cause, Cause::Exited(0));
    assert_eq!(end.usage.cpu_us.is_some(), is_root(), "{:?}", end.usage);
    let left = |dir: &str| std::fs::read_dir(host.state().join(dir)).unwrap().count();
    assert_eq!((left("records"), left("sockets")), (0, 0));
}

/// What waits for the next order is the gateway's, and goes with it; a crash of it is no orphan to be told of.
#[tokio::test]
async fn the_keeper_that_waits_leaves_no_group_and_is_no_orphan() {
    let Host { driver, directory } = Host::new().await;
    Instance::of(driver.start(order("tenant-a", shell("true"))).await.unwrap()).ended().await;
    let name = std::fs::read_to_string(directory.path().join("state/cgroup")).unwrap();
    let waits = async {
        while is_root() && groups(&name).iter().all(|base| std::fs::read_dir(base).unwrap().all(is_file)) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("a keeper waits in its group");
    drop(driver);
    assert_eq!(groups(&name), Vec::<std::path::PathBuf>::new());
    assert_eq!(ProcessDriver::start(settings(directory.path())).await.unwrap().orphans(), 0);
    again_as_an_ordinary_user("life::the_keeper_that_waits_leaves_no_group_and_is_no_orphan");
}

fn is_file(entry: std::io::Result<std::fs::DirEntry>) -> bool {
    entry.unwrap().file_type().unwrap().is_file()
}

/// The cgroups of this name, in every hierarchy.
fn groups(name: &str) -> Vec<std::path::PathBuf> {
    let find = std::process::Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", name]).output();
    String::from_utf8(find.unwrap().stdout).unwrap().lines().map(Into::into).collect()
}

#[tokio::test]
async fn a_server_on_a_socket_is_reached_from_outside() {
    let host = Host::new().await;
    let script = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('/run/partywall/socket'); s.listen(); \
                  c, _ = s.accept(); c.sendall(b'hello\\n')";
    let mut launch = shell("");
    (launch.command, launch.arguments) = ("/usr/bin/python3".into(), vec!["-c".to_owned(), script.to_owned()]);
    launch.transport = Transport::Unix;
    let running = host.driver.start(order("tenant-a", launch)).await.unwrap();
    let Io::Unix(socket) = running.io else { panic!("streams where a socket was asked for") };
    let mut stream = loop {
        match socket.connect().await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    };
    let mut said = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut said)).await.unwrap().unwrap();
    assert_eq!(said, "hello\n");
}

/// Plays the gateway that crashes: starts an instance and waits to be killed. Run by itself it does nothing.
#[tokio::test]
async fn a_gateway_that_is_killed() {
    let Ok(directory) = std::env::var("PARTYWALL_TEST_CRASH") else { return };
    let driver = ProcessDriver::start(settings(directory.as_ref())).await.unwrap();
    let script = format!("trap '' TERM HUP PIPE; echo {directory} >/dev/null; echo up >&2; while :; do sleep 1; done");
    let mut one = driver.start(order("tenant-a", shell(&script))).await.unwrap();
    let mut line = [0; 3];
    one.stderr.read_exact(&mut line).await.unwrap();
    std::io::Write::write_all(
        &mut std::io::stderr(),
        b"instance is up
",
    )
    .unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn after_a_crash_of_the_gateway_no_instance_is_left() {
    for keeper_too in [false, true] {
        let directory = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir_in("/tmp")
            .unwrap();
        let word = directory.path().to_str().unwrap().to_owned();
        let mut gateway = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "life::a_gateway_that_is_killed", "--nocapture"])
            .env("PARTYWALL_TEST_CRASH", &word)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(gateway.stderr.take().unwrap()).lines();
        let up = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line == "instance is up" {
                    return true;
                }
            }
            false
        };
        assert!(tokio::time::timeout(PATIENCE, up).await.unwrap());
        assert!(!running(&word).is_empty());
        if keeper_too {
            // Stopped, the keeper cannot see the gateway go: what ends the box then is the next start.
            for keeper in keepers(&word) {
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(keeper), nix::sys::signal::Signal::SIGSTOP).unwrap();
            }
        }
        gateway.kill().await.unwrap();
        if keeper_too {
            assert!(!running(&word).is_empty());
        } else {
            gone(&word).await;
        }
        // The next gateway ends what is left, and takes the empty groups along.
        let driver = ProcessDriver::start(settings(directory.path())).await.unwrap();
        assert!(!keeper_too || driver.orphans() == 1);
        gone(&word).await;
    }
    again_as_an_ordinary_user("life::after_a_crash_of_the_gateway_no_instance_is_left");
}

async fn gone(word: &str) {
    let gone = async {
        while !running(word).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("an orphan lives");
}

/// Servers whose arguments hold this word, and are no gateway of a test.
fn running(word: &str) -> Vec<i32> {
    matching(|line| line.contains(word) && line.starts_with("/bin/sh"))
}

/// First stages of the keeper that this directory's driver started.
fn keepers(directory: &str) -> Vec<i32> {
    matching(|line| line.starts_with(&format!("{directory}/keeper")))
}

fn matching(fits: impl Fn(&str) -> bool) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|id| std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| fits(&line))).collect()
}

#[tokio::test]
async fn a_box_gets_out_where_the_catalog_opens_it_and_nowhere_else() {
    let host = Host::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"hello from outside\n").await.unwrap();
        }
    });
    let script = format!(
        "import os, socket\n\
         proxy = os.environ['HTTPS_PROXY'].removeprefix('http://').split(':')\n\
         for target in ['127.0.0.1:{port}', '127.0.0.1:1', 'localhost:{port}']:\n\
         \x20   s = socket.create_connection((proxy[0], int(proxy[1])))\n\
         \x20   s.sendall(f'CONNECT {{target}} HTTP/1.1\\r\\n\\r\\n'.encode())\n\
         \x20   print(s.makefile().read().replace(chr(10), ' '), flush=True)\n"
    );
    let mut launch = shell("");
    (launch.command, launch.arguments) = ("/usr/bin/python3".into(), vec!["-c".to_owned(), script]);
    launch.egress = vec![Egress { host: "127.0.0.1".to_owned(), port, private: false }];
    let mut running = host.driver.start(order("tenant-a", launch)).await.unwrap();
    let notices = std::mem::replace(&mut running.notices, tokio::sync::mpsc::channel(1).1);
    let mut one = crate::host::Instance::of(running);
    let answers = [one.line().await, one.line().await, one.line().await];
    assert!(answers[0].starts_with("HTTP/1.1 200") && answers[0].ends_with("hello from outside"), "{answers:?}");
    assert!(answers[1..].iter().all(|answer| answer.starts_with("HTTP/1.1 403")), "{answers:?}");
    one.ended().await;
    let mut notices = notices;
    let told = notices.recv().await.unwrap();
    assert!(told.contains("`127.0.0.1:1` is not among the hosts that the catalog opens"), "{told}");
    again_as_an_ordinary_user("life::a_box_gets_out_where_the_catalog_opens_it_and_nowhere_else");
}
