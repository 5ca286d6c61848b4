//! Servers that are started: documents that put them behind a world.

use std::path::{Path, PathBuf};

use crate::world::PARTYWALL;

/// Folders that programs of this host need, where there are such.
const SYSTEM: [&str; 4] = ["/usr", "/bin", "/lib", "/lib64"];

/// Limits that no test meets by itself.
const LIMITS: &str = "limits = { calls_per_second = 10000, calls_burst = 10000, calls_in_flight_max = 1000, \
                      lists_per_second = 10000, lists_burst = 10000 }";

/// A server that is started for whoever calls it.
pub(crate) struct Boxed {
    /// Its name in the catalog.
    pub(crate) name: String,
    /// The lines of `[server.NAME]` beside its command.
    pub(crate) server: String,
    /// The lines of `[server.NAME.command]` beside what to run.
    pub(crate) command: String,
    /// The program and its arguments.
    pub(crate) run: Vec<String>,
    /// Paths of the host that stand in the box, and where.
    pub(crate) roots: Vec<(PathBuf, PathBuf)>,
}

impl Boxed {
    /// A server, run by this program with these arguments.
    pub(crate) fn running(name: &str, program: &Path, arguments: &[&str]) -> Self {
        let run = [program.to_str().unwrap()].iter().chain(arguments).map(|&word| word.to_owned()).collect();
        let (server, command) = (String::new(), String::new());
        Self { name: name.to_owned(), server, command, run, roots: Vec::new() }
    }

    /// The fixture of the test kit, speaking these eras.
    pub(crate) fn fixture(eras: &str) -> Self {
        let program = Path::new(PARTYWALL).with_file_name("fixture");
        Self::running("boxed", &program, &["--stdio", "--eras", eras]).with_root(program.parent().unwrap())
    }

    /// The scripted server of the test kit, of one era, under that era's name.
    pub(crate) fn scripted(era: &str) -> Self {
        let program = Path::new(PARTYWALL).with_file_name("scripted");
        Self::running(era, &program, &["--eras", era]).with_root(program.parent().unwrap())
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

    /// With a path of the host where it is.
    pub(crate) fn with_root(self, path: &Path) -> Self {
        self.with_root_at(path, path)
    }

    /// With a path of the host, elsewhere.
    pub(crate) fn with_root_at(mut self, host: &Path, at: impl Into<PathBuf>) -> Self {
        self.roots.push((host.to_owned(), at.into()));
        self
    }

    /// Documents that give both tenants a process of it, everything granted.
    pub(crate) fn documents(&self) -> String {
        self.documents_for("\"process\"")
    }

    /// The same with another placement.
    pub(crate) fn documents_for(&self, placement: &str) -> String {
        documents_of(std::slice::from_ref(self), placement)
    }

    /// Documents of a plan whose tenants have a process of it each.
    pub(crate) fn server_and_plan(&self, plan: &str) -> String {
        servers_and_plan(std::slice::from_ref(self), plan)
    }

    /// The server's own document.
    fn document(&self) -> String {
        let system = SYSTEM.iter().map(PathBuf::from).filter(|path| path.exists()).map(|path| (path.clone(), path));
        let roots = system.chain(self.roots.iter().cloned());
        let roots: Vec<_> = roots.map(|(host, at)| format!("{{ host = {host:?}, at = {at:?} }}")).collect();
        let (name, server, command) = (&self.name, &self.server, &self.command);
        let (run, roots) = (&self.run, roots.join(", "));
        format!("[server.{name}]\n{server}[server.{name}.command]\nrun = {run:?}\nroots = [{roots}]\n{command}\n")
    }
}

/// Documents of these servers and of a plan whose tenants have a process of each.
pub(crate) fn servers_and_plan(servers: &[Boxed], plan: &str) -> String {
    let documents: String = servers.iter().map(Boxed::document).collect();
    format!("{documents}\n[plan.{plan}]\n{LIMITS}\n{}", grants(servers, "\"process\""))
}

fn grants(servers: &[Boxed], placement: &str) -> String {
    let grant = grant(placement);
    let grants: Vec<_> = servers.iter().map(|server| format!("servers.{} = {grant}\n", server.name)).collect();
    grants.concat()
}

/// Documents of these servers and of both tenants, everything granted.
pub(crate) fn documents_of(servers: &[Boxed], placement: &str) -> String {
    let grants = grants(servers, placement);
    let tenant = |name: &str, plan: &str| {
        format!(
            "[tenant.{name}]\nplan = \"{plan}\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
             {grants}{LIMITS}\n"
        )
    };
    let servers: String = servers.iter().map(Boxed::document).collect();
    format!("{servers}\n{}\n{}", tenant("acme", "standard"), tenant("globex", "enterprise"))
}

/// Everything of a server, from an instance placed like this.
fn grant(placement: &str) -> String {
    let all = "{ allow = [\"*\"] }";
    format!("{{ placement = {placement}, tools = {all}, prompts = {all}, resources = {all} }}")
}
