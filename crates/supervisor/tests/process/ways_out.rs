//! Ways out of a box, tried by a server that means it: each is stopped, and by what can be seen.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::time::Duration;

use partywall_supervisor::driver::{Cause, Driver, Io};
use partywall_supervisor::floor::Guarantee;
use partywall_supervisor::launch::{InstanceLimits, Launch, Root, Secret, Transport};
use serde_json::{Value, json};

use crate::host::{Host, Instance, again_as_an_ordinary_user, is_root, order, programs, shell};

const ATTACKS: &str = include_str!("attacks.py");

/// What is tried, and what stops it. Where two are named, the host's arrangement decides which comes first.
const WAYS: &[(&str, &[&str])] = &[
    // There is nothing of the host to read but what is listed, and nothing to write.
    ("read_a_neighbours_volume", &["ENOENT"]),
    ("list_the_state_of_the_gateway", &["ENOENT"]),
    ("read_a_file_of_the_host", &["ENOENT"]),
    ("read_the_hosts_passwords", &["ENOENT"]),
    ("write_into_the_root", &["EACCES", "EROFS"]),
    ("write_into_what_is_listed", &["EACCES", "EROFS"]),
    ("delete_what_is_listed", &["EACCES", "EROFS"]),
    ("rename_what_is_listed", &["EACCES", "EROFS"]),
    ("change_the_mode_of_what_is_listed", &["EROFS"]),
    ("leave_by_the_root_of_process_1", &["EACCES"]),
    ("leave_by_dot_dot", &["ENOENT"]),
    ("leave_by_a_link", &["EACCES"]),
    ("make_a_device", &["EACCES", "EPERM"]),
    ("open_the_hosts_memory", &["ENOENT", "EACCES"]),
    ("open_the_kernels_memory", &["EACCES", "EPERM", "ENOENT"]),
    ("press_sysrq", &["EACCES", "ENOENT"]),
    ("set_a_kernel_setting", &["EACCES"]),
    ("open_by_handle", &["EPERM"]),
    ("leave_by_chroot", &["EPERM"]),
    // Namespaces show a world of its own.
    ("see_the_environment_of_the_gateway", &["declared"]),
    ("see_open_descriptors", &["its own"]),
    ("see_other_processes", &["its own"]),
    ("see_the_hosts_interfaces", &["loopback"]),
    ("see_the_name_of_the_host", &["server"]),
    ("see_the_hosts_cgroups", &["its own"]),
    ("read_the_environment_of_process_1", &["EACCES", "EPERM"]),
    ("read_the_memory_of_process_1", &["EACCES", "EPERM"]),
    // No other process can be named, none can be traced, and nobody else can be become.
    ("signal_a_neighbour", &["ESRCH"]),
    ("signal_the_gateway", &["ESRCH"]),
    ("signal_process_1", &["dropped"]),
    ("trace_process_1", &["EPERM"]),
    ("trace_a_neighbour", &["EPERM"]),
    ("read_memory_of_a_neighbour", &["EPERM"]),
    ("take_a_descriptor", &["EPERM"]),
    ("become_root", &["EINVAL", "EPERM"]),
    ("become_a_neighbour", &["EINVAL", "EPERM"]),
    ("join_a_group", &["EPERM"]),
    ("become_root_by_a_setuid_program", &["no new privileges"]),
    ("have_a_capability", &["none"]),
    ("go_before_others", &["EACCES", "EPERM"]),
    ("raise_a_limit", &["ValueError", "EPERM"]),
    // The network is a loopback of its own.
    ("reach_the_hosts_loopback", &["ECONNREFUSED"]),
    ("reach_the_hosts_abstract_socket", &["ECONNREFUSED", "EPERM"]),
    ("reach_a_metadata_address", &["ENETUNREACH"]),
    ("reach_the_internet", &["ENETUNREACH"]),
    ("reach_the_internet_over_ipv6", &["ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"]),
    ("send_a_datagram", &["ENETUNREACH"]),
    ("open_a_raw_socket", &["EPERM"]),
    ("open_a_packet_socket", &["EPERM"]),
    ("open_a_vsock", &["EPERM"]),
    ("open_a_crypto_socket", &["EPERM"]),
    // What of the kernel breaks most cannot be called.
    ("load_bpf", &["EPERM"]),
    ("set_up_io_uring", &["EPERM"]),
    ("make_a_userfaultfd", &["EPERM"]),
    ("add_a_key", &["EPERM"]),
    ("read_a_keyring", &["EPERM"]),
    ("mount_something", &["EPERM"]),
    ("mount_something_the_new_way", &["EPERM"]),
    ("unmount_something", &["EPERM"]),
    ("make_a_user_namespace", &["EPERM"]),
    ("clone_into_a_namespace", &["EPERM"]),
    ("clone_the_new_way", &["ENOSYS"]),
    ("enter_a_namespace", &["EPERM"]),
    ("watch_performance", &["EPERM"]),
    ("load_a_module", &["EPERM"]),
    ("start_another_kernel", &["EPERM"]),
    ("reboot", &["EPERM"]),
    ("set_the_clock", &["EPERM"]),
    ("name_the_host", &["EPERM"]),
    ("use_swap", &["EPERM"]),
    ("read_the_kernels_log", &["EPERM"]),
    ("type_into_a_terminal", &["EPERM"]),
    ("call_by_a_number_that_is_not_there", &["ENOSYS"]),
];

/// What a box can run away with, up to a limit.
const RUNAWAYS: &[(&str, &[&str])] = &[
    ("fork_without_end", &["EAGAIN"]),
    ("fill_the_disk", &["ENOSPC"]),
    ("fill_the_disk_with_names", &["ENOSPC"]),
    ("write_one_file_without_end", &["EFBIG"]),
    ("open_files_without_end", &["EMFILE"]),
];

fn limits() -> InstanceLimits {
    InstanceLimits {
        memory_bytes: 96 << 20,
        cpu_millis: 1000,
        processes_max: 20,
        files_max: 64,
        file_bytes_max: 8 << 20,
        tmp_bytes: 8 << 20,
    }
}

/// A server that tries these, one after the other.
fn hostile(host: &Host, attacks: &[&str], world: &Value) -> Launch {
    let script = host.directory.path().join("attacks.py");
    std::fs::write(&script, ATTACKS).unwrap();
    let mut launch = Launch::new("/usr/bin/python3", programs());
    launch.roots.push(Root { host: script, at: PathBuf::from("/srv/attacks.py") });
    launch.arguments = std::iter::once("/srv/attacks.py").chain(attacks.iter().copied()).map(str::to_owned).collect();
    launch.environment = vec![("WORLD".to_owned(), Secret::new(world.to_string()))];
    launch.limits = limits();
    launch
}

/// What stopped each attack; one whose box ended meanwhile has no entry.
async fn stopped_by(mut instance: Instance, count: usize) -> BTreeMap<String, String> {
    let mut stopped = BTreeMap::new();
    for _ in 0..count {
        let line = instance.line().await;
        let (name, by): (String, String) = serde_json::from_str(&line).unwrap();
        stopped.insert(name, by);
    }
    stopped
}

fn hold(ways: &[(&str, &[&str])], stopped: &BTreeMap<String, String>) {
    let open: Vec<_> = ways
        .iter()
        .filter(|(name, by)| !stopped.get(*name).is_some_and(|stopped| by.contains(&stopped.as_str())))
        .map(|(name, by)| format!("`{name}`: {:?}, expected one of {by:?}", stopped.get(*name)))
        .collect();
    assert!(open.is_empty(), "{}", open.join("\n"));
}

/// The processes of this host whose environment or arguments hold a word that no other test uses.
fn processes_with(word: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|number| {
            std::fs::read_to_string(format!("/proc/{number}/cmdline")).is_ok_and(|line| line.contains(word))
        })
        .collect()
}

fn a_word() -> String {
    format!("word{}", uuid::Uuid::new_v4().simple())
}

#[tokio::test]
async fn every_way_out_is_closed() {
    assert!(WAYS.len() >= 40);
    let host = Host::new().await;
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = a_word();
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let neighbour = a_word();
    let mut launch =
        shell(&format!("echo treasure > /data/secret; echo {neighbour} > /dev/null; id -u; while :; do sleep 1; done"));
    launch.volume = Some("/data".into());
    let mut theirs = host.start("tenant-b", launch).await.unwrap();
    assert_eq!(theirs.line().await, "1000");
    let volume = host.state().join("volumes/tenant-b/test");
    let host_file = host.directory.path().join("canary");
    std::fs::write(&host_file, "canary").unwrap();
    let neighbour_pid = *processes_with(&neighbour).first().expect("the neighbour runs");
    let world = json!({
        "neighbour_volume": volume, "state": host.state(), "host_file": host_file, "neighbour_pid": neighbour_pid,
        "neighbour_uid": partywall_supervisor::UID_FIRST, "gateway_pid": std::process::id(),
        "host_port": tcp.local_addr().unwrap().port(), "host_abstract": name,
    });
    let names: Vec<_> = WAYS.iter().map(|(name, _)| *name).collect();
    let one = host.start("tenant-a", hostile(&host, &names, &world)).await.unwrap();
    let stopped = stopped_by(one, names.len()).await;
    hold(WAYS, &stopped);
    assert_eq!(std::fs::read_to_string(volume.join("secret")).unwrap(), "treasure\n");
    assert!(!processes_with(&neighbour).is_empty(), "the neighbour lives");
    again_as_an_ordinary_user("ways_out::every_way_out_is_closed");
}

#[tokio::test]
async fn whatever_runs_away_meets_its_limit() {
    let host = Host::new().await;
    for (name, by) in RUNAWAYS {
        let mut launch = hostile(&host, &[name], &json!({}));
        launch.volume = Some("/data".into());
        let one = host.start("tenant-a", launch).await.unwrap();
        hold(&[(name, by)], &stopped_by(one, 1).await);
    }
    again_as_an_ordinary_user("ways_out::whatever_runs_away_meets_its_limit");
}

#[tokio::test]
async fn who_takes_all_memory_is_ended_and_the_reason_is_told() {
    let host = Host::new().await;
    if host.driver.enforced().guarantees.contains_key(&Guarantee::Memory) {
        let one = host.start("tenant-a", hostile(&host, &["take_all_memory"], &json!({}))).await.unwrap();
        let end = one.ended().await;
        assert_eq!(end.cause, Cause::OutOfMemory);
        assert!(end.usage.memory_peak_bytes.unwrap() <= limits().memory_bytes, "{:?}", end.usage);
    } else {
        // Without a cgroup each process has its own limit, and is told.
        let one = host.start("tenant-a", hostile(&host, &["take_memory_until_told"], &json!({}))).await.unwrap();
        hold(&[("take_memory_until_told", &["MemoryError"])], &stopped_by(one, 1).await);
    }
    again_as_an_ordinary_user("ways_out::who_takes_all_memory_is_ended_and_the_reason_is_told");
}

#[tokio::test]
async fn who_forks_without_end_is_counted() {
    let host = Host::new().await;
    let mut one = host.start("tenant-a", hostile(&host, &["fork_without_end"], &json!({}))).await.unwrap();
    one.line().await;
    let refused = one.control.usage().processes_refused;
    let counted = host.driver.enforced().guarantees[&Guarantee::Processes].starts_with("cgroup");
    assert_eq!(refused.is_some_and(|times| times > 0), counted, "{refused:?}");
    one.control.kill();
    one.ended().await;
}

/// By the numbers of 32 bits `exit` is what `write` is by the others, which may pass.
#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn who_calls_by_another_architectures_numbers_is_ended() {
    let host = Host::new().await;
    let folder = host.directory.path().join("bin");
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("old");
    std::fs::write(&program, OLD_PROGRAM.concat()).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let outside = std::process::Command::new(&program).status();
    let launch = Launch::new(&program, vec![Root::same(&folder)]);
    let end = host.start("tenant-a", launch).await.unwrap().ended().await;
    match outside {
        Ok(status) => assert_eq!((status.code(), end.cause), (Some(42), Cause::Signal(31))),
        // A kernel that runs no such programs has no such calls.
        Err(why) => assert_eq!(end.cause, Cause::NotStarted, "{why}"),
    }
    again_as_an_ordinary_user("ways_out::who_calls_by_another_architectures_numbers_is_ended");
}

/// An executable of 32 bits (elf(5)): its header, its one segment, and `exit(42)` by `int 0x80`.
#[cfg(target_arch = "x86_64")]
const OLD_PROGRAM: [&[u8]; 5] = [
    b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0\x54\x80\x04\x08\x34\0\0\0\0\0\0\0\0\0\0\0",
    b"\x34\0\x20\0\x01\0\0\0\0\0\0\0",
    b"\x01\0\0\0\0\0\0\0\0\x80\x04\x08\0\x80\x04\x08\x60\0\0\0\x60\0\0\0\x05\0\0\0\0\x10\0\0",
    b"\xb8\x01\0\0\0\xbb\x2a\0\0\0",
    b"\xcd\x80",
];

#[tokio::test]
async fn who_burns_cpu_gets_its_ration() {
    let host = Host::new().await;
    let mut launch = hostile(&host, &["burn_cpu"], &json!({}));
    launch.limits.cpu_millis = 200;
    let one = host.start("tenant-a", launch).await.unwrap();
    if !host.driver.enforced().guarantees.contains_key(&Guarantee::Cpu) {
        one.control.kill();
        return assert!(host.driver.enforced().missing.contains_key(&Guarantee::Cpu));
    }
    let began = std::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = Duration::from_micros(one.control.usage().cpu_us.unwrap());
    // A fifth of the time, with room; four processes without a ration would take whole cores.
    assert!(used <= began.elapsed().mul_f64(0.3) + Duration::from_millis(200), "{used:?} of {:?}", began.elapsed());
    one.control.kill();
    one.ended().await;
}

#[tokio::test]
async fn who_ignores_every_signal_is_ended_with_all_it_started() {
    let host = Host::new().await;
    let one = a_word();
    let mut launch = hostile(&host, &["ignore_every_signal"], &json!({}));
    launch.arguments.insert(0, "-X".to_owned());
    launch.arguments.insert(1, one.clone());
    let mut deaf = host.start("tenant-a", launch).await.unwrap();
    assert_eq!(deaf.line().await, "ready");
    assert!(!processes_with(&one).is_empty());
    deaf.control.terminate();
    deaf.control.kill();
    assert_eq!(deaf.ended().await.cause, Cause::Signal(9));
    assert_eq!(processes_with(&one), [0; 0]);
    again_as_an_ordinary_user("ways_out::who_ignores_every_signal_is_ended_with_all_it_started");
}

#[tokio::test]
async fn a_daemon_does_not_outlive_its_server() {
    let host = Host::new().await;
    let word = a_word();
    let mut launch = hostile(&host, &["leave_a_daemon"], &json!({}));
    launch.arguments.insert(0, "-X".to_owned());
    launch.arguments.insert(1, word.clone());
    let mut one = host.start("tenant-a", launch).await.unwrap();
    assert_eq!(one.line().await, "daemon");
    assert_eq!(one.ended().await.cause, Cause::Exited(0));
    assert_eq!(processes_with(&word), [0; 0]);
    again_as_an_ordinary_user("ways_out::a_daemon_does_not_outlive_its_server");
}

#[tokio::test]
async fn a_link_in_place_of_the_socket_cannot_be_made() {
    let host = Host::new().await;
    let attacks = ["plant_a_link_for_the_gateway", "bring_a_link_for_the_gateway"];
    let mut launch = hostile(&host, &attacks, &json!({}));
    launch.transport = Transport::Unix;
    launch.arguments.insert(0, "-u".to_owned());
    // What it says goes to stderr, since a server with a socket has no stream of its own.
    launch.arguments = vec!["-c".to_owned(), format!("exec /usr/bin/python3 {} >&2", launch.arguments.join(" "))];
    launch.command = "/bin/sh".into();
    let running = host.driver.start(order("tenant-a", launch)).await.unwrap();
    let Io::Unix(socket) = &running.io else { panic!("streams where a socket was asked for") };
    let mut stderr = running.stderr;
    let mut words = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut words).await.unwrap();
    let told: BTreeMap<String, String> =
        words.lines().filter_map(|line| serde_json::from_str::<(String, String)>(line).ok()).collect();
    let ways: &[(&str, &[&str])] = &[(attacks[0], &["EACCES"]), (attacks[1], &["EACCES", "EXDEV"])];
    hold(ways, &told);
    assert!(!socket.path().is_symlink());
    assert!(is_root() || socket.path().starts_with(host.state()));
}
