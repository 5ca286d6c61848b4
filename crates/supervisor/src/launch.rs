//! What to run, and how much of the host it may have.

use std::path::PathBuf;

use partywall_domain::{Command, Egress, Floor, Revision, SecretName, Setting};
pub use partywall_domain::{InstanceLimits, Life, Root, Secret, Transport};

/// What to run for one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The revision that says so. A call that began under an older one does not bring the older launch back.
    pub revision: Revision,
    /// The program, by its path in the box.
    pub command: PathBuf,
    /// Its arguments; every user of the host can read them, so no secret stands here.
    pub arguments: Vec<String>,
    /// All of its environment. Nothing of the gateway's own is added.
    pub environment: Vec<(String, Secret)>,
    /// Files under `/run/secrets` of the box, by name; only the instance can read them.
    pub secrets: Vec<(String, Secret)>,
    /// What of the host stands in the box, read-only.
    pub roots: Vec<Root>,
    /// Where it starts. Default `/tmp`.
    pub directory: PathBuf,
    /// Where in the box its volume stands, if it has one: a directory of this tenant and server that outlives it.
    pub volume: Option<PathBuf>,
    /// Where it may connect to. Empty: nowhere.
    pub egress: Vec<Egress>,
    /// How it speaks.
    pub transport: Transport,
    /// What it may use.
    pub limits: InstanceLimits,
    /// What must be enforced, or it does not start.
    pub require: Floor,
    /// When it starts, sleeps and stops.
    pub life: Life,
}

impl Launch {
    /// What the catalog says under this revision, with the secrets that `open` gives by name.
    pub fn of<E>(
        command: &Command,
        revision: Revision,
        require: Option<&Floor>,
        open: impl Fn(&SecretName) -> Result<Secret, E>,
    ) -> Result<Self, E> {
        let setting = |(name, value): &(String, Setting)| {
            let value = match value {
                Setting::Plain(text) => Secret::new(text),
                Setting::FromSecret(secret) => open(secret)?,
            };
            Ok((name.clone(), value))
        };
        let file = |(name, secret): &(String, SecretName)| Ok((name.clone(), open(secret)?));
        Ok(Self {
            revision,
            arguments: command.arguments.clone(),
            environment: command.environment.iter().map(setting).collect::<Result<_, E>>()?,
            secrets: command.files.iter().map(file).collect::<Result<_, E>>()?,
            directory: command.directory.clone(),
            volume: command.volume.clone(),
            egress: command.egress.clone(),
            transport: command.transport,
            limits: command.limits,
            require: require.cloned().unwrap_or_default(),
            life: command.life,
            ..Self::new(&command.program, command.roots.clone())
        })
    }

    /// A program without arguments, in a box with nothing but these roots.
    pub fn new(command: impl Into<PathBuf>, roots: Vec<Root>) -> Self {
        Self {
            revision: Revision(0),
            command: command.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            secrets: Vec::new(),
            roots,
            directory: PathBuf::from("/tmp"),
            volume: None,
            egress: Vec::new(),
            transport: Transport::Stdio,
            limits: InstanceLimits::default(),
            require: Floor::default(),
            life: Life::default(),
        }
    }

    /// What changes if this one is taken in place of another; nothing where it is older.
    pub fn in_place_of(&self, other: &Self) -> Option<Change> {
        let is_older = self.revision < other.revision;
        match (self.runs_as(other), self.life == other.life) {
            _ if is_older => None,
            (false, _) => Some(Change::Run),
            (true, false) => Some(Change::Life),
            (true, true) => None,
        }
    }

    /// Whether both run the same in the same way, whatever revision says so, and however long.
    fn runs_as(&self, other: &Self) -> bool {
        let what = (&self.command, &self.arguments, &self.environment, &self.secrets, &self.directory);
        let with = (&self.roots, &self.volume, &self.egress, self.transport, self.limits, &self.require);
        let theirs = (&other.command, &other.arguments, &other.environment, &other.secrets, &other.directory);
        let theirs_with = (&other.roots, &other.volume, &other.egress, other.transport, other.limits, &other.require);
        what == theirs && with == theirs_with
    }
}

/// How a launch differs from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something else runs.
    Run,
    /// The same runs, and starts, sleeps and stops at other times.
    Life,
}

/// Where, in the box, a server that listens makes its socket.
pub const SOCKET: &str = "/run/partywall/socket";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let mut launch = Launch::new("/bin/true", Vec::new());
        launch.environment.push(("TOKEN".to_owned(), Secret::new("hunter2")));
        let printed = format!("{launch:?}");
        assert!(printed.contains("TOKEN") && !printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn only_what_says_something_else_and_is_no_older_takes_the_place() {
        let standing = Launch { revision: Revision(5), ..Launch::new("/bin/a", Vec::new()) };
        let rotated = vec![("KEY".to_owned(), Secret::new("new"))];
        let longer = Life { stop_after: Duration::from_hours(1), ..Life::default() };
        let rows = [
            (Launch { revision: Revision(6), ..standing.clone() }, None),
            (Launch { revision: Revision(6), environment: rotated.clone(), ..standing.clone() }, Some(Change::Run)),
            (Launch { environment: rotated.clone(), ..standing.clone() }, Some(Change::Run)),
            (Launch { environment: rotated.clone(), life: longer, ..standing.clone() }, Some(Change::Run)),
            (Launch { revision: Revision(4), environment: rotated, ..standing.clone() }, None),
            (Launch { revision: Revision(6), life: longer, ..standing.clone() }, Some(Change::Life)),
            (Launch { revision: Revision(4), life: longer, ..standing.clone() }, None),
        ];
        for (other, change) in rows {
            assert_eq!(other.in_place_of(&standing), change, "{other:?}");
        }
    }
}
