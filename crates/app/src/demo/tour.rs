//! `partywall demo --tour`: the story, played with real calls through the front door, each with its log line.

mod client;

use anyhow::{Context, ensure};
use partywall_control::wire::File;
use serde_json::{Value, json};

use super::Stage;
use crate::log::Tap;
use client::{Answer, Client};

/// Calls that the tour sends at once to run into the lowered limit.
const BURST: usize = 6;

pub(super) async fn play(stage: &Stage, tap: &Tap) -> anyhow::Result<()> {
    let teller = Teller { client: Client::new(stage.url()), tap };
    let (ann, gus) = (stage.token("acme", "ann", "")?, stage.token("globex", "gus", "")?);
    println!("Two customers, acme and globex, one URL: {}\n", stage.url());

    let added = teller
        .tell(
            "ann of acme adds a note",
            &ann,
            "tools/call",
            call("add", &json!({"text": "acme: ask for the blue one"})),
        )
        .await?;
    let note = added.note_id().context("the notes server gave no id")?;
    teller
        .tell(
            "gus of globex adds one, at the same URL",
            &gus,
            "tools/call",
            call("add", &json!({"text": "globex: call back on Monday"})),
        )
        .await?;
    teller.tell("ann lists: acme's notes alone", &ann, "tools/call", call("list", &json!({}))).await?;
    teller.tell("gus lists: globex's notes alone", &gus, "tools/call", call("list", &json!({}))).await?;

    let uri = format!("note://{note}");
    let stolen = teller
        .tell(
            "gus asks for ann's note by its address",
            &gus,
            "resources/read",
            (json!({"uri": uri}), Some(uri.clone())),
        )
        .await?;
    ensure!(stolen.refused(), "the wall is down: globex read a note of acme");
    let hidden = teller
        .tell(
            "ann tries `delete`, which acme's plan does not have",
            &ann,
            "tools/call",
            call("delete", &json!({"id": note})),
        )
        .await?;
    ensure!(hidden.refused(), "the wall is down: acme used a tool it does not have");
    session(&teller, &ann, &gus).await?;
    limits(stage, &teller, &ann, &gus).await?;
    println!("That was the tour. `partywall demo` leaves it running for you.");
    Ok(())
}

/// A legacy session is its principal's: in another's hands its id is nothing.
async fn session(teller: &Teller<'_>, ann: &str, gus: &str) -> anyhow::Result<()> {
    let opened = teller.client.initialize(ann).await?;
    teller.show("ann opens a session (protocol 2025-11-25)", &opened);
    let session = opened.session.clone().context("the notes server opened no session")?;
    let taken = teller.client.in_session(gus, &session, "tools/list").await?;
    teller.show("gus sends ann's session id with his own token", &taken);
    ensure!(taken.status == 404, "the wall is down: globex used a session of acme");
    Ok(())
}

/// A limit is lowered while calls go on: it holds from the next call, for that tenant alone.
async fn limits(stage: &Stage, teller: &Teller<'_>, ann: &str, gus: &str) -> anyhow::Result<()> {
    let path = stage.data.path().join("tenants.toml");
    let text = std::fs::read_to_string(&path)?;
    let lowered = format!("{text}\n[tenant.acme.limits]\ncalls_per_second = 1\ncalls_burst = 1\n");
    let file = |text: String| vec![File { name: "tenants.toml".to_owned(), text }];
    let applied = stage.control.apply_as(&stage.operator, &file(lowered), false, Some("tour")).await?;
    let after = applied.enforced.as_ref().and_then(|enforced| enforced.after_ms).unwrap_or_default();
    println!(
        "== the operator lowers acme's limit to one call a second\n   revision {} enforced after {after} ms\n",
        applied.revision
    );
    let mut last = None;
    for _ in 0..BURST {
        let answer = teller.client.call(ann, "tools/call", &call("list", &json!({}))).await?;
        if answer.status == 429 {
            last = Some(answer);
            break;
        }
    }
    teller.show("ann calls several times at once", &last.context("the lowered limit did not hold")?);
    let other = teller.tell("gus calls as before", gus, "tools/call", call("list", &json!({}))).await?;
    ensure!(other.status == 200, "globex felt the limit of acme");
    stage.control.apply_as(&stage.operator, &file(text), false, Some("tour: undone")).await?;
    Ok(())
}

struct Teller<'a> {
    client: Client,
    tap: &'a Tap,
}

impl Teller<'_> {
    async fn tell(
        &self,
        what: &str,
        token: &str,
        method: &str,
        (params, name): (Value, Option<String>),
    ) -> anyhow::Result<Answer> {
        let answer = self.client.call(token, method, &(params, name)).await?;
        self.show(what, &answer);
        Ok(answer)
    }

    fn show(&self, what: &str, answer: &Answer) {
        println!("== {what}\n   {} {}", answer.status, answer.summary());
        if let Some(line) = self.tap.find(&answer.request_id, "\"event\":\"call\"") {
            println!("   log: {line}");
        }
        println!();
    }
}

fn call(tool: &str, arguments: &Value) -> (Value, Option<String>) {
    (json!({"name": tool, "arguments": arguments}), Some(tool.to_owned()))
}
