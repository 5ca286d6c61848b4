//! The issuer document: whom we trust to sign tokens, and how its tokens are shaped.

use partywall_domain::{IssuerName, Profile, Shape};

use crate::networks;
use crate::table::Table;

/// An OAuth authorization server that the platform trusts, as its document says.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The name of the document.
    pub name: IssuerName,
    /// Its `iss`, compared byte for byte; `{CLAIM}` stands for the value of the tenant claim.
    pub url: String,
    /// What its access tokens look like.
    pub shape: Shape,
    /// Where in its tokens the tenant stands: member names joined by `.`; none if the issuer alone says it.
    pub tenant_claim: Option<String>,
    /// Audiences that count beside the resource itself.
    pub audiences: Vec<String>,
    /// The OAuth clients whose tokens count; empty: any.
    pub clients: Vec<String>,
    /// The algorithms that count; empty: all that its keys allow.
    pub algorithms: Vec<String>,
    /// Its JWK set (RFC 7517, section 5), as JSON text, where it is given.
    pub jwks: Option<String>,
    /// Where its JWK set is fetched from, where its metadata does not say.
    pub jwks_url: Option<String>,
    /// Networks that are not public and may be asked for its keys all the same.
    pub private_networks: Vec<String>,
    /// Whether clients that have no token yet are told of it. A customer's own is not: its name is nobody's business.
    pub listed: bool,
    /// Whether it is the demo's issuer, whose tokens anybody with the data folder can make.
    pub development: bool,
}

impl Issuer {
    /// Reads `[issuer.NAME]`.
    pub fn read(name: IssuerName, mut table: Table<'_>) -> Option<Self> {
        table.required("url", "https://login.example.com");
        let url = table.text("url").map(str::to_owned);
        let shape = shape(&mut table);
        let issuer = Self {
            name,
            url: url?,
            shape,
            tenant_claim: tenant_claim(&mut table),
            audiences: table.texts("audiences").unwrap_or_default(),
            clients: table.texts("clients").unwrap_or_default(),
            algorithms: table.texts("algorithms").unwrap_or_default(),
            jwks: table.value("jwks").map(ToString::to_string),
            jwks_url: table.text("jwks_url").map(str::to_owned),
            private_networks: table.texts("private_networks").unwrap_or_default(),
            listed: table.flag("listed").unwrap_or(false),
            development: table.flag("development").unwrap_or(false),
        };
        issuer.check(&table);
        table.finish();
        Some(issuer)
    }

    fn check(&self, table: &Table<'_>) {
        networks::check(table, "private_networks", &self.private_networks);
        if self.jwks.is_some() && self.jwks_url.is_some() {
            table.mistake("jwks_url", "`jwks` gives the keys already; keep one of the two");
        }
        for url in self.jwks_url.iter().chain(self.jwks.is_none().then_some(&self.url)) {
            if !url.starts_with("https://") && self.private_networks.is_empty() {
                let why =
                    "keys are fetched over `https` alone, unless `private_networks` names where plain HTTP is safe";
                table.mistake(if self.jwks_url.is_some() { "jwks_url" } else { "url" }, why);
            }
        }
        if self.url.contains('{') && self.jwks.is_none() && self.jwks_url.is_none() {
            table.mistake(
                "jwks_url",
                "an issuer whose `url` has a placeholder needs `jwks_url`: there is no one place to ask",
            );
        }
    }
}

fn profile(table: &mut Table<'_>) -> Profile {
    let word = table.text("profile").unwrap_or("rfc9068");
    let known = Profile::ALL.into_iter().find(|profile| profile.as_str() == word);
    known.unwrap_or_else(|| {
        let known = Profile::ALL.map(|profile| format!("`{}`", profile.as_str())).join(", ");
        table.mistake("profile", format!("`{word}` is not a profile; known: {known}"));
        Profile::Rfc9068
    })
}

/// The profile's shape; the generic one is what the document says.
fn shape(table: &mut Table<'_>) -> Shape {
    let profile = profile(table);
    let standard = Shape::of(profile);
    let typ = table.texts("typ");
    let scope = table.texts("scope_claims");
    let client = table.texts("client_claims");
    let mark = table.text("access_claim").map(mark);
    let said = [typ.is_some(), scope.is_some(), client.is_some(), mark.is_some()];
    for (field, _) in
        ["typ", "scope_claims", "client_claims", "access_claim"].iter().zip(said).filter(|(_, said)| *said)
    {
        if profile != Profile::Generic {
            let why = format!("profile `{}` says this; write it with `profile = \"generic\"`", profile.as_str());
            table.mistake(field, why);
        }
    }
    if typ.as_ref().is_some_and(|typ| !typ.iter().any(|typ| typ == "at+jwt")) && mark.is_none() {
        let why = "where `typ` does not say it, name a claim that access tokens have and ID tokens have not";
        table.mistake("access_claim", why);
    }
    let typ = typ.map(|all| all.iter().map(|typ| typ.to_ascii_lowercase()).collect());
    Shape {
        // Where a claim marks access tokens, `typ` says nothing, unless the document has it say something as well.
        typ: typ.unwrap_or(if mark.is_some() { Vec::new() } else { standard.typ }),
        scope: scope.unwrap_or(standard.scope),
        client: client.unwrap_or(standard.client),
        mark: mark.or(standard.mark),
    }
}

/// `name` or `name=value`.
fn mark(text: &str) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((claim, value)) => (claim.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}

fn tenant_claim(table: &mut Table<'_>) -> Option<String> {
    let path = table.text("tenant_claim")?;
    if path.split('.').any(str::is_empty) {
        table.mistake("tenant_claim", "claim names joined by `.` are expected, for example `org.id`");
    }
    Some(path.to_owned())
}
