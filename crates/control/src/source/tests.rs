//! Files in, documents and places out.

use super::*;

const TOML: &str = r#"version = 1

[tenant.acme]
plan = "standard"
identities = [
  { issuer = "corporate", value = "acme" },
]

[tenant.acme.servers.files.tools]
allow = ["list_*"]

[[tenant.globex.identities]]
issuer = "ä"; 
"#;

const YAML: &str = "version: 1
tenant:
  acme:
    plan: standard
    identities:
      - issuer: corporate
        value: acme
    servers:
      files: { tools: { allow: [\"list_*\"] } }
";

const JSON: &str = r#"{
  "version": 1,
  "tenant": {
    "acme": {
      "plan": "standard",
      "identities": [{ "issuer": "corporate", "value": "acme" }],
      "servers": { "files": { "tools": { "allow": ["list_*"] } } }
    }
  }
}"#;

#[test]
fn the_three_formats_say_the_same_and_each_knows_its_places() {
    let toml = TOML.split("[[").next().unwrap();
    let files = [("a.toml", toml), ("a.yaml", YAML), ("a.json", JSON)];
    let sources = files.map(|(name, text)| read(&[file(name, text)]));
    let told = |path: &str| sources.each_ref().map(|source| source.places.find(path).unwrap());

    assert!(sources.iter().all(|source| source.documents == sources[0].documents && source.mistakes.is_empty()));
    assert_eq!(sources[0].documents().count(), 1);
    assert_eq!(told("tenant.acme"), ["a.toml:3:9", "a.yaml:3:3", "a.json:4:5"]);
    assert_eq!(told("tenant.acme.plan"), ["a.toml:4:8", "a.yaml:4:11", "a.json:5:15"]);
    assert_eq!(told("tenant.acme.identities.0"), ["a.toml:6:3", "a.yaml:6:9", "a.json:6:22"]);
    assert_eq!(told("tenant.acme.identities.0.issuer"), ["a.toml:6:14", "a.yaml:6:17", "a.json:6:34"]);
    assert_eq!(told("tenant.acme.servers.files.tools.allow.0"), ["a.toml:10:10", "a.yaml:9:33", "a.json:7:52"]);
    // What is not written is where it would be part of something.
    assert_eq!(told("tenant.acme.limits.calls_per_second"), told("tenant.acme"));
    // What is in no file is nowhere.
    assert_eq!(sources[0].places.find("tenant.globex.plan"), None);
}

#[test]
fn all_syntax_is_told_in_one_go_and_nothing_else() {
    let files = [
        file("a.toml", "version = 1\n[tenant.acme]\nplan = = 3\nlimits = {\n"),
        file("b.json", "{\n  \"version\": 1,,\n}"),
        file("c.json", "{ \"version\": 1, \"version\": 1 }"),
        file("d.yaml", "version: 1\ntenant: [\n"),
        file("e.yaml", "version: 1\nversion: 1\n"),
        file("f.yaml", "a: 1\n--- \nb: 2\n"),
        file("g.txt", ""),
        file("h.toml", "version = 99999999999999999999\nx = inf"),
        file("i.toml", "tenants = 1"),
        file("j.json", "{\n\t\"version\": 1,\n\t\"tenant\": { \"a\": \"\\ud83d\\ude00\" }\n} x"),
        file("k.yaml", "version: 1\nplan: { a: &x [*x] }\nb: no\n\tc: 1\n"),
    ];
    let mistakes = Source::read(&files).err().unwrap();
    insta::assert_snapshot!(told(&mistakes), @r"
    a.toml:3:8: : extra `=`, expected nothing
    a.toml:3:10: : unexpected key or value, expected newline, `#`
    a.toml:4:11: : unclosed inline table, expected `}`
    b.json:2:16: : key must be a string
    c.json:1:25: : `version` stands twice
    d.yaml:2:9: : unclosed bracket '['
    e.yaml:2:1: : duplicate mapping key `version` is not allowed here
    f.yaml:3:1: : only single YAML document expected but multiple found
    g.txt: : the ending of the name says no format; rename it to `.toml`, `.json`, `.yaml` or `.yml`
    h.toml:1:11: : a number of at most 64 bits is expected here
    h.toml:2:5: : a number of at most 64 bits is expected here
    j.json:4:3: : trailing characters
    k.yaml:2:16: : Recursive reference not allowed here
    ");
}

#[test]
fn the_two_levels_on_top_are_read_here() {
    let files = [
        file("a.toml", "[tenant.acme]\nplan = \"x\"\n"),
        file("b.yaml", "version: 2\ntenant:\n  acme: {}\nplan: 7\n"),
        file("c.json", "[]"),
        file("d.toml", "version = 1\nPlan = 1\n[tenants.acme]\n"),
    ];
    let source = read(&files);
    insta::assert_snapshot!(told(source.mistakes()), @r"
    a.toml:1:1: version: `version` is missing; write `version = 1` at the top of the file
    b.yaml:1:10: version: version 2 of documents is not known here; known: `version = 1`
    b.yaml:4:7: plan: a table for each plan is expected here, for example `[plan.NAME]`
    b.yaml:3:3: tenant.acme: `tenant.acme` also stands at a.toml:1:9; keep one of the two
    c.json:1:1: : tables are expected here, for example `[tenant.acme]`
    d.toml:2:8: Plan: unknown table `Plan`; known here: `version`, `issuer`, `server`, `plan`, `tenant`
    d.toml:3:2: tenants: unknown table `tenants`; known here: `version`, `issuer`, `server`, `plan`, `tenant`
    ");
}

fn read(files: &[File]) -> Source {
    Source::read(files).unwrap_or_else(|mistakes| panic!("{}", told(&mistakes)))
}

fn file(name: &str, text: &str) -> File {
    File { name: name.to_owned(), text: text.to_owned() }
}

fn told(mistakes: &[Mistake]) -> String {
    let line = |mistake: &Mistake| {
        format!("{}: {}: {}\n", mistake.place.as_deref().unwrap_or("-"), mistake.path, mistake.message)
    };
    mistakes.iter().map(line).collect()
}
