//! Mistakes in what tenants get: plans, tenants and where their calls go.

use super::Row;

/// What a plan grants, and what a tenant says over it.
pub(crate) const PLANS: &[Row] = &[
    ("plan.standard", "null", &["tenant.acme.plan: no plan `standard`; apply a document `plan.standard` with it"]),
    (
        "plan.standard.limits",
        r#"{ "calls_per_second": 0, "calls_burst": 1000001 }"#,
        &[
            "plan.standard.limits.calls_per_second: a whole number from 1 to 1000000 is expected here",
            "plan.standard.limits.calls_burst: a whole number from 1 to 1000000 is expected here",
        ],
    ),
    (
        "tenant.acme.limits",
        r#"{ "calls_in_flight_max": 1.5, "streams_open_max": "32", "calls": 1 }"#,
        &[
            "tenant.acme.limits.calls_in_flight_max: a whole number from 1 to 1000000 is expected here",
            "tenant.acme.limits.streams_open_max: a whole number from 1 to 1000000 is expected here",
            "tenant.acme.limits.calls: unknown field `calls`; known here: `calls_per_second`, `calls_burst`, `calls_in_flight_max`, `streams_open_max`",
        ],
    ),
    ("tenant.acme.limits", "[]", &["tenant.acme.limits: a table is expected here"]),
    ("plan.standard.servers", "[]", &["plan.standard.servers: a table is expected here"]),
    ("plan.standard.servers.notes", r#""shared""#, &["plan.standard.servers.notes: a table is expected here"]),
    (
        "plan.standard.servers.No",
        r#"{ "placement": "shared" }"#,
        &[
            "plan.standard.servers.No: `No` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`",
        ],
    ),
    (
        "plan.standard.servers.notes.placement",
        "null",
        &[
            r#"tenant.acme.servers.notes.placement: `placement` is missing: say where `notes` runs for `acme`, for example `"shared"`"#,
        ],
    ),
    (
        "plan.standard.servers.notes.placement",
        r#""Shared""#,
        &[
            r#"plan.standard.servers.notes.placement: `"shared"` or `{ remote = "http://…" }` is expected here"#,
            r#"tenant.acme.servers.notes.placement: `placement` is missing: say where `notes` runs for `acme`, for example `"shared"`"#,
        ],
    ),
    (
        "plan.standard.servers.notes.placement",
        r#""dedicated""#,
        &[
            r#"plan.standard.servers.notes.placement: `"shared"` or `{ remote = "http://…" }` is expected here"#,
            r#"tenant.acme.servers.notes.placement: `placement` is missing: say where `notes` runs for `acme`, for example `"shared"`"#,
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "legacy": { "placement": "shared" } }"#,
        &[
            r#"tenant.globex.servers.legacy.placement: server `legacy` may not be shared: its document gives no `sharing`; give `globex` an instance of its own, or, if the server verifies the assertion, say `sharing = "assertion"` in `server.legacy`"#,
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "legacy": {} }"#,
        &[
            r#"tenant.globex.servers.legacy.placement: `placement` is missing: say where `legacy` runs for `globex`, for example `"shared"`"#,
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "nodes": { "placement": "shared" } }"#,
        &["tenant.globex.servers.nodes: no server `nodes`; apply a document `server.nodes` with it"],
    ),
    ("plan.standard.servers.notes.tools", r#"["*"]"#, &["plan.standard.servers.notes.tools: a table is expected here"]),
    (
        "plan.standard.servers.notes.tools",
        r#"{ "allow": "*" }"#,
        &["plan.standard.servers.notes.tools.allow: a list is expected here"],
    ),
    (
        "plan.standard.servers.notes.tools",
        r#"{ "allow": ["*", 1], "denied": [] }"#,
        &[
            "plan.standard.servers.notes.tools.allow.1: a text is expected here",
            "plan.standard.servers.notes.tools.denied: unknown field `denied`; known here: `allow`, `deny`",
        ],
    ),
    (
        "plan.standard.servers.notes.tools",
        r#"{ "allow": ["[a"] }"#,
        &[
            "plan.standard.servers.notes.tools: `[a` is not a pattern: error parsing glob '[a': unclosed character class; missing ']'",
        ],
    ),
    (
        "plan.standard.servers.notes.tools",
        r#"{ "deny": [""] }"#,
        &["plan.standard.servers.notes.tools: a pattern of 1 to 256 bytes is expected, for example `list_*`"],
    ),
    (
        "plan.standard.servers.notes.resources",
        r#"{ "allow": ["{a"] }"#,
        &[
            "plan.standard.servers.notes.resources: `{a` is not a pattern: error parsing glob '{a': unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)",
        ],
    ),
    (
        "plan.standard.servers.notes.scopes",
        r#"{ "*": "notes", "a": [], "b": ["a b"], "c": [1], "[": ["a"] }"#,
        &[
            "plan.standard.servers.notes.scopes.*: a list of 1 to 16 scopes is expected here, each without a space",
            "plan.standard.servers.notes.scopes.[: `[` is not a pattern: error parsing glob '[': unclosed character class; missing ']'",
            "plan.standard.servers.notes.scopes.a: a list of 1 to 16 scopes is expected here, each without a space",
            "plan.standard.servers.notes.scopes.b: a list of 1 to 16 scopes is expected here, each without a space",
            "plan.standard.servers.notes.scopes.c: a list of 1 to 16 scopes is expected here, each without a space",
        ],
    ),
];

/// Who is who.
pub(crate) const TENANTS: &[Row] = &[
    ("tenant.acme.plan", "null", &["tenant.acme.plan: `plan` is missing; for example `standard`"]),
    (
        "tenant.acme.plan",
        r#""Gold""#,
        &[
            "tenant.acme.plan: `Gold` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`",
        ],
    ),
    ("tenant.acme.plan", r#""gold""#, &["tenant.acme.plan: no plan `gold`; apply a document `plan.gold` with it"]),
    ("tenant.acme.plan", "{}", &["tenant.acme.plan: a text is expected here"]),
    ("tenant.acme.suspended", r#""no""#, &["tenant.acme.suspended: `true` or `false` is expected here"]),
    ("tenant.acme.identities", r#"{ "issuer": "corporate" }"#, &["tenant.acme.identities: a list is expected here"]),
    ("tenant.acme.identities", r#"["corporate"]"#, &["tenant.acme.identities.0: a table is expected here"]),
    (
        "tenant.acme.identities",
        r#"[{ "value": "acme" }]"#,
        &["tenant.acme.identities.0.issuer: `issuer` is missing; for example `corporate`"],
    ),
    (
        "tenant.acme.identities",
        r#"[{ "issuer": "nobody", "value": "acme" }]"#,
        &["tenant.acme.identities.0: no issuer `nobody`; apply a document `issuer.nobody` with it"],
    ),
    (
        "tenant.acme.identities",
        r#"[{ "issuer": "https://login.example.com", "value": "acme" }]"#,
        &[
            "tenant.acme.identities.0.issuer: `https://login.example.com` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`",
        ],
    ),
    (
        "tenant.acme.identities",
        r#"[{ "issuer": "corporate", "value": "" }]"#,
        &["tenant.acme.identities.0.value: a text that is not empty and has no control characters is expected here"],
    ),
    (
        "tenant.acme.identities",
        r#"[{ "issuer": "corporate", "value": "a\u0000" }]"#,
        &["tenant.acme.identities.0.value: a text that is not empty and has no control characters is expected here"],
    ),
    (
        "tenant.acme.identities",
        r#"[{ "issuer": "corporate", "value": ["acme"] }]"#,
        &["tenant.acme.identities.0.value: a text is expected here"],
    ),
    (
        "tenant.acme.identities",
        r#"[{ "issuer": "corporate", "value": null }]"#,
        &["tenant.acme.identities.0.value: a text is expected here"],
    ),
    (
        "tenant.acme.identities",
        r#"[{ "issuer": "corporate", "claim": "acme" }]"#,
        &[
            "tenant.acme.identities.0.claim: unknown field `claim`; known here: `issuer`, `value`",
            "tenant.globex.identities.0: tenant `acme` already has this identity, or one that includes it; a token means one tenant",
        ],
    ),
    (
        "tenant.acme.identities.0.value",
        r#""globex""#,
        &[
            "tenant.globex.identities.0: tenant `acme` already has this identity, or one that includes it; a token means one tenant",
        ],
    ),
    (
        "tenant.acme.identities.1",
        r#"{ "issuer": "corporate", "value": "acme" }"#,
        &[
            "tenant.acme.identities.1: tenant `acme` already has this identity, or one that includes it; a token means one tenant",
        ],
    ),
    (
        "tenant.acme.identities.1",
        r#"{ "issuer": "corporate" }"#,
        &[
            "tenant.acme.identities.1: tenant `acme` already has this identity, or one that includes it; a token means one tenant",
        ],
    ),
];

/// An instance of its own is nobody else's, by whatever name it is reached.
pub(crate) const PLACEMENTS: &[Row] = &[
    (
        "tenant.acme.servers.notes",
        r#"{ "placement": { "remote": "http://127.0.0.1:9001/mcp" } }"#,
        &[
            "tenant.acme.servers.notes.placement: this is the URL of server `legacy`, which is no instance of one tenant",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "legacy": { "placement": { "remote": "http://127.0.0.1:9101/mcp" } } }"#,
        &[
            "tenant.globex.servers.legacy.placement: `http://127.0.0.1:9101/mcp` is already the instance of another tenant, `acme`; a remote instance serves one tenant",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "legacy": { "placement": { "remote": "HTTP://LocalHost:9101/mcp" } } }"#,
        &[
            "tenant.globex.servers.legacy.placement: `http://localhost:9101/mcp` is already the instance of another tenant, `acme`; a remote instance serves one tenant",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "legacy": { "placement": { "remote": "http://[::1]:9101/mcp" } } }"#,
        &[
            "tenant.globex.servers.legacy.placement: `http://[::1]:9101/mcp` is already the instance of another tenant, `acme`; a remote instance serves one tenant",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "notes": { "placement": { "remote": "http://127.0.0.1:9101/mcp" } } }"#,
        &[
            "tenant.globex.servers.notes.placement: `http://127.0.0.1:9101/mcp` is already the instance of another tenant, `acme`; a remote instance serves one tenant",
        ],
    ),
    (
        "tenant.acme.servers.notes",
        r#"{ "placement": { "remote": "http://127.0.0.1:9101/mcp" } }"#,
        &[
            "tenant.acme.servers.notes.placement: `http://127.0.0.1:9101/mcp` is already `acme`'s instance of server `legacy`",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "notes": { "placement": { "remote": "http://127.0.0.1:9000/mcp" } } }"#,
        &[
            "tenant.globex.servers.notes.placement: this is the URL of server `notes`, which is no instance of one tenant",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "notes": { "placement": { "remote": "http://localhost:9000/mcp" } } }"#,
        &[
            "tenant.globex.servers.notes.placement: this is the URL of server `notes`, which is no instance of one tenant",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "legacy": { "placement": { "remote": "http://127.0.0.1:9001/mcp" } } }"#,
        &[
            "tenant.globex.servers.legacy.placement: this is the URL of server `legacy`, which is no instance of one tenant",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "notes": { "placement": { "remote": "http://10.0.0.1/mcp" } } }"#,
        &[
            "tenant.globex.servers.notes.placement.remote: `10.0.0.1` is not this host, and plain HTTP shows everyone on the way what tenants say; use `https`, or accept it with `plain_http = true` on the server",
            r#"tenant.globex.servers.notes.placement: `placement` is missing: say where `notes` runs for `globex`, for example `"shared"`"#,
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "notes": { "placement": { "remote": 1 } } }"#,
        &[
            "tenant.globex.servers.notes.placement.remote: a text is expected here",
            r#"tenant.globex.servers.notes.placement: `placement` is missing: say where `notes` runs for `globex`, for example `"shared"`"#,
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "notes": { "placement": {} } }"#,
        &[
            "tenant.globex.servers.notes.placement.remote: `remote` is missing; for example `http://127.0.0.1:9000/mcp`",
            r#"tenant.globex.servers.notes.placement: `placement` is missing: say where `notes` runs for `globex`, for example `"shared"`"#,
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "notes": { "placement": { "remote": "http://127.0.0.1:9301/mcp", "isolation": "microvm" } } }"#,
        &[
            "tenant.globex.servers.notes.placement.isolation: unknown field `isolation`; known here: `remote`, `plain_http`",
        ],
    ),
    (
        "tenant.globex.servers",
        r#"{ "notes": { "placement": 1 } }"#,
        &[
            r#"tenant.globex.servers.notes.placement: `"shared"` or `{ remote = "http://…" }` is expected here"#,
            r#"tenant.globex.servers.notes.placement: `placement` is missing: say where `notes` runs for `globex`, for example `"shared"`"#,
        ],
    ),
];
