//! The issuer document: whom we trust to sign tokens, and how its tokens are shaped.

use partywall_domain::IssuerName;

use crate::table::Table;

/// An OAuth authorization server that the platform trusts, as its document says.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The name of the document.
    pub name: IssuerName,
    /// Its `iss`, compared byte for byte.
    pub url: String,
    /// Which shape its access tokens have; `rfc9068` unless said otherwise.
    pub profile: String,
    /// Where in its tokens the tenant stands: member names joined by `.`; none if the issuer alone says it.
    pub tenant_claim: Option<String>,
    /// Its JWK set (RFC 7517, section 5), as JSON text.
    pub jwks: String,
    /// Whether clients that have no token yet are told of it. A customer's own is not: its name is nobody's business.
    pub listed: bool,
    /// Whether it is the demo's issuer, whose tokens anybody with the data folder can make.
    pub development: bool,
}

impl Issuer {
    /// Reads `[issuer.NAME]`.
    pub fn read(name: IssuerName, mut table: Table<'_>) -> Option<Self> {
        table.required("url", "https://login.example.com");
        table.required("jwks", "{ keys = [ … ] }");
        let url = table.text("url").map(str::to_owned);
        let profile = table.text("profile").unwrap_or("rfc9068").to_owned();
        let tenant_claim = tenant_claim(&mut table);
        let jwks = table.value("jwks").map(ToString::to_string);
        let listed = table.flag("listed").unwrap_or(false);
        let development = table.flag("development").unwrap_or(false);
        table.finish();
        Some(Self { name, url: url?, profile, tenant_claim, jwks: jwks?, listed, development })
    }
}

fn tenant_claim(table: &mut Table<'_>) -> Option<String> {
    let path = table.text("tenant_claim")?;
    if path.split('.').any(str::is_empty) {
        table.mistake("tenant_claim", "claim names joined by `.` are expected, for example `org.id`");
    }
    Some(path.to_owned())
}
