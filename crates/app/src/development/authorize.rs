//! The authorization endpoint: a client asks, a person answers on a page, and the client is called back.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri, header};

use super::desk::Desk;
use super::fields::Fields;
use super::grants::{Offer, SignedIn};
use super::page;
use super::request::{Asked, Wrong};

/// Longest query. Default 8 KiB: as much as browsers and proxies commonly take.
const QUERY_BYTES_MAX: usize = 8 << 10;
/// Longest name of a person, in characters. Default 64.
const NAME_CHARS_MAX: usize = 64;

/// GET: shows the page.
pub(super) async fn ask(State(desk): State<Arc<Desk>>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        return page::sorry("The client asks at too great length.");
    }
    match Fields::read(query.as_bytes()) {
        Ok(fields) => asked(&desk, &fields),
        Err(why) => page::sorry(&format!("The client asks for two things at once: {why}.")),
    }
}

fn asked(desk: &Desk, fields: &Fields) -> Response {
    let client = desk.client(fields.get("client_id").unwrap_or_default());
    let mut asked = match Asked::addressee(fields, client) {
        Ok(asked) => asked,
        Err(wrong) => return tell(desk, None, wrong),
    };
    let known = desk.choices().scopes;
    match asked.read(fields, |resource| desk.is_ours(resource), |scope| known.contains(scope)) {
        Ok(()) => show(desk, asked, None),
        Err(wrong) => tell(desk, Some(&asked), wrong),
    }
}

/// POST: takes what a person chose. The form's token is good once, so that no page but ours can have been sent.
pub(super) async fn answer(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let origin = headers.get(header::ORIGIN).map(http::HeaderValue::as_bytes);
    if origin.is_some_and(|origin| origin != desk.issuer.url().as_bytes()) {
        return page::sorry("This form was sent from another page.");
    }
    let fields = match Fields::read(&body) {
        Ok(fields) => fields,
        Err(why) => return page::sorry(&format!("The form is not ours: {why}.")),
    };
    let asked = desk.memory().pages.take(fields.get("form").unwrap_or_default(), Instant::now());
    let Some(asked) = asked else {
        return page::sorry("This page was answered already, or it is too old. Connect again with your client.");
    };
    if fields.get("answer") == Some("deny") {
        return tell(&desk, Some(&asked), Wrong::ForClient("access_denied", "the person said no"));
    }
    match chosen(&desk, &asked, &fields) {
        Ok(who) => send_code(&desk, &asked, who),
        Err(why) => show(&desk, asked, Some(why)),
    }
}

/// Who signs in, by the form; the error asks the person again.
fn chosen(desk: &Desk, asked: &Asked, fields: &Fields) -> Result<SignedIn, &'static str> {
    let choices = desk.choices();
    let tenant = fields.get("tenant").and_then(|name| choices.tenants.get(name)).ok_or("Choose a tenant.")?;
    let name = fields.get("name").unwrap_or_default().trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err("Write a name of at most 64 characters.");
    }
    let ticked: Vec<_> = fields.all("scope").filter(|scope| asked.scopes.iter().any(|asked| asked == scope)).collect();
    Ok(SignedIn {
        client: asked.client.clone(),
        tenant: tenant.clone(),
        subject: name.to_owned(),
        scope: ticked.join(" "),
        resource: asked.resource.clone(),
    })
}

fn send_code(desk: &Desk, asked: &Asked, who: SignedIn) -> Response {
    let offer = Offer { who, challenge: asked.challenge.clone(), redirect: asked.redirect.clone() };
    match desk.memory().grants.offer(offer, Instant::now()) {
        Ok(code) => go(&asked.answer(desk.issuer.url(), &[("code", &code)])),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn show(desk: &Desk, asked: Asked, note: Option<&str>) -> Response {
    let Ok(form) = crate::keys::random() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let page = page::sign_in(&form, &asked, &desk.choices().tenants, note);
    desk.memory().pages.put(form, asked, Instant::now());
    page
}

fn tell(desk: &Desk, asked: Option<&Asked>, wrong: Wrong) -> Response {
    match (wrong, asked) {
        (Wrong::ForClient(error, why), Some(asked)) => {
            go(&asked.answer(desk.issuer.url(), &[("error", error), ("error_description", why)]))
        }
        (Wrong::ForClient(_, why), None) => page::sorry(why),
        (Wrong::ForPerson(why), _) => page::sorry(&why),
    }
}

/// Sends the browser on, by GET whatever it did before.
fn go(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store")]).into_response()
}
