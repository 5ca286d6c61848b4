//! Mistakes in what the platform offers: issuers and servers, and in any document at all.

use super::Row;

/// What is not a table, what has no name, and what nobody asked for.
pub(crate) const ANYWHERE: &[Row] = &[
    (
        "issuer.corporate",
        r#""https://login.example.com""#,
        &[
            "issuer.corporate: a table is expected here",
            "tenant.acme.identities.0: no issuer `corporate`; apply a document `issuer.corporate` with it",
            "tenant.globex.identities.0: no issuer `corporate`; apply a document `issuer.corporate` with it",
        ],
    ),
    (
        "server.notes",
        "[]",
        &[
            "server.notes: a table is expected here",
            "tenant.acme.servers.notes: no server `notes`; apply a document `server.notes` with it",
        ],
    ),
    ("plan.spare", "1", &["plan.spare: a table is expected here"]),
    ("tenant.acme", r#""acme""#, &["tenant.acme: a table is expected here"]),
    (
        "tenant.acme.tier",
        r#""gold""#,
        &["tenant.acme.tier: unknown field `tier`; known here: `plan`, `identities`, `suspended`, `limits`, `servers`"],
    ),
    ("plan.standard.price", "1", &["plan.standard.price: unknown field `price`; known here: `limits`, `servers`"]),
    (
        "server.notes.command",
        r#""npx notes""#,
        &[
            "server.notes.command: unknown field `command`; known here: `plain_http`, `url`, `sharing`, `auth`, `limits`",
        ],
    ),
    (
        "issuer.corporate.audience",
        r#""any""#,
        &[
            "issuer.corporate.audience: unknown field `audience`; known here: `url`, `profile`, `typ`, `scope_claims`, `client_claims`, `access_claim`, `tenant_claim`, `audiences`, `clients`, `algorithms`, `jwks`, `jwks_url`, `private_networks`, `listed`, `development`",
        ],
    ),
    (
        "tenant.Acme",
        r#"{ "plan": "standard" }"#,
        &[
            "tenant.Acme: `Acme` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`",
        ],
    ),
    (
        "server.no_tes",
        r#"{ "url": "http://127.0.0.1:9009/mcp" }"#,
        &[
            "server.no_tes: `no_tes` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`",
        ],
    ),
    (
        "plan.-",
        "{}",
        &[
            "plan.-: `-` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`",
        ],
    ),
];

/// Whom we trust.
pub(crate) const ISSUERS: &[Row] = &[
    ("issuer.spare", "{}", &["issuer.spare.url: `url` is missing; for example `https://login.example.com`"]),
    ("issuer.spare", r#"{ "url": 1, "jwks": { "keys": [] } }"#, &["issuer.spare.url: a text is expected here"]),
    (
        "issuer.partner.url",
        r#""https://login.example.com""#,
        &["issuer.partner.url: issuer `corporate` has the same URL; each needs its own"],
    ),
    (
        "issuer.corporate.profile",
        r#""Entra""#,
        &[
            "issuer.corporate.profile: `Entra` is not a profile; known: `rfc9068`, `entra`, `okta`, `auth0`, `keycloak`, `cognito`, `generic`",
        ],
    ),
    (
        "issuer.corporate.profile",
        r#""oidc""#,
        &[
            "issuer.corporate.profile: `oidc` is not a profile; known: `rfc9068`, `entra`, `okta`, `auth0`, `keycloak`, `cognito`, `generic`",
        ],
    ),
    (
        "issuer.corporate.typ",
        r#"["jwt"]"#,
        &[
            r#"issuer.corporate.typ: profile `rfc9068` says this; write it with `profile = "generic"`"#,
            "issuer.corporate.access_claim: where `typ` does not say it, name a claim that access tokens have and ID tokens have not",
        ],
    ),
    ("issuer.corporate.scope_claims", r#""scp""#, &["issuer.corporate.scope_claims: a list is expected here"]),
    (
        "issuer.corporate.access_claim",
        r#""token_use=access""#,
        &[r#"issuer.corporate.access_claim: profile `rfc9068` says this; write it with `profile = "generic"`"#],
    ),
    (
        "issuer.corporate.algorithms",
        r#"["ES256", "HS256"]"#,
        &["issuer.corporate.algorithms: known are RS256 to RS512, PS256 to PS512, ES256, ES384 and EdDSA"],
    ),
    (
        "issuer.corporate.algorithms",
        r#"["none"]"#,
        &["issuer.corporate.algorithms: known are RS256 to RS512, PS256 to PS512, ES256, ES384 and EdDSA"],
    ),
    (
        "issuer.corporate.audiences",
        r#""https://mcp.example.com/mcp""#,
        &["issuer.corporate.audiences: a list is expected here"],
    ),
    ("issuer.corporate.clients", "[1]", &["issuer.corporate.clients.0: a text is expected here"]),
    (
        "issuer.corporate.jwks_url",
        r#""https://login.example.com/jwks.json""#,
        &["issuer.corporate.jwks_url: `jwks` gives the keys already; keep one of the two"],
    ),
    (
        "issuer.spare",
        r#"{ "url": "http://login.example.net" }"#,
        &[
            "issuer.spare.url: keys are fetched over `https` alone, unless `private_networks` names where plain HTTP is safe",
        ],
    ),
    (
        "issuer.spare",
        r#"{ "url": "https://login.example.net", "jwks_url": "http://login.example.net/jwks" }"#,
        &[
            "issuer.spare.jwks_url: keys are fetched over `https` alone, unless `private_networks` names where plain HTTP is safe",
        ],
    ),
    (
        "issuer.spare",
        r#"{ "url": "https://login.example.net/{tid}", "tenant_claim": "tid" }"#,
        &[
            "issuer.spare.jwks_url: an issuer whose `url` has a placeholder needs `jwks_url`: there is no one place to ask",
        ],
    ),
    (
        "issuer.spare",
        r#"{ "url": "https://login.example.net", "profile": "generic", "typ": ["JWT"] }"#,
        &[
            "issuer.spare.access_claim: where `typ` does not say it, name a claim that access tokens have and ID tokens have not",
        ],
    ),
    ("issuer.corporate.profile", "1", &["issuer.corporate.profile: a text is expected here"]),
    (
        "issuer.corporate.tenant_claim",
        r#""""#,
        &["issuer.corporate.tenant_claim: claim names joined by `.` are expected, for example `org.id`"],
    ),
    (
        "issuer.corporate.tenant_claim",
        r#""org..id""#,
        &["issuer.corporate.tenant_claim: claim names joined by `.` are expected, for example `org.id`"],
    ),
    (
        "issuer.corporate.tenant_claim",
        r#"["org", "id"]"#,
        &[
            "issuer.corporate.tenant_claim: a text is expected here",
            "tenant.acme.identities.0: issuer `corporate` has no `tenant_claim` whose value this could be",
            "tenant.globex.identities.0: issuer `corporate` has no `tenant_claim` whose value this could be",
        ],
    ),
    (
        "issuer.corporate.tenant_claim",
        "null",
        &[
            "tenant.acme.identities.0: issuer `corporate` has no `tenant_claim` whose value this could be",
            "tenant.globex.identities.0: issuer `corporate` has no `tenant_claim` whose value this could be",
        ],
    ),
    (
        "issuer.corporate.jwks",
        "{}",
        &[
            "issuer.corporate.jwks: not a JWK set: missing field `keys` at line 1 column 2",
            "tenant.acme.identities.0: no issuer `corporate`; apply a document `issuer.corporate` with it",
            "tenant.globex.identities.0: no issuer `corporate`; apply a document `issuer.corporate` with it",
        ],
    ),
    (
        "issuer.corporate.jwks",
        r#"{ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "key-1" }] }"#,
        &[
            "issuer.corporate.jwks: key `key-1` is not RSA, P-256, P-384 or Ed25519",
            "tenant.acme.identities.0: no issuer `corporate`; apply a document `issuer.corporate` with it",
            "tenant.globex.identities.0: no issuer `corporate`; apply a document `issuer.corporate` with it",
        ],
    ),
    ("issuer.corporate.listed", r#""yes""#, &["issuer.corporate.listed: `true` or `false` is expected here"]),
    ("issuer.corporate.development", "1", &["issuer.corporate.development: `true` or `false` is expected here"]),
];

/// What is offered, and where assertions may travel.
pub(crate) const SERVERS: &[Row] = &[
    (
        "server.notes.url",
        "9000",
        &[
            "server.notes.url: a text is expected here",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""not a url""#,
        &[
            "server.notes.url: `not a url` is not a URL: invalid uri character",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""/mcp""#,
        &[
            "server.notes.url: `/mcp` is not an `http` URL",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""ftp://127.0.0.1/mcp""#,
        &[
            "server.notes.url: `ftp://127.0.0.1/mcp` is not an `http` URL",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""https://notes.example.com/mcp""#,
        &[
            "server.notes.url: `https` upstreams are not served by this version; put a local TLS proxy in front",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""http://notes.example.com/mcp""#,
        &[
            "server.notes.url: `notes.example.com` is not this host, and plain HTTP shows everyone on the way what tenants say; use `https`, or accept it with `plain_http = true` on the server",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""http://127.0.0.1.example.com/mcp""#,
        &[
            "server.notes.url: `127.0.0.1.example.com` is not this host, and plain HTTP shows everyone on the way what tenants say; use `https`, or accept it with `plain_http = true` on the server",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""http://10.0.0.1/mcp""#,
        &[
            "server.notes.url: `10.0.0.1` is not this host, and plain HTTP shows everyone on the way what tenants say; use `https`, or accept it with `plain_http = true` on the server",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""http://ann:secret@127.0.0.1/mcp""#,
        &[
            "server.notes.url: a URL without user, query and fragment is expected",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""http://127.0.0.1/mcp?key=secret""#,
        &[
            "server.notes.url: a URL without user, query and fragment is expected",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""http://127.0.0.1/mcp#a""#,
        &[
            "server.notes.url: a URL without user, query and fragment is expected",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""http://127.0.0.1:99999/mcp""#,
        &[
            "server.notes.url: `http://127.0.0.1:99999/mcp` has a port that is none",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    (
        "server.notes.url",
        r#""http://127.0.0.1:/mcp""#,
        &[
            "server.notes.url: `http://127.0.0.1:/mcp` has a port that is none",
            "tenant.acme.servers.notes.placement: server `notes` has no `url` to share",
        ],
    ),
    ("server.notes.url", "null", &["tenant.acme.servers.notes.placement: server `notes` has no `url` to share"]),
    (
        "server.notes.sharing",
        "null",
        &[
            r#"tenant.acme.servers.notes.placement: server `notes` may not be shared: its document gives no `sharing`; give `acme` an instance of its own, or, if the server verifies the assertion, say `sharing = "assertion"` in `server.notes`"#,
        ],
    ),
    (
        "server.notes.sharing",
        r#""yes""#,
        &[
            "server.notes.sharing: `yes` is not a reason to share; known: `assertion`, `stateless`",
            r#"tenant.acme.servers.notes.placement: server `notes` may not be shared: its document gives no `sharing`; give `acme` an instance of its own, or, if the server verifies the assertion, say `sharing = "assertion"` in `server.notes`"#,
        ],
    ),
    (
        "server.notes.sharing",
        "true",
        &[
            "server.notes.sharing: a text is expected here",
            r#"tenant.acme.servers.notes.placement: server `notes` may not be shared: its document gives no `sharing`; give `acme` an instance of its own, or, if the server verifies the assertion, say `sharing = "assertion"` in `server.notes`"#,
        ],
    ),
    ("server.notes.auth", r#""header""#, &["server.notes.auth: `header` is not known here; known: `none`"]),
    ("server.notes.plain_http", r#""true""#, &["server.notes.plain_http: `true` or `false` is expected here"]),
    (
        "server.notes.limits",
        r#"{ "request_bytes_max": 1023, "answer_timeout_ms": 0, "discover_ttl_s": -1 }"#,
        &[
            "server.notes.limits.request_bytes_max: a whole number from 1024 to 1073741824 is expected here",
            "server.notes.limits.answer_timeout_ms: a whole number from 1 to 3600000 is expected here",
            "server.notes.limits.discover_ttl_s: a whole number from 1 to 86400 is expected here",
        ],
    ),
    (
        "server.notes.limits",
        r#"{ "filtered_bytes_max": 1073741825, "calls": 1 }"#,
        &[
            "server.notes.limits.filtered_bytes_max: a whole number from 1024 to 1073741824 is expected here",
            "server.notes.limits.calls: unknown field `calls`; known here: `request_bytes_max`, `filtered_bytes_max`, `answer_timeout_ms`, `discover_ttl_s`",
        ],
    ),
    (
        "server.notes",
        "null",
        &["tenant.acme.servers.notes: no server `notes`; apply a document `server.notes` with it"],
    ),
];
