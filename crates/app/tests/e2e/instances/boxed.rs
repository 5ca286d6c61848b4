//! The fixture of the test kit as a server that is started: documents that put it behind a world.

use std::path::{Path, PathBuf};

use crate::world::PARTYWALL;

/// Folders that programs of this host need, where there are such.
const SYSTEM: [&str; 4] = ["/usr", "/bin", "/lib", "/lib64"];

/// A server that is started for whoever calls it.
pub(crate) struct Boxed {
    /// The lines of `[server.boxed]` beside its command.
    pub(crate) server: String,
    /// The lines of `[server.boxed.command]` beside what to run.
    pub(crate) command: String,
    /// The program and its arguments.
    pub(crate) run: Vec<String>,
    /// Paths of the host that stand in the box.
    pub(crate) roots: Vec<PathBuf>,
}

impl Boxed {
    /// The fixture, speaking these eras.
    pub(crate) fn fixture(eras: &str) -> Self {
        let program = Path::new(PARTYWALL).with_file_name("fixture");
        let run = [program.to_str().unwrap(), "--stdio", "--eras", eras].map(str::to_owned).to_vec();
        let (server, command) = (String::new(), String::new());
        Self { server, command, run, roots: vec![program.parent().unwrap().to_owned()] }
    }

    pub(crate) fn with_server(mut self, line: &str) -> Self {
        self.server += line;
        self.server.push('\n');
        self
    }

    pub(crate) fn with_command(mut self, line: &str) -> Self {
        self.command += line;
        self.command.push('\n');
        self
    }

    /// Documents that give both tenants a process of it, everything granted.
    pub(crate) fn documents(&self) -> String {
        self.documents_for("\"process\"")
    }

    /// The same with another placement.
    pub(crate) fn documents_for(&self, placement: &str) -> String {
        let system = SYSTEM.iter().map(PathBuf::from).filter(|path| path.exists());
        let roots: Vec<_> = system.chain(self.roots.iter().cloned()).collect();
        let (server, command) = (&self.server, &self.command);
        let grant = format!(
            "{{ placement = {placement}, tools = {{ allow = [\"*\"] }}, prompts = {{ allow = [\"*\"] }}, resources = {{ allow = [\"*\"] }} }}"
        );
        let tenant = |name: &str, plan: &str| {
            format!(
                "[tenant.{name}]\nplan = \"{plan}\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
                 servers.boxed = {grant}\nlimits = {{ calls_per_second = 10000, calls_burst = 10000, calls_in_flight_max = 1000, lists_per_second = 10000, lists_burst = 10000 }}\n"
            )
        };
        format!(
            "[server.boxed]\n{server}[server.boxed.command]\nrun = {:?}\nroots = {roots:?}\n{command}\n{}\n{}",
            self.run,
            tenant("acme", "standard"),
            tenant("globex", "enterprise"),
        )
    }
}
