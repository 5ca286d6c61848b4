//! The checkout as the rules see it: the workspace's members, their arrows and their sources.
//!
//! It tells what ships from what only tests see. It judges nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use quote::ToTokens;
use serde_json::Value;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A package of the workspace.
pub(crate) struct Member {
    /// The package name, without the `partywall-` in front: as documents write it.
    pub(crate) name: String,
    /// Its directory, relative to the checkout.
    pub(crate) dir: String,
    /// The members it depends on when it ships; what only tests or build scripts need is left out.
    pub(crate) arrows: BTreeSet<String>,
}

/// A Rust file of a member.
pub(crate) struct Source {
    /// Where it is, relative to the checkout.
    pub(crate) path: String,
    /// Which module it holds, from the crate's root down; none for what lies outside `src`.
    pub(crate) module: Option<Vec<String>>,
    /// All of it.
    pub(crate) text: String,
    /// What ships: the same lines, those that only tests see left empty.
    pub(crate) shipped: String,
    /// How many lines ship.
    pub(crate) shipped_lines: usize,
}

impl Source {
    /// Whether nothing in this file ships.
    pub(crate) fn is_test(&self) -> bool {
        self.shipped_lines == 0
    }
}

/// Where the checkout begins.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace is two levels up").to_owned()
}

/// Reads a file of the checkout.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"))
}

/// Asks Cargo for the members and their arrows.
pub(crate) fn members() -> Vec<Member> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    members_in(&serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON"))
}

/// Every Rust file of a member, in the order of their paths.
pub(crate) fn sources(member: &Member) -> Vec<Source> {
    let mut paths = Vec::new();
    rust_files(&root().join(&member.dir), &mut paths);
    paths.sort();
    let texts = paths.iter().map(|path| {
        let path = path.strip_prefix(root()).expect("a member lies in the checkout").to_str().expect("paths are UTF-8");
        (path.to_owned(), read(path))
    });
    sources_from(&member.dir, texts.collect())
}

/// Tells what ships in the files of one member; a file that only a test module holds does not.
pub(crate) fn sources_from(dir: &str, files: Vec<(String, String)>) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut tests = Vec::new();
    for (path, text) in files {
        let module = path.strip_prefix(&format!("{dir}/src/")).map(module_of);
        let seen = TestsOf::read(&path, &text);
        if let Some(module) = &module {
            tests.extend(seen.files.iter().map(|child| [module.as_slice(), child].concat()));
        }
        let (shipped, shipped_lines) = seen.without(&text);
        sources.push(Source { path, module, text, shipped, shipped_lines });
    }
    for source in &mut sources {
        let ships = source.module.as_ref().is_some_and(|module| !tests.iter().any(|test| module.starts_with(test)));
        if !ships {
            source.shipped = String::new();
            source.shipped_lines = 0;
        }
    }
    sources
}

fn members_in(metadata: &Value) -> Vec<Member> {
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let name = |package: &Value| package["name"].as_str().expect("a package has a name").to_owned();
    let known: BTreeSet<String> = packages.iter().map(name).collect();
    let short = |name: &str| name.strip_prefix("partywall-").unwrap_or(name).to_owned();
    let root = metadata["workspace_root"].as_str().expect("metadata names the workspace");
    let member = |package: &Value| Member {
        name: short(&name(package)),
        dir: package["manifest_path"]
            .as_str()
            .and_then(|path| path.strip_prefix(root)?.strip_prefix('/')?.strip_suffix("/Cargo.toml"))
            .expect("a member lies below the workspace")
            .to_owned(),
        arrows: package["dependencies"]
            .as_array()
            .expect("a package lists dependencies")
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .map(name)
            .filter(|name| known.contains(name))
            .map(|name| short(&name))
            .collect(),
    };
    packages.iter().map(member).collect()
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a member's directory can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn module_of(path: &str) -> Vec<String> {
    let mut module: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || (module.len() == 1 && matches!(last, Some("lib" | "main"))) {
        module.pop();
    }
    module
}

/// What only tests see in one file: lines of it, and modules that lie in files of their own.
struct TestsOf {
    lines: BTreeSet<usize>,
    files: Vec<Vec<String>>,
    inside: Vec<String>,
}

impl TestsOf {
    fn read(path: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("`{path}`: {error}; make it parse"));
        let mut tests = Self { lines: BTreeSet::new(), files: Vec::new(), inside: Vec::new() };
        if file.attrs.iter().any(means_test) {
            tests.lines.extend(1..=text.lines().count());
        } else if text.contains("cfg") {
            tests.visit_file(&file);
        }
        tests
    }

    /// The text with the lines of tests left empty, and how many lines remain.
    fn without(&self, text: &str) -> (String, usize) {
        let mut shipped = String::with_capacity(text.len());
        for (number, line) in (1..).zip(text.lines()) {
            shipped.push_str(if self.lines.contains(&number) { "" } else { line });
            shipped.push('\n');
        }
        (shipped, text.lines().count() - self.lines.len())
    }

    /// Takes the node's lines out if only tests see it.
    fn takes(&mut self, node: &(impl ToTokens + Spanned)) -> bool {
        let test = attributes(node).iter().any(means_test);
        if test {
            self.lines.extend(node.span().start().line..=node.span().end().line);
        }
        test
    }
}

impl<'ast> Visit<'ast> for TestsOf {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if self.takes(item) {
            if let syn::Item::Mod(module) = item {
                self.files.push([self.inside.as_slice(), &[module.ident.to_string()]].concat());
            }
            return;
        }
        if let syn::Item::Mod(module) = item {
            self.inside.push(module.ident.to_string());
            visit::visit_item(self, item);
            self.inside.pop();
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !self.takes(item) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.takes(field);
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if !self.takes(statement) {
            visit::visit_stmt(self, statement);
        }
    }
}

/// The attributes in front of any node: they are the first thing it prints.
fn attributes(node: &impl ToTokens) -> Vec<syn::Attribute> {
    let front = |input: ParseStream<'_>| {
        let attributes = input.call(syn::Attribute::parse_outer)?;
        input.parse::<proc_macro2::TokenStream>()?;
        Ok(attributes)
    };
    front.parse2(node.to_token_stream()).unwrap_or_default()
}

fn means_test(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let condition: String = list.tokens.to_string().split_whitespace().collect();
    list.path.is_ident("cfg") && (condition == "test" || condition.starts_with("all(test,"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Vec<Source> {
        sources_from("crates/x", files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect())
    }

    #[test]
    fn a_test_module_does_not_ship() {
        let text =
            "//! Head.\n\nfn a() {}\n\n/// Seen by tests.\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = &files(&[("crates/x/src/lib.rs", text)])[0];
        assert_eq!(source.shipped, "//! Head.\n\nfn a() {}\n\n\n\n\n\n\nfn c() {}\n");
        assert_eq!(source.shipped_lines, 5);
    }

    #[test]
    fn a_method_a_field_and_a_statement_for_tests_do_not_ship() {
        let text = "struct A {\n    #[cfg(test)]\n    b: u8,\n}\nimpl A {\n    #[cfg(all(test, unix))]\n    fn c() {}\n    fn d() {\n        #[cfg(test)]\n        e();\n    }\n}\n";
        assert_eq!(files(&[("crates/x/src/lib.rs", text)])[0].shipped_lines, 6);
    }

    #[test]
    fn a_file_below_a_test_module_does_not_ship() {
        let sources = files(&[
            ("crates/x/src/a.rs", "#[cfg(test)]\nmod tests;\n"),
            ("crates/x/src/a/tests.rs", "fn a() {}\n"),
            ("crates/x/src/a/tests/deep.rs", "fn a() {}\n"),
            ("crates/x/src/b.rs", "fn a() {}\n"),
            ("crates/x/tests/front.rs", "fn a() {}\n"),
        ]);
        let ships: Vec<bool> = sources.iter().map(|source| !source.is_test()).collect();
        assert_eq!(ships, [false, false, false, true, false]);
    }

    #[test]
    fn what_another_configuration_sees_ships() {
        let text = "#[cfg(unix)]\nfn a() {}\n#[cfg(not(test))]\nfn b() {}\n#[cfg(any(test, unix))]\nfn c() {}\n";
        assert_eq!(files(&[("crates/x/src/lib.rs", text)])[0].shipped_lines, 6);
    }

    #[test]
    fn a_file_is_the_module_its_path_says() {
        let rows = [("lib.rs", ""), ("main.rs", ""), ("a.rs", "a"), ("a/b.rs", "a::b"), ("a/mod.rs", "a")];
        for (path, module) in rows {
            assert_eq!(module_of(path).join("::"), module, "{path}");
        }
    }
}
