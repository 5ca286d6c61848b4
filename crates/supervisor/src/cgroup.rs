//! Control groups: limits for a whole instance, its end in one write, and what it used.
//!
//! Three arrangements are in the field: version 1, version 2, and both beside each other. A controller is used where it is
//! found; one that cannot be had is missing in what the tier enforces.
//!
//! Entering a group of version 2 stops every fork and exit of the host and waits until all processors have noticed
//! (`cgroup_threadgroup_rwsem`): many milliseconds where the host is busy. In version 1 a process with one thread is let in
//! without that, if it writes itself into `tasks`. So version 2 is left out where version 1 has all that limits, and
//! the keeper that waits for the next order is in its group already.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::driver::Usage;
use crate::launch::InstanceLimits;

/// Period over which CPU is rationed, in microseconds: the kernel's own default.
const PERIOD_US: u64 = 100_000;
/// Processes of ours in each box: the keeper's two stages.
pub(crate) const KEEPERS: u64 = 2;
/// Tries to remove a group whose last process is still on its way out.
const REMOVALS: u32 = 200;
/// Between two of them: 10 ms.
const AGAIN_AFTER: Duration = Duration::from_millis(10);

/// Where a controller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The group of this gateway; those of its instances are below.
    base: PathBuf,
    version: u8,
}

/// The controllers that this gateway may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cgroups {
    /// By controller; `unified` is the hierarchy of version 2, whatever controllers it has.
    places: BTreeMap<&'static str, Place>,
}

/// The controllers of interest.
const CONTROLLERS: [&str; 6] = ["memory", "cpu", "cpuacct", "pids", "blkio", "freezer"];
/// Their names in version 2, where they differ or must be switched on.
const UNIFIED: [(&str, &str); 4] = [("memory", "memory"), ("cpu", "cpu"), ("pids", "pids"), ("io", "blkio")];

impl Cgroups {
    /// Makes a group called `name` in each hierarchy where that can be done, below the one this process is in.
    pub(crate) fn claim(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut places = BTreeMap::new();
        for (controller, version, group) in found(&mounts, &own) {
            let base = group.join(name);
            if fs::create_dir_all(&base).is_err() {
                continue;
            }
            if version == 2 {
                unify(&group, &base, &mut places);
            } else if can_hold(&base) {
                places.insert(controller, Place { base, version });
            }
        }
        let limits = ["memory", "cpu", "pids", "freezer"];
        if limits.iter().all(|one| places.get(one).is_some_and(|place| place.version == 1))
            && let Some(unified) = places.remove("unified")
        {
            let _ = fs::remove_dir(unified.base);
        }
        Self { places }
    }

    /// Gives back the groups of this gateway, where no instance is in them any more.
    pub(crate) fn release(&self) {
        for place in self.places.values() {
            let _ = fs::remove_dir(&place.base);
        }
    }

    /// By which version a controller is held, if it is.
    pub(crate) fn version(&self, controller: &str) -> Option<u8> {
        self.places.get(controller).map(|place| place.version)
    }

    /// Makes a group for one instance, without limits yet.
    pub(crate) fn create(&self) -> io::Result<Group> {
        let group = self.group(&uuid::Uuid::new_v4().simple().to_string());
        for (dir, _) in group.dirs.values() {
            fs::create_dir_all(dir)?;
        }
        Ok(group)
    }

    fn group(&self, name: &str) -> Group {
        let dir = |place: &Place| (place.base.join(name), place.version);
        Group { dirs: self.places.iter().map(|(controller, place)| (*controller, dir(place))).collect() }
    }

    /// The groups that stand: of instances, this gateway's or one that crashed before it.
    pub(crate) fn standing(&self) -> Vec<Group> {
        let mut names: Vec<String> = Vec::new();
        for place in self.places.values() {
            let entries = fs::read_dir(&place.base).into_iter().flatten().flatten();
            names.extend(
                entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok()),
            );
        }
        names.sort();
        names.dedup();
        names.iter().map(|name| self.group(name)).collect()
    }
}

/// Whether a process could live there: a cpuset without CPUs, or a file system that is read-only, would not let it.
fn can_hold(base: &Path) -> bool {
    let trial = base.join("trial");
    let made = fs::create_dir_all(&trial).is_ok();
    let writable = fs::OpenOptions::new().append(true).open(trial.join("cgroup.procs")).is_ok();
    let _ = fs::remove_dir(&trial);
    made && writable
}

/// Takes what version 2 has, switching on what it lets us.
fn unify(group: &Path, base: &Path, places: &mut BTreeMap<&'static str, Place>) {
    if !can_hold(base) {
        return;
    }
    let place = Place { base: base.to_owned(), version: 2 };
    step_aside(group);
    for (theirs, ours) in UNIFIED {
        let on = |dir: &Path| fs::write(dir.join("cgroup.subtree_control"), format!("+{theirs}")).is_ok();
        if on(group) && on(base) {
            places.insert(ours, place.clone());
        }
    }
    places.insert("unified", place);
}

/// Version 2 gives controllers only to groups without processes of their own: where this gateway is alone in its group,
/// as a service with a delegated one is, it goes into a group below.
fn step_aside(group: &Path) {
    let read = |name: &str| fs::read_to_string(group.join(name)).unwrap_or_default();
    let own = std::process::id().to_string();
    let alone = read("cgroup.procs").lines().eq([own.as_str()]);
    if alone && read("cgroup.controllers").split_whitespace().any(|one| one == "memory") {
        let below = group.join("gateway");
        let _ = fs::create_dir_all(&below).and_then(|()| fs::write(below.join("cgroup.procs"), &own));
    }
}

/// Controllers with their version and the group of this process, from the two files of `/proc/self`.
fn found(mounts: &str, own: &str) -> Vec<(&'static str, u8, PathBuf)> {
    let group_of = |controller: &str| {
        own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            (controllers.split(',').any(|one| one == controller)).then(|| path.to_owned())
        })
    };
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let (before, after): (Vec<_>, Vec<_>) = (before.split(' ').collect(), after.split(' ').collect());
        let (Some(root), Some(point), Some(kind)) = (before.get(3), before.get(4), after.first()) else { continue };
        let below = |path: String| {
            let path = path.strip_prefix(*root).unwrap_or(&path).trim_start_matches('/').to_owned();
            Path::new(point).join(path)
        };
        match *kind {
            "cgroup2" => found.extend(group_of("").map(|path| ("unified", 2, below(path)))),
            "cgroup" => {
                let options = after.get(2).copied().unwrap_or_default();
                let here = CONTROLLERS.into_iter().filter(|one| options.split(',').any(|option| option == *one));
                found.extend(here.filter_map(|one| Some((one, 1, below(group_of(one)?)))));
            }
            _ => {}
        }
    }
    found
}

/// The group of one instance, in every hierarchy.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    dirs: BTreeMap<&'static str, (PathBuf, u8)>,
}

impl Group {
    /// Files that a process with one thread writes itself into.
    pub(crate) fn joins(&self) -> Vec<PathBuf> {
        self.each("tasks")
    }

    /// Sets its limits.
    pub(crate) fn limit(&self, limits: &InstanceLimits) -> io::Result<()> {
        self.settings(limits).iter().try_for_each(|(file, value)| {
            fs::write(file, value)
                .map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", file.display())))
        })
    }

    /// A file of each group: of this name in version 1, of processes in version 2.
    fn each(&self, old: &str) -> Vec<PathBuf> {
        let name = |version: u8| if version == 2 { "cgroup.procs" } else { old };
        let mut files: Vec<_> = self.dirs.values().map(|(dir, version)| dir.join(name(*version))).collect();
        files.sort();
        files.dedup();
        files
    }

    fn file(&self, controller: &str, names: [&str; 2]) -> Option<PathBuf> {
        let (dir, version) = self.dirs.get(controller)?;
        let name = names[usize::from(*version == 2)];
        (!name.is_empty()).then(|| dir.join(name))
    }

    fn settings(&self, limits: &InstanceLimits) -> Vec<(PathBuf, String)> {
        let memory = limits.memory_bytes.to_string();
        let quota = (u64::from(limits.cpu_millis) * PERIOD_US / 1000).max(1000);
        let cpu = [quota.to_string(), format!("{quota} {PERIOD_US}")];
        let unified = usize::from(self.dirs.get("cpu").is_some_and(|(_, version)| *version == 2));
        let processes = (u64::from(limits.processes_max) + KEEPERS).to_string();
        let all = [
            (self.file("memory", ["memory.limit_in_bytes", "memory.max"]), memory.clone()),
            (self.file("memory", ["", "memory.swap.max"]).filter(|file| file.exists()), "0".to_owned()),
            (self.file("memory", ["memory.memsw.limit_in_bytes", ""]).filter(|file| file.exists()), memory),
            (self.file("cpu", ["cpu.cfs_quota_us", "cpu.max"]), cpu[unified].clone()),
            (self.file("pids", ["pids.max", "pids.max"]), processes),
        ];
        all.into_iter().filter_map(|(file, value)| Some((file?, value))).collect()
    }

    /// Ends all that is in it; whether something could be asked to.
    pub(crate) fn kill(&self) -> bool {
        self.file("unified", ["", "cgroup.kill"]).is_some_and(|file| fs::write(file, "1").is_ok())
    }

    /// Stops its clock, or lets it run on.
    pub(crate) fn freeze(&self, frozen: bool) -> bool {
        let unified = self.file("unified", ["", "cgroup.freeze"]).map(|file| (file, if frozen { "1" } else { "0" }));
        let old = self.file("freezer", ["freezer.state", ""]);
        let old = old.map(|file| (file, if frozen { "FROZEN" } else { "THAWED" }));
        unified.or(old).is_some_and(|(file, state)| fs::write(file, state).is_ok())
    }

    /// The processes in it, by their numbers here.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let lists = self.each("cgroup.procs").into_iter().filter_map(|file| fs::read_to_string(file).ok());
        let mut all: Vec<i32> =
            lists.flat_map(|list| list.lines().filter_map(|line| line.parse().ok()).collect::<Vec<_>>()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What it used so far.
    pub(crate) fn usage(&self) -> Usage {
        let number = |file: Option<PathBuf>| fs::read_to_string(file?).ok()?.trim().parse::<u64>().ok();
        let line = |file: Option<PathBuf>, word: &str| value(&fs::read_to_string(file?).ok()?, word);
        let cpu = number(self.file("cpuacct", ["cpuacct.usage", ""])).map(|nanoseconds| nanoseconds / 1000);
        Usage {
            cpu_us: cpu.or_else(|| line(self.file("unified", ["", "cpu.stat"]), "usage_usec")),
            memory_bytes: number(self.file("memory", ["memory.usage_in_bytes", "memory.current"])),
            memory_peak_bytes: number(self.file("memory", ["memory.max_usage_in_bytes", "memory.peak"])),
            read_bytes: self.moved("Read", "rbytes"),
            written_bytes: self.moved("Write", "wbytes"),
            volume_bytes: None,
            processes_refused: line(self.file("pids", ["pids.events", "pids.events"]), "max"),
        }
    }

    /// Times that something in it was ended for want of memory.
    pub(crate) fn out_of_memory(&self) -> u64 {
        let file = self.file("memory", ["memory.oom_control", "memory.events"]);
        file.and_then(|file| value(&fs::read_to_string(file).ok()?, "oom_kill")).unwrap_or(0)
    }

    fn moved(&self, old: &str, new: &str) -> Option<u64> {
        let file = self.file("blkio", ["blkio.throttle.io_service_bytes", "io.stat"])?;
        let text = fs::read_to_string(file).ok()?;
        Some(moved(&text, old, new))
    }

    /// Removes it once it is empty. What does not empty in time is found and ended at the next start.
    pub(crate) async fn remove(&self) {
        for _ in 0..REMOVALS {
            if self.is_removed() {
                return;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Removes it once it is empty, and waits here.
    pub(crate) fn remove_now(&self) {
        for _ in 0..REMOVALS {
            if self.is_removed() {
                return;
            }
            std::thread::sleep(AGAIN_AFTER);
        }
    }

    /// Removes what of it can be; whether nothing is left.
    fn is_removed(&self) -> bool {
        for (dir, _) in self.dirs.values() {
            let _ = fs::remove_dir(dir);
        }
        !self.dirs.values().any(|(dir, _)| dir.exists())
    }
}

/// The number behind a word, in lines of `word number`.
fn value(text: &str, word: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Bytes moved over all devices: `8:0 Read 4096` in version 1, `8:0 rbytes=4096 wbytes=…` in version 2.
fn moved(text: &str, old: &str, new: &str) -> u64 {
    let of_line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let plain = (words.get(1) == Some(&old)).then(|| words.get(2)?.parse::<u64>().ok()).flatten();
        let keyed = || words.iter().find_map(|word| word.strip_prefix(new)?.strip_prefix('=')?.parse::<u64>().ok());
        plain.or_else(keyed).unwrap_or(0)
    };
    text.lines().map(of_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_are_found_where_this_process_is() {
        let mounts = "30 24 0:26 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
                      31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                      32 24 0:28 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      33 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      34 24 0:30 / /proc rw - proc proc rw\n";
        let own = "4:memory:/a/b\n3:cpu,cpuacct:/\n2:pids:/docker/abc/x\n0::/c\n";
        let rows = [
            ("memory", 1, "/sys/fs/cgroup/memory/a/b"),
            ("cpu", 1, "/sys/fs/cgroup/cpu,cpuacct"),
            ("cpuacct", 1, "/sys/fs/cgroup/cpu,cpuacct"),
            ("pids", 1, "/sys/fs/cgroup/pids/x"),
            ("unified", 2, "/sys/fs/cgroup/unified/c"),
        ];
        assert_eq!(found(mounts, own), rows.map(|(name, version, path)| (name, version, PathBuf::from(path))));
    }

    #[test]
    fn limits_are_spelled_as_each_version_has_them() {
        let limits =
            InstanceLimits { memory_bytes: 64, cpu_millis: 500, processes_max: 10, ..InstanceLimits::default() };
        let spelled = |version: u8| {
            let dirs = ["memory", "cpu", "pids"].map(|name| (name, (PathBuf::from(name), version))).into();
            let settings = Group { dirs }.settings(&limits);
            settings.into_iter().map(|(file, value)| format!("{}={value}", file.display())).collect::<Vec<_>>()
        };
        assert_eq!(spelled(1), ["memory/memory.limit_in_bytes=64", "cpu/cpu.cfs_quota_us=50000", "pids/pids.max=12"]);
        assert_eq!(spelled(2), ["memory/memory.max=64", "cpu/cpu.max=50000 100000", "pids/pids.max=12"]);
    }

    #[test]
    fn bytes_are_summed_over_devices() {
        assert_eq!(moved("8:0 Read 3\n8:0 Write 5\n8:16 Read 4\nTotal 12\n", "Read", "rbytes"), 7);
        assert_eq!(moved("8:0 rbytes=3 wbytes=5 rios=1\n8:16 rbytes=4 wbytes=6\n", "Write", "wbytes"), 11);
        assert_eq!(value("low 0\noom 1\noom_kill 2\n", "oom_kill"), Some(2));
    }
}
