//! Servers that nobody here wrote, unchanged, each in a box of its own behind the URL, called by the clients that people
//! use in both eras. What came of it is docs/compatibility.md, which this test writes.

mod page;
mod servers;

use serde_json::{Value, json};

use crate::caller::{Caller, Client};
use crate::checked_in;
use crate::http::{LEGACY, MODERN};
use crate::instances::boxed::documents_of;
use crate::world::World;
use page::{Cell, Row};
use servers::{SERVED, Served, Step};

/// Who calls: a client, the era that it is set to, and the version that it has to end up with.
pub(super) const COLUMNS: [(Client, &str, &str); 6] = [
    (Client::Inspector, "legacy", LEGACY),
    (Client::Inspector, "modern", MODERN),
    (Client::TypeScript, "legacy", LEGACY),
    (Client::TypeScript, "modern", MODERN),
    (Client::Python, "legacy", LEGACY),
    (Client::Python, "modern", MODERN),
];

/// What does not work, and why.
const REASONS: [(Client, &str, &str); 2] = [
    (Client::Inspector, "trigger-elicitation-request", NO_QUESTIONS),
    (Client::Inspector, "trigger-sampling-request", NO_QUESTIONS),
];
const NO_QUESTIONS: &str =
    "the Inspector's command line says that it cannot be asked anything; the server is told so, and the tool fails";
/// What the server is told then.
const NOBODY_ASKED: &str = "no client whose call is under way can be asked this";

#[test]
fn servers_of_others_serve_clients_of_others_from_a_box_of_their_own() {
    let (_folder, repository) = servers::repository();
    let world = World::demo();
    world.must_apply(&documents_of(&SERVED.map(|server| server.boxed(&repository)), "\"process\""));
    // At once: most of what a client takes is its start.
    let columns: Vec<Vec<Vec<Cell>>> = std::thread::scope(|scope| {
        let calling = COLUMNS.map(|column| {
            scope.spawn({
                let world = &world;
                move || calls(world, column)
            })
        });
        calling.map(|column| column.join().unwrap()).into()
    });
    let mut rows = Vec::new();
    for (at, server) in SERVED.iter().enumerate() {
        for (step, what) in ["tools/list"].into_iter().chain(server.steps("").iter().map(|step| step.tool)).enumerate()
        {
            let cells = columns.iter().map(|column| column[at][step].clone()).collect();
            rows.push(Row { server: server.name, what, cells });
        }
    }
    nothing_is_another_tenants(&world);
    one_process_each(&world);
    checked_in::hold("docs/compatibility.md", &page::of(&rows));
}

/// What one client finds at each server, step by step.
fn calls(world: &World, (client, era, version): (Client, &'static str, &str)) -> Vec<Vec<Cell>> {
    let at_each = |server: &Served| {
        let caller = Caller::at(world, client, era, "acme", server.name);
        let steps = server.steps(&format!("{client:?}-{era}").to_lowercase());
        let asked: Vec<_> = [json!({"op": "list_tools"})].into_iter().chain(steps.iter().map(Step::asked)).collect();
        let (negotiated, results) = caller.take(&asked);
        caller.negotiated(&negotiated, version);
        let (list, answers) = results.split_first().unwrap();
        let mut cells = vec![cell(&caller, "tools/list", list, steps[0].tool)];
        cells.extend(steps.iter().zip(answers).map(|(step, result)| cell(&caller, step.tool, result, &step.says)));
        cells
    };
    SERVED.iter().map(at_each).collect()
}

/// Whether the answer says what it must. What does not work has to have a reason, and what has one may not work.
fn cell(caller: &Caller, what: &str, result: &Value, says: &str) -> Cell {
    let text = result["result"].to_string();
    let works = result["ok"] == true && result["result"]["isError"] != true && text.contains(says);
    let reason = REASONS.iter().find(|(client, tool, _)| (*client, *tool) == (caller.client, what));
    match (works, reason) {
        (true, None) => Cell::Works,
        (false, Some((_, _, reason))) => {
            assert!(text.contains(NOBODY_ASKED), "{caller}: `{what}` fails for another reason: {result:#}");
            Cell::Fails(reason)
        }
        (true, Some(_)) => panic!("{caller}: `{what}` works by now; take it out of the reasons"),
        (false, None) => panic!("{caller}: `{what}` does not say `{says}`: {result:#}"),
    }
}

/// The other tenant's process of the same server knows nothing of all that.
fn nothing_is_another_tenants(world: &World) {
    let caller = Caller::at(world, Client::TypeScript, "legacy", "globex", "memory");
    let (_, results) = caller.take(&[json!({"op": "call", "name": "read_graph"})]);
    assert_eq!(results[0]["result"]["structuredContent"]["entities"], json!([]), "{caller}: {results:#?}");
}

/// However many clients in whichever era: one process for each server and tenant that called it.
fn one_process_each(world: &World) {
    let ready = world.log_lines("instance_ready");
    assert_eq!(ready.len(), SERVED.len() + 1, "{ready:#?}");
}
