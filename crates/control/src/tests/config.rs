//! History, difference and rollback.

use partywall_domain::Revision;
use serde_json::{Value, json};

use super::world::{ACME, BASE, World, operator, told, world};
use crate::wire::Applied;
use crate::{NotApplied, ProbeFailure};

const GLOBEX: &str = r#"version = 1
[tenant.globex]
plan = "standard"
identities = [{ issuer = "corporate", value = "globex" }]
"#;

/// Revision 1: the base and acme. 2: acme is suspended, and another reason. 3: globex, and another plan.
async fn three_revisions() -> World {
    let world = world();
    world.applied(&[("base.toml", BASE), ("acme.toml", ACME)]).await;
    world.applied(&[("acme.toml", &ACME.replace("[tenant.acme]", "[tenant.acme]\nsuspended = true"))]).await;
    world.applied(&[("globex.toml", GLOBEX), ("base.toml", &BASE.replace("= 5", "= 9"))]).await;
    world
}

async fn roll_back(world: &World, to: u64, dry_run: bool) -> Result<Applied, NotApplied> {
    world.control.roll_back_as(&operator("bob"), Revision(to), dry_run, Some("it was better then")).await
}

async fn id_of(world: &World, tenant: &str) -> Value {
    world.get(&format!("/api/v1/tenants/{tenant}")).await.1["id"].clone()
}

#[tokio::test]
async fn history_says_who_changed_how_many_documents_and_why() {
    let world = three_revisions().await;
    roll_back(&world, 1, false).await.unwrap();
    let line = |made: &Value| {
        assert!(made["at"].as_str().unwrap().ends_with('Z'));
        format!("{} {} {} {}", made["revision"], made["author"], made["documents"], made["reason"])
    };
    let told = async |query: &str| {
        let (status, history) = world.get(&format!("/api/v1/config/history{query}")).await;
        assert_eq!((status.as_u16(), &history["revision"]), (200, &json!(4)));
        history["revisions"].as_array().unwrap().iter().map(line).collect::<Vec<_>>()
    };
    let all = [
        r#"4 "bob" 3 "it was better then""#,
        r#"3 "ann" 2 "why not""#,
        r#"2 "ann" 1 "why not""#,
        r#"1 "ann" 5 "why not""#,
    ];
    assert_eq!(told("").await, all);
    assert_eq!(told("?before=4&limit=1").await, all[1..2]);
    assert_eq!(
        told("?document=plan.standard").await,
        [r#"4 "bob" 1 "it was better then""#, r#"3 "ann" 1 "why not""#, r#"1 "ann" 1 "why not""#]
    );
    assert_eq!(told("?document=plan.standard&before=3").await, [r#"1 "ann" 1 "why not""#]);
    assert_eq!(told("?document=plan.nowhere").await, [""; 0]);
}

#[tokio::test]
async fn a_difference_names_every_field_between_any_two_revisions() {
    let world = three_revisions().await;
    let told = async |query: &str| {
        let (status, differences) = world.get(&format!("/api/v1/config/diff{query}")).await;
        assert_eq!(status.as_u16(), 200);
        let mut lines = vec![format!("{} -> {}", differences["from"], differences["to"])];
        for change in differences["changes"].as_array().unwrap() {
            let fields = change["fields"].as_array().unwrap().iter();
            let fields = fields.map(|field| format!(" {} {} {}", field["path"], field["before"], field["after"]));
            lines.push(format!(
                "{}.{} {}{}",
                change["kind"],
                change["name"],
                change["change"],
                fields.collect::<String>()
            ));
        }
        lines.join("\n").replace('"', "")
    };
    let third = "2 -> 3\n\
        plan.standard changed limits.calls_per_second 5 9\n\
        tenant.globex created identities null [{issuer:corporate,value:globex}] plan null standard";
    assert_eq!(told("").await, third);
    assert_eq!(told("?from=2&to=3").await, third);
    assert_eq!(told("?to=2").await, "1 -> 2\ntenant.acme changed suspended null true");
    assert_eq!(told("?from=2&to=2").await, "2 -> 2");
    let back = "3 -> 1\n\
        plan.standard changed limits.calls_per_second 9 5\n\
        tenant.acme changed suspended true null\n\
        tenant.globex deleted identities [{issuer:corporate,value:globex}] null plan standard null";
    assert_eq!(told("?from=3&to=1").await, back);
}

#[tokio::test]
async fn a_rollback_is_a_new_revision_with_old_content_and_the_same_ids() {
    let world = three_revisions().await;
    let (acme, globex) = (id_of(&world, "acme").await, id_of(&world, "globex").await);
    let preview = roll_back(&world, 1, true).await.unwrap();
    let expected = "plan.standard changed\ntenant.acme changed\ntenant.globex deleted\n";
    assert_eq!(told(&preview), format!("revision 3\n{expected}"));
    assert_eq!((preview.changes[1].fields[0].path.as_str(), world.revision()), ("suspended", Revision(3)));

    assert_eq!(told(&roll_back(&world, 1, false).await.unwrap()), format!("revision 4\n{expected}"));
    let (_, tenant) = world.get("/api/v1/tenants/acme").await;
    assert_eq!((&tenant["id"], &tenant["suspended"], &tenant["revision"]), (&acme, &json!(false), &json!(4)));
    assert_eq!(world.get("/api/v1/tenants/globex").await.0.as_u16(), 404);
    assert_eq!(told(&roll_back(&world, 1, false).await.unwrap()), "revision 4\n", "nothing differs any more");

    // Back to what was rolled back from: the tenant that comes back is the one that went.
    roll_back(&world, 3, false).await.unwrap();
    assert_eq!((id_of(&world, "acme").await, id_of(&world, "globex").await), (acme, globex));
    assert_eq!(world.get("/api/v1/config/diff?from=3&to=5").await.1["changes"], json!([]));
}

#[tokio::test]
async fn what_does_not_fit_any_more_is_not_rolled_back_to() {
    let world = three_revisions().await;
    let files = BASE.replace("[server.files]", "[server.files]\nurl = \"http://127.0.0.1:9005/mcp\"");
    world.applied(&[("base.toml", &files)]).await;
    // The server of the old days is not there any more.
    let moved = BASE.replace("9001", "9006").replace("[server.files]\n", "");
    world.applied(&[("base.toml", &moved)]).await;
    let why = ProbeFailure::Url("nobody listens".to_owned());
    world.upstreams.broken.lock().unwrap().insert("http://127.0.0.1:9001/mcp".to_owned(), why);
    let Err(NotApplied::Mistakes(mistakes)) = roll_back(&world, 4, false).await else { panic!("it went back") };
    let told: Vec<_> = mistakes.iter().map(|mistake| format!("{}: {}", mistake.path, mistake.message)).collect();
    assert_eq!(told, ["server.notes.url: nobody listens"]);
    assert_eq!(world.revision(), Revision(5));
}
