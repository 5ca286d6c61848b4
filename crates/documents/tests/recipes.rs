//! What the documentation tells operators to write can be read: every TOML block of every page.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use partywall_documents::{Issuer, Kind, Mistake, Mistakes, Plan, Server, Table, Tenant};
use partywall_domain::TenantId;
use serde_json::Value;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

#[test]
fn every_document_in_the_documentation_can_be_read() {
    let (mut wrong, mut read) = (Vec::new(), 0);
    for page in pages(Path::new(DOCS)) {
        for (line, block) in blocks(&fs::read_to_string(&page).unwrap()) {
            let place = format!("{}:{line}", page.strip_prefix(DOCS).unwrap().display());
            let mut told = |path: &str, why: &str| wrong.push(format!("{place}: {path}: {why}"));
            match toml::from_str::<Value>(&block) {
                Err(why) => told("", &why.to_string()),
                Ok(file) if is_documents(&file) => {
                    for Mistake { path, message } in mistakes(&file) {
                        told(&path, &message);
                    }
                    read += 1;
                }
                // Settings, which have a test of their own.
                Ok(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(read >= 10, "only {read} blocks were found");
}

#[test]
fn every_page_on_a_provider_has_a_document_to_apply() {
    let pages: Vec<_> = pages(&Path::new(DOCS).join("identity-providers"));
    assert!(pages.len() >= 8, "{pages:?}");
    for page in pages.iter().filter(|page| !page.ends_with("README.md")) {
        let blocks = blocks(&fs::read_to_string(page).unwrap());
        let whole = |block: &str| block.starts_with("version = 1\n") && block.contains("[issuer.");
        assert!(blocks.iter().any(|(_, block)| whole(block)), "{}", page.display());
    }
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages.extend(self::pages(&path));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

/// The TOML blocks of a page, each with the line where it begins.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(page.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim() == "```toml" {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            blocks.push((number, block.flat_map(|line| [line, "\n"]).collect()));
        }
    }
    blocks
}

/// Whether all that a file has at its top is a kind of document, or its version.
fn is_documents(file: &Value) -> bool {
    file.as_object().unwrap().keys().all(|key| key == "version" || Kind::of(key).is_some())
}

fn mistakes(file: &Value) -> Vec<Mistake> {
    let mistakes = Mistakes::default();
    for kind in Kind::ALL {
        let documents = file.get(kind.as_str()).and_then(Value::as_object);
        for (name, body) in documents.into_iter().flatten() {
            let path = format!("{kind}.{name}");
            let Some(table) = Table::new(path.clone(), body, &mistakes) else { continue };
            let read = match kind {
                Kind::Issuer => name.parse().map(|name| drop(Issuer::read(name, table))),
                Kind::Server => name.parse().map(|name| drop(Server::read(name, table))),
                Kind::Plan => name.parse().map(|name| drop(Plan::read(name, table))),
                Kind::Tenant => name.parse().map(|name| drop(Tenant::read(TenantId::NOBODY, name, table))),
            };
            if let Err(why) = read {
                mistakes.add(path, why.to_string());
            }
        }
    }
    mistakes.into_vec()
}
