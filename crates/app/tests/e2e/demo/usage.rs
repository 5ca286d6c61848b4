//! Every command explains itself, and what cannot be understood is told apart from what failed.

use std::path::Path;

use tempfile::TempDir;

use crate::process::{partywall, partywall_with};
use crate::told::{all, assert_told, stderr, stdout};

/// Every command, as the help tells them: nothing, each verb, each verb's verbs.
fn commands() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = all.get(next).cloned() {
        let help = help(&command);
        let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let verbs = verbs.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        for verb in verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help") {
            all.push(command.iter().cloned().chain([verb.to_owned()]).collect());
        }
        next += 1;
    }
    all
}

fn help(command: &[String]) -> String {
    let arguments: Vec<_> = command.iter().map(String::as_str).chain(["--help"]).collect();
    let output = partywall(&arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", all(&output));
    assert_eq!(stderr(&output), "", "help goes to stdout");
    stdout(&output)
}

#[test]
fn every_command_explains_itself() {
    let commands = commands();
    assert!(commands.len() >= 10, "{commands:?}");
    for command in &commands {
        let help = help(command);
        assert!(help.contains("Usage: partywall"), "{command:?}: {help}");
        let undescribed = help.lines().find(|line| line.starts_with("      --") && line.split("  ").count() < 3);
        let wrapped = undescribed.is_some_and(|line| !help.contains(&format!("{line}\n          ")));
        assert!(!wrapped, "{command:?} has a flag without a word about it: {undescribed:?}");
    }
}

#[test]
fn what_is_no_usage_ends_with_2() {
    for arguments in [
        &[][..],
        &["dance"],
        &["demo", "--listen", "here"],
        &["demo", "--tour", "--server", "http://127.0.0.1:1/mcp"],
        &["serve"],
        &["apply"],
        &["tenant"],
        &["tenant", "show"],
        &["tenant", "list", "--output", "xml"],
        &["token", "--tenant", "acme"],
        &["token", "--tenant", "acme", "--subject", "ann", "--ttl", "soon"],
        &["token", "--tenant", "acme", "--subject", "ann", "--ttl", "1000d"],
        &["explain"],
        &["explain", "--token", "-", "0123"],
        &["explain", "--token", "-", "--tool", "add"],
        &["completions", "cobol"],
    ] {
        let output = partywall(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", all(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}: talk goes to stderr");
        assert!(stderr(&output).contains("--help") || stderr(&output).contains("Usage:"), "{}", stderr(&output));
    }
}

#[test]
fn completions_know_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let output = partywall(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{}", all(&output));
        for command in commands() {
            let verb = command.last().cloned().unwrap_or_default();
            assert!(stdout(&output).contains(&verb), "{shell} does not know `{verb}`");
        }
    }
}

#[test]
fn a_folder_without_data_is_told_so() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().to_str().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "not a token").unwrap();
    let token = token.to_str().unwrap();
    let mut told = String::new();
    for arguments in [
        &["token", "--tenant", "acme", "--subject", "ann", "--data", data][..],
        &["tenant", "list", "--data", data],
        &["apply", "--data", data, "-f", token],
        &["explain", "--data", data, "--token", token],
        &["explain", "--data", data, "0123456789abcdef0123456789abcdef"],
        &["tenant", "list", "--data", data, "--admin", "http://127.0.0.1:1"],
        &["tenant", "list", "--operator-token", token, "--admin", "http://127.0.0.1:1"],
        &["tenant", "list", "--operator-token", token, "--admin", "https://127.0.0.1:1"],
        &["tenant", "list", "--operator-token", "/nowhere", "--admin", "http://127.0.0.1:1"],
    ] {
        let output = partywall(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", all(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}: talk goes to stderr");
        told.push_str(&format!("$ partywall {}\n{}\n", arguments.join(" "), stderr(&output)));
    }
    assert_told("usage-without-data", folder.path(), &told);
}

#[test]
fn what_the_admin_listener_is_asked_wrongly_is_told() {
    let world = crate::world::World::demo();
    let data = world.data().to_str().unwrap();
    let strange = world.data().join("strange.token");
    std::fs::write(&strange, "somebody's token, long enough to be one").unwrap();
    let strange = strange.to_str().unwrap();
    let mut told = String::new();
    for arguments in [
        &["tenant", "show", "nobody", "--data", data][..],
        &["tenant", "show", "No Body", "--data", data],
        &["tenant", "list", "--data", data, "--admin", &world.public],
        &["tenant", "list", "--data", data, "--operator-token", strange],
        &["apply", "--data", data, "-f", "/nowhere.toml"],
        &["explain", "--data", data, "0123"],
        &["explain", "--data", data, "0123456789abcdef0123456789abcdef"],
        &["explain", "--data", data, "--token", "/nowhere"],
        &["token", "--tenant", "acme", "--subject", "ann", "--server", "No Server", "--data", data],
    ] {
        let output = partywall_with(arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", all(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}: talk goes to stderr");
        told.push_str(&format!("$ partywall {}\n{}\n", arguments.join(" "), stderr(&output)));
    }
    assert_told("usage-of-the-admin-listener", Path::new(data), &told);
}
