//! The fixture of the test kit as a server that is started: documents that put it behind a world.

use std::path::{Path, PathBuf};

use crate::world::PARTYWALL;

/// Folders that programs of this host need, where there are such.
const SYSTEM: [&str; 4] = ["/usr", "/bin", "/lib", "/lib64"];

/// Limits that no test meets by itself.
const LIMITS: &str = "limits = { calls_per_second = 10000, calls_burst = 10000, calls_in_flight_max = 1000, \
                      lists_per_second = 10000, lists_burst = 10000 }";

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
        let grant = grant(placement);
        let tenant = |name: &str, plan: &str| {
            format!(
                "[tenant.{name}]\nplan = \"{plan}\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
                 servers.boxed = {grant}\n{LIMITS}\n"
            )
        };
        [self.server(), tenant("acme", "standard"), tenant("globex", "enterprise")].join("\n")
    }

    /// Documents of a plan whose tenants have a process of it each.
    pub(crate) fn server_and_plan(&self, plan: &str) -> String {
        let grant = grant("\"process\"");
        format!("{}\n[plan.{plan}]\n{LIMITS}\nservers.boxed = {grant}\n", self.server())
    }

    fn server(&self) -> String {
        let system = SYSTEM.iter().map(PathBuf::from).filter(|path| path.exists());
        let roots: Vec<_> = system.chain(self.roots.iter().cloned()).collect();
        let (server, command, run) = (&self.server, &self.command, &self.run);
        format!("[server.boxed]\n{server}[server.boxed.command]\nrun = {run:?}\nroots = {roots:?}\n{command}\n")
    }
}

/// Everything of the server, from an instance placed like this.
fn grant(placement: &str) -> String {
    let all = "{ allow = [\"*\"] }";
    format!("{{ placement = {placement}, tools = {all}, prompts = {all}, resources = {all} }}")
}
