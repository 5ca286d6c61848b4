//! What `deploy/` gives to those who watch: it can be read, and it asks for nothing that is not there.

use std::path::Path;

use partywall_control::{Located, wire};
use serde_json::Value;

use super::Figures;
use crate::world::World;

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Value {
    let name = "read.yaml".to_owned();
    Located::read(&wire::File { name, text: file(path) })
        .unwrap_or_else(|mistakes| panic!("{path}: {mistakes:?}"))
        .value
}

/// Every text under a member of this name, at any depth.
fn texts<'a>(value: &'a Value, member: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str().filter(|_| name == member) {
                    Some(text) => found.push(text),
                    None => texts(value, member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, member, found)),
        _ => {}
    }
}

/// The names of metrics in an expression: ours and the process's.
fn metrics(expression: &str) -> Vec<&str> {
    let words = expression.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("partywall_") || word.starts_with("process_")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dashboard_and_alerts_ask_for_what_a_node_shows() {
    let dashboard: Value = serde_json::from_str(&file("grafana/partywall.json")).unwrap();
    let alerts = yaml("prometheus/alerts.yml");
    let mut expressions = Vec::new();
    texts(&dashboard, "expr", &mut expressions);
    texts(&dashboard["templating"], "query", &mut expressions);
    let shown = expressions.len();
    texts(&alerts, "expr", &mut expressions);
    assert!(shown >= 20 && expressions.len() >= shown + 10, "{expressions:#?}");

    let world = World::demo();
    let figures = Figures::of(&world).await;
    let names = figures.names();
    let mut asked: Vec<_> = expressions.iter().flat_map(|expression| metrics(expression)).collect();
    asked.sort_unstable();
    asked.dedup();
    for name in &asked {
        assert!(names.contains(name), "`{name}` is asked for and not shown; shown are {names:?}");
    }
    // What is told is told by somebody: a figure that no picture and no alert shows is one to take out, or to show.
    let quiet = ["partywall_build_info", "process_start_time_seconds"];
    let series = names.iter().map(|name| name.trim_end_matches("_count").trim_end_matches("_sum"));
    for name in series.filter(|name| !quiet.contains(name)) {
        assert!(asked.iter().any(|asked| asked.starts_with(name)), "`{name}` is shown nowhere in deploy/");
    }
}

#[test]
fn every_alert_says_what_to_do_and_panels_have_ids_of_their_own() {
    let alerts = yaml("prometheus/alerts.yml");
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    for rule in rules {
        for text in ["/alert", "/expr", "/labels/severity", "/annotations/summary", "/annotations/description"] {
            assert!(rule.pointer(text).is_some_and(Value::is_string), "{text} of {rule}");
        }
    }
    let dashboard: Value = serde_json::from_str(&file("grafana/partywall.json")).unwrap();
    let mut ids: Vec<_> = dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_u64()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn what_is_scraped_is_the_admin_listener_with_the_operators_token() {
    let scraped = yaml("prometheus/prometheus.yml");
    let job = &scraped["scrape_configs"][0];
    assert_eq!(job["static_configs"][0]["targets"][0], "127.0.0.1:7401");
    assert_eq!(job["authorization"]["type"], "Bearer");
    assert!(job["authorization"]["credentials_file"].is_string());
    assert_eq!(job["job_name"], "partywall", "the alerts name it");
}
