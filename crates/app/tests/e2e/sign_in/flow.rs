//! A client by hand: each step of signing in as one request, so that a test can do any of them wrongly.

use std::collections::HashMap;

use http::Method;
use serde_json::{Value, json};

use crate::http::{Answer, Ask};
use crate::world::World;

/// From RFC 7636, appendix B, with its challenge.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Where clients are called back. The port is not the registered one, as it never is with programs.
pub(super) const CALLBACK: &str = "http://127.0.0.1:50505/callback";

/// A registered client.
pub(super) struct Client {
    pub(super) id: String,
}

impl Client {
    pub(super) async fn register(world: &World) -> Self {
        let redirects = ["http://127.0.0.1:1/callback", "https://vscode.dev/redirect"];
        let registered = register(world, &json!({"redirect_uris": redirects, "client_name": "<i>Test</i>"})).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        let registered = registered.json();
        assert_eq!(registered["redirect_uris"], json!(redirects[..1]));
        Self { id: registered["client_id"].as_str().unwrap().to_owned() }
    }

    /// A good authorization request for notes.
    pub(super) fn query(&self, world: &World) -> Query {
        Query::default()
            .with("client_id", &self.id)
            .with("redirect_uri", CALLBACK)
            .with("response_type", "code")
            .with("code_challenge", CHALLENGE)
            .with("code_challenge_method", "S256")
            .with("resource", &world.url("notes"))
            .with("state", "s t&ate")
    }

    /// All that is needed for a code.
    pub(super) fn redeeming(&self, world: &World, code: &str) -> Query {
        Query::default()
            .with("grant_type", "authorization_code")
            .with("client_id", &self.id)
            .with("code", code)
            .with("code_verifier", VERIFIER)
            .with("redirect_uri", CALLBACK)
            .with("resource", &world.url("notes"))
    }

    /// Exchanges a code, whatever resource it is for.
    pub(super) async fn redeem(&self, world: &World, code: &str) -> Answer {
        token(world, &self.redeeming(world, code).with("resource", "")).await
    }

    pub(super) async fn refresh(&self, world: &World, refresh: &str) -> Answer {
        let fields = Query::default().with("grant_type", "refresh_token").with("client_id", &self.id);
        token(world, &fields.with("refresh_token", refresh)).await
    }

    /// A code for the demo's notes.
    pub(super) async fn code(&self, world: &World) -> String {
        let page = Page::open(world, &self.query(world)).await;
        page.submit(&[("tenant", "acme"), ("name", "ann"), ("answer", "allow")]).await["code"].clone()
    }

    /// From the page to the tokens.
    pub(super) async fn sign_in(&self, world: &World, query: &Query, tenant: &str, name: &str) -> Value {
        let page = Page::open(world, query).await;
        let back = page.submit(&[("tenant", tenant), ("name", name), ("answer", "allow")]).await;
        let tokens = self.redeem(world, &back["code"]).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        tokens.json()
    }
}

pub(super) async fn register(world: &World, metadata: &Value) -> Answer {
    Ask::new(Method::POST, &format!("{}/register", world.issuer)).body(metadata.to_string()).send().await
}

pub(super) async fn token(world: &World, fields: &Query) -> Answer {
    post(&format!("{}/token", world.issuer), fields).send().await
}

fn post(url: &str, fields: &Query) -> Ask {
    Ask::new(Method::POST, url).header("content-type", "application/x-www-form-urlencoded").body(fields.encoded())
}

/// Parameters of a query or a form.
#[derive(Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// With a parameter in place of any of the same name; an empty value leaves it out.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a parameter beside any of the same name.
    pub(super) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    fn encoded(&self) -> String {
        let given = self.0.iter().filter(|(_, value)| !value.is_empty());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
    }
}

/// Asks for authorization and gives whatever comes.
pub(super) async fn ask(world: &World, query: &Query) -> Answer {
    Ask::new(Method::GET, &address(world, query)).send().await
}

/// Where a client would send the browser.
pub(super) fn address(world: &World, query: &Query) -> String {
    format!("{}/authorize?{}", world.issuer, query.encoded())
}

/// The parameters with which the browser is sent back to the client.
pub(super) fn sent_back(answer: &Answer) -> HashMap<String, String> {
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.header("location").unwrap();
    let (callback, query) = location.split_once('?').unwrap();
    assert_eq!(callback, CALLBACK);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// A sign-in page as the browser has it.
pub(super) struct Page {
    issuer: String,
    html: String,
}

impl Page {
    pub(super) async fn open(world: &World, query: &Query) -> Self {
        let answer = ask(world, query).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { issuer: world.issuer.clone(), html: String::from_utf8(answer.body.to_vec()).unwrap() }
    }

    pub(super) fn tenants(&self) -> Vec<&str> {
        between(&self.html, "<option>", "</option>")
    }

    pub(super) fn scopes(&self) -> Vec<&str> {
        between(&self.html, "name=\"scope\" value=\"", "\"")
    }

    /// The token that makes the form good once.
    pub(super) fn form(&self) -> &str {
        between(&self.html, "name=\"form\" value=\"", "\"")[0]
    }

    /// Sends the form and gives whatever comes.
    pub(super) async fn post(&self, fields: &[(&str, &str)]) -> Answer {
        let form = Query::default().with("form", self.form());
        let form = fields.iter().fold(form, |form, (name, value)| form.and(name, value));
        post(&format!("{}/authorize", self.issuer), &form).send().await
    }

    /// Sends the form and gives what the client is told.
    pub(super) async fn submit(&self, fields: &[(&str, &str)]) -> HashMap<String, String> {
        sent_back(&self.post(fields).await)
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}
