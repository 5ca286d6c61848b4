//! Who may ask what: every actor at every route with every method, as a table that is checked in. A route or a method
//! that answers otherwise than it did is a line of difference that somebody must want.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::Method;
use partywall_testkit::fixture::Options;
use serde_json::json;

use crate::checked_in;
use crate::http::Ask;
use crate::world::{Fixture, World};

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::DELETE, Method::PUT, Method::OPTIONS];

const HEAD: &str = "\
# Who may ask what. One line for each route and method, one column for each actor: the status of the answer.
# Written by the test `matrix`; POST and PUT carry a modern `tools/list`. `acme` has the server, `globex` has not.
";

/// The id in the URL that `acme` connects by. Tokens for the common URL do not open it.
const CONNECT_ID: &str = "0123456789abcdef0123456789abcdef";

/// An actor: a name for the column, and a token.
type Actor = (&'static str, Option<String>);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_actor_at_every_route() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let world = World::demo();
    world.must_apply(&documents(&fixture));
    let actors = actors(&world);
    let request = a_request(&world, &actors).await;
    let mut table = HEAD.to_owned();
    let names = actors.iter().map(|(name, _)| format!("{name:>10}")).collect::<Vec<_>>().concat();
    writeln!(table, "\n{:<9}{:<8}{:<66}{names}", "listener", "method", "path").unwrap();
    for (listener, path) in routes() {
        let base = if listener == "front" { &world.public } else { &world.admin };
        let url = format!("{base}{}", filled_in(&path, &request));
        for method in METHODS {
            let mut statuses = String::new();
            for (_, token) in &actors {
                write!(statuses, "{:>10}", ask(&url, &method, token.as_deref()).send().await.status.as_u16()).unwrap();
            }
            writeln!(table, "{listener:<9}{:<8}{path:<66}{statuses}", method.as_str()).unwrap();
        }
    }
    checked_in::hold("crates/app/tests/e2e/authz.txt", &table);
}

/// Every route of both listeners, out of the tables by which they serve, and one that neither has.
fn routes() -> Vec<(&'static str, String)> {
    let front = partywall_gateway::FRONT_ROUTES.iter().map(|route| route.path);
    let admin: BTreeSet<_> = partywall_control::ROUTES.iter().map(|route| route.path).collect();
    let front = front.chain(["/no/such/path"]).map(|path| ("front", path.to_owned()));
    let open = partywall_control::OPEN_ROUTES.iter().map(|route| route.path);
    let admin = admin.into_iter().chain(open).chain(["/no/such/path"]).map(|path| ("admin", path.to_owned()));
    front.chain(admin).collect()
}

fn filled_in(path: &str, request: &str) -> String {
    let path = path.replace("{server}", "fixture").replace("{connect_id}", CONNECT_ID);
    let path = path.replace("{name}", "acme").replace("{secret}", "notes-key").replace("{id}", request);
    assert!(!path.contains('{'), "`{path}`: say here what the part in braces stands for");
    path
}

fn actors(world: &World) -> Vec<Actor> {
    let operator = std::fs::read_to_string(world.data().join("operator.token")).unwrap().trim().to_owned();
    let tenant = |name: &'static str| (name, Some(world.token(name, "ann")));
    let operator = ("operator", Some(operator));
    vec![("no token", None), tenant("stranger"), tenant("acme"), tenant("globex"), tenant("suspended"), operator]
}

/// The id of a request that stands in the journal.
async fn a_request(world: &World, actors: &[Actor]) -> String {
    let acme = actors.iter().find(|(name, _)| *name == "acme").unwrap();
    let answer = ask(&world.url("fixture"), &Method::POST, acme.1.as_deref()).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("partywall-request-id").unwrap().to_owned()
}

fn ask(url: &str, method: &Method, token: Option<&str>) -> Ask {
    let ask = Ask::modern(url, token.unwrap_or_default(), "tools/list", json!({})).method(method.clone());
    let ask = if token.is_none() { ask.without("authorization") } else { ask };
    if matches!(*method, Method::POST | Method::PUT) { ask } else { ask.without("content-type").body("") }
}

fn documents(fixture: &Fixture) -> String {
    let url = &fixture.url;
    format!(
        r#"
        [server.fixture]
        url = "{url}"
        sharing = "stateless"

        [tenant.acme]
        plan = "standard"
        identities = [{{ issuer = "development", value = "acme" }}]
        connect_id = "{CONNECT_ID}"
        servers.fixture = {{ placement = "shared", tools = {{ allow = ["*"] }} }}

        [tenant.suspended]
        plan = "standard"
        identities = [{{ issuer = "development", value = "suspended" }}]
        suspended = true
        servers.fixture = {{ placement = "shared", tools = {{ allow = ["*"] }} }}
        "#
    )
}
