//! Landlock: the second wall behind the read-only root. Even if a mount were wrong, nothing but what is listed opens.

use landlock::{
    ABI, Access, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::root::DEVICES;
use super::{Step, told};
use crate::order::{Bind, BindAccess};

/// The newest version whose rights we know; an older kernel enforces those it has.
const KNOWN: ABI = ABI::V6;

/// Lets this process and its children reach what is listed, and says which ABI holds them to it; 0: none does.
pub(super) fn restrict(binds: &[Bind]) -> Step<u8> {
    let failed = "cannot set up Landlock";
    let ruleset = Ruleset::default().handle_access(AccessFs::from_all(KNOWN)).map_err(told(failed))?;
    let ruleset = ruleset.scope(Scope::from_all(KNOWN)).map_err(told(failed))?;
    let mut created = ruleset.create().map_err(told(failed))?;
    for (path, access) in allowed(binds) {
        created = allow(created, &path, access)?;
    }
    let status = created.restrict_self().map_err(told(failed))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Ok(0),
        // It may grow variants, so it is no number to cast; it prints as one.
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi.to_string().parse().unwrap_or(0)),
        _ => Ok(0),
    }
}

fn allowed(binds: &[Bind]) -> Vec<(String, BitFlags<AccessFs>)> {
    let read = AccessFs::from_read(KNOWN);
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    // No devices and no pipes to the outside; a socket in `/tmp` is the server's own affair.
    let write = AccessFs::from_all(KNOWN) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    // No symbolic link, and no `Refer` that would bring one from elsewhere: whoever connects from outside would follow.
    let socket = look | AccessFs::WriteFile | AccessFs::MakeSock | AccessFs::RemoveFile;
    let own = [("/proc", look), ("/dev", look), ("/etc", look), ("/run", look), ("/tmp", write)];
    let devices = DEVICES.map(|device| (device, AccessFs::ReadFile | AccessFs::WriteFile));
    let fixed = own.into_iter().chain(devices).map(|(path, access)| (path.to_owned(), access));
    let listed = binds.iter().map(|bind| {
        let access = match bind.access {
            BindAccess::Read => read,
            BindAccess::Write => write,
            BindAccess::Socket => socket,
        };
        (bind.to.to_string_lossy().into_owned(), access)
    });
    fixed.chain(listed).collect()
}

fn allow(created: RulesetCreated, path: &str, access: BitFlags<AccessFs>) -> Step<RulesetCreated> {
    let failed = || format!("cannot open `{path}` for Landlock");
    // Only `/etc` may be missing, and while probing the others are the host's.
    let Ok(file) = PathFd::new(path) else { return Ok(created) };
    let directory = std::fs::metadata(path).map_err(told(failed()))?.is_dir();
    let access = if directory { access } else { access & AccessFs::from_file(KNOWN) };
    created.add_rule(PathBeneath::new(file, access)).map_err(told(failed()))
}
