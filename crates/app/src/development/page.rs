//! The pages that a person sees. Whatever comes from outside stands in them as text and never as markup.

use std::collections::BTreeMap;
use std::fmt;

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

use super::redirect;
use super::request::Asked;

/// The style of all pages.
pub(super) const STYLE: &str = include_str!("sign-in.css");
/// Where it is served: a policy without inline styles is easy to believe.
pub(super) const STYLE_PATH: &str = "/sign-in.css";

/// The page on which a person picks a tenant and a name.
pub(super) fn sign_in(form: &str, asked: &Asked, tenants: &BTreeMap<String, String>, note: Option<&str>) -> Response {
    let body = format!(
        "<p><strong>{client}</strong> asks for access to <code>{resource}</code> and is called back at \
         <code>{redirect}</code>.</p>\n\
         {note}<form method=\"post\" action=\"/authorize\">\n\
         <input type=\"hidden\" name=\"form\" value=\"{form}\">\n\
         <label for=\"tenant\">Tenant</label>\n\
         <select id=\"tenant\" name=\"tenant\" required>\n<option value=\"\">Choose a tenant</option>\n{tenants}</select>\n\
         <label for=\"name\">Your name</label>\n\
         <input id=\"name\" name=\"name\" required maxlength=\"64\" autocomplete=\"username\" spellcheck=\"false\">\n\
         {scopes}<div class=\"answers\">\n\
         <button name=\"answer\" value=\"allow\">Sign in</button>\n\
         <button name=\"answer\" value=\"deny\" formnovalidate>Cancel</button>\n</div>\n</form>\n\
         <p class=\"small\">The demo asks for no password: whoever reaches this page can be anybody.</p>",
        client = Text(&asked.client_name),
        resource = Text(&asked.resource),
        redirect = Text(&asked.redirect),
        note = note.map(|note| format!("<p role=\"alert\">{}</p>\n", Text(note))).unwrap_or_default(),
        form = Text(form),
        tenants = options(tenants),
        scopes = scopes(&asked.scopes),
    );
    let status = if note.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    page(status, &format!("'self' {}", redirect::source(&asked.redirect)), "Sign in to the demo", &body)
}

/// The page that says why there is nothing to choose.
pub(super) fn sorry(why: &str) -> Response {
    page(StatusCode::BAD_REQUEST, "'none'", "Sign-in stops here", &format!("<p role=\"alert\">{}</p>", Text(why)))
}

fn options(tenants: &BTreeMap<String, String>) -> String {
    tenants.keys().map(|name| format!("<option>{}</option>\n", Text(name))).collect::<Vec<_>>().concat()
}

fn scopes(asked: &[String]) -> String {
    if asked.is_empty() {
        return String::new();
    }
    let tick = |scope: &String| {
        let scope = Text(scope);
        format!("<label><input type=\"checkbox\" name=\"scope\" value=\"{scope}\" checked> {scope}</label>\n")
    };
    format!(
        "<fieldset>\n<legend>It may use</legend>\n{}</fieldset>\n",
        asked.iter().map(tick).collect::<Vec<_>>().concat()
    )
}

/// `forms` says where forms may lead, redirects included.
fn page(status: StatusCode, forms: &str, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Partywall</title>\n<link rel=\"stylesheet\" href=\"{STYLE_PATH}\">\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    );
    let policy =
        format!("default-src 'none'; style-src 'self'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'");
    let headers = [
        ("content-security-policy", &*policy),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        // With `no-referrer` a browser would send `Origin: null` along with our own form.
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ];
    (status, headers, Html(html)).into_response()
}

/// Text that may stand between tags and within a quoted attribute.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        let text = Text("<script>alert(\"1\" & '2')</script> ü").to_string();
        assert_eq!(text, "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt; ü");
    }
}
