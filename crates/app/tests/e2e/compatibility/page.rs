//! docs/compatibility.md: what was called, by whom, and what came of it.

use super::COLUMNS;
use super::servers::{SERVED, pinned};

/// What one client found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Works,
    /// It does not, and why.
    Fails(&'static str),
}

/// One thing that was asked of a server.
pub(super) struct Row {
    pub(super) server: &'static str,
    pub(super) what: &'static str,
    pub(super) cells: Vec<Cell>,
}

const HEAD: &str = "\
# Compatibility

Servers on stdio that nobody here wrote, unchanged. Each stands in a process of the tenant's own, in a box, behind
`/mcp/NAME`, and is called by clients that people use, in both eras: `legacy` opens a session with `initialize`
(2025-11-25), `modern` speaks 2026-07-28. The gateway speaks with a server in the era that the server has, and with a
client in the client's. One process serves all these clients of a tenant; another tenant's is another process.

A test writes this page from what it saw, and fails where it reads otherwise. To run it: `cargo xtask test`; to renew
it: `UPDATE=1 cargo test -p partywall-app --test e2e compatibility`, with the variables that CONTRIBUTING.md names.
";

/// The page.
pub(super) fn of(rows: &[Row]) -> String {
    let mut page = HEAD.to_owned();
    page += "\n## Servers\n\n| server | package | what its box needs |\n|---|---|---|\n";
    for server in SERVED {
        let (name, package, needs) = (server.name, server.package, server.needs);
        page += &format!("| `{name}` | {package} {} | {needs} |\n", pinned(package));
    }
    page += "\n## Calls\n\nEach call's answer is checked: `convert_time` for the time, `git_log` for the commit, \
             `read_text_file` for what was\nwritten, and so on.\n\n| server | call |";
    for (client, era, _) in COLUMNS {
        page += &format!(" {client:?} {era} |");
    }
    page += &format!("\n|---|---|{}\n", "---|".repeat(COLUMNS.len()));
    let mut reasons: Vec<&str> = Vec::new();
    for Row { server, what, cells } in rows {
        page += &format!("| `{server}` | `{what}` |");
        for cell in cells {
            page += &match cell {
                Cell::Works => " yes |".to_owned(),
                Cell::Fails(why) => format!(" no ({}) |", number(&mut reasons, why)),
            };
        }
        page.push('\n');
    }
    for (number, why) in (1..).zip(&reasons) {
        page += &format!("\n({number}) {why}.\n");
    }
    page += "\n## Clients\n\n";
    let clients = [
        ("Inspector", "@modelcontextprotocol/inspector", "its command line"),
        ("TypeScript", "@modelcontextprotocol/client", "the official client library"),
        ("Python", "mcp", "the official client library"),
    ];
    for (name, package, what) in clients {
        page += &format!("- {name}: {package} {}, {what}.\n", pinned(package));
    }
    page
}

/// The number of a reason, from 1 on.
fn number(reasons: &mut Vec<&'static str>, why: &'static str) -> usize {
    let known = reasons.iter().position(|reason| *reason == why);
    known.unwrap_or_else(|| {
        reasons.push(why);
        reasons.len() - 1
    }) + 1
}
