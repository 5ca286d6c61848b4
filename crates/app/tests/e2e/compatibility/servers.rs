//! The servers, how each is put into a box, and what is asked of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::caller::tool;
use crate::instances::boxed::Boxed;

/// One of them.
pub(super) struct Served {
    /// Its name in the catalog.
    pub(super) name: &'static str,
    /// What is installed.
    pub(super) package: &'static str,
    /// What stands in its box beside system libraries, its own code and what runs it, for the page.
    pub(super) needs: &'static str,
    boxed: fn(&Path) -> Boxed,
    steps: fn(&str) -> Vec<Step>,
}

/// A call, and what its answer has to contain.
pub(super) struct Step {
    pub(super) tool: &'static str,
    arguments: Value,
    pub(super) says: String,
}

impl Step {
    fn new(tool: &'static str, arguments: Value, says: impl Into<String>) -> Self {
        Self { tool, arguments, says: says.into() }
    }

    /// For a client's script.
    pub(super) fn asked(&self) -> Value {
        json!({"op": "call", "name": self.tool, "args": self.arguments})
    }
}

impl Served {
    /// The server in its box.
    pub(super) fn boxed(&self, repository: &Path) -> Boxed {
        (self.boxed)(repository)
    }

    /// What is asked of it. What a client writes carries its mark, so that it cannot be taken for another's.
    pub(super) fn steps(&self, mark: &str) -> Vec<Step> {
        (self.steps)(mark)
    }
}

/// All of them.
pub(super) const SERVED: [Served; 5] = [
    Served {
        name: "time",
        package: "mcp-server-time",
        needs: "–",
        boxed: |_| python("time", "mcp-server-time", &[]),
        steps: |_| {
            let time = json!({"source_timezone": "UTC", "time": "16:30", "target_timezone": "Asia/Tokyo"});
            vec![Step::new("convert_time", time, "T01:30:00+09:00")]
        },
    },
    Served {
        name: "git",
        package: "mcp-server-git",
        needs: "the repository, read-only; `safe.directory` in its environment, since the repository is another user's",
        boxed: |repository| {
            python("git", "mcp-server-git", &["--repository", "/repository"])
                .with_root_at(repository, "/repository")
                .with_command(r#"env = { GIT_CONFIG_COUNT = "1", GIT_CONFIG_KEY_0 = "safe.directory", GIT_CONFIG_VALUE_0 = "*" }"#)
        },
        steps: |_| {
            let repository = json!({"repo_path": "/repository"});
            vec![
                Step::new("git_status", repository.clone(), "mortar.txt"),
                Step::new("git_log", repository, "Lay the first brick"),
            ]
        },
    },
    Served {
        name: "filesystem",
        package: "@modelcontextprotocol/server-filesystem",
        needs: "a volume",
        boxed: |_| node("filesystem", "server-filesystem", &["/data"]).with_command("volume = \"/data\""),
        steps: |mark| {
            let path = format!("/data/{mark}.txt");
            vec![
                Step::new("write_file", json!({"path": path, "content": format!("by {mark}")}), path.clone()),
                Step::new("read_text_file", json!({"path": path}), format!("by {mark}")),
            ]
        },
    },
    Served {
        name: "memory",
        package: "@modelcontextprotocol/server-memory",
        needs: "a volume; the file in it by `MEMORY_FILE_PATH`",
        boxed: |_| {
            let memory = node("memory", "server-memory", &[]).with_command("volume = \"/data\"");
            memory.with_command("env = { MEMORY_FILE_PATH = \"/data/memory.jsonl\" }")
        },
        steps: |mark| {
            let entity = json!({"name": format!("of {mark}"), "entityType": "client", "observations": ["called"]});
            vec![
                Step::new("create_entities", json!({"entities": [entity]}), format!("of {mark}")),
                Step::new("read_graph", json!({}), format!("of {mark}")),
            ]
        },
    },
    Served {
        name: "everything",
        package: "@modelcontextprotocol/server-everything",
        needs: "`asks = [\"sampling\", \"elicitation\"]`",
        boxed: |_| {
            let everything = node("everything", "server-everything", &["stdio"]);
            everything.with_command("asks = [\"sampling\", \"elicitation\"]")
        },
        steps: |mark| {
            vec![
                Step::new("echo", json!({"message": mark}), format!("Echo: {mark}")),
                // What the clients' user and model say: see tests/clients.
                Step::new("trigger-elicitation-request", json!({}), "- Name: Ann"),
                Step::new("trigger-sampling-request", json!({"prompt": mark}), "thought"),
            ]
        },
    },
];

/// A server in Python: the program that pip makes, with its environment and the Python that this was made of.
fn python(name: &str, program: &str, arguments: &[&str]) -> Boxed {
    let python = tool("PARTYWALL_TOOLS_PYTHON");
    let environment = python.ancestors().nth(2).unwrap();
    let base = python.canonicalize().unwrap().ancestors().nth(2).unwrap().to_owned();
    let boxed = Boxed::running(name, &python.with_file_name(program), arguments).with_root(environment);
    // The system's own is among what every box has.
    if base.starts_with("/usr") { boxed } else { boxed.with_root(&base) }
}

/// A server for Node, with all that is installed beside it.
fn node(name: &str, package: &str, arguments: &[&str]) -> Boxed {
    let modules = tool("PARTYWALL_TOOLS_MODULES");
    let program = modules.join(".bin").join(format!("mcp-{package}"));
    let arguments: Vec<_> = [program.to_str().unwrap()].iter().chain(arguments).copied().collect();
    Boxed::running(name, &tool("PARTYWALL_TOOLS_NODE"), &arguments).with_root(&modules)
}

/// A repository with one commit and a file that is not in it.
pub(super) fn repository() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    // A temporary folder is for its owner alone, and what is in the box is another user.
    let path = folder.path().join("repository");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("brick.txt"), "red").unwrap();
    let author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
    for arguments in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "Lay the first brick"]] {
        let mut git = Command::new("git");
        git.arg("-C").arg(&path).args(author).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.status().unwrap().success(), "{arguments:?}");
    }
    std::fs::write(path.join("mortar.txt"), "grey").unwrap();
    (folder, path)
}

/// The version that tests/clients pins.
pub(super) fn pinned(package: &str) -> String {
    let manifest = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let npm: Value = serde_json::from_str(&manifest("package.json")).unwrap();
    if let Some(version) = npm["dependencies"][package].as_str() {
        return version.to_owned();
    }
    let python = manifest("requirements.txt");
    let version = python.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
    version.unwrap_or_else(|| panic!("`{package}` is not pinned")).to_owned()
}
