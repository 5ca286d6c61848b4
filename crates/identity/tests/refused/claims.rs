//! Claims: who issued it, what for, when, and for whom. A claim of the wrong type is never a default.

use crate::draft::{AUD, Draft, EXPIRED, ISS, JSON, NOT_YET, SIZE, quoted};
use crate::{NOW, Row, World};

const WHOLE: &str = "is not a whole number of seconds";
const AUD_TYPE: &str = "is missing, or neither a text nor a list of texts";
const NO_TEXT: &str = "is not a text";
const LENGTH: &str = "is empty or too long";
const CONTROL: &str = "has control characters";
const MISSING: &str = "is missing";

/// Claim, its JSON (nothing: no such claim), what is told.
const ISSUERS: &[(&str, &str, &str)] = &[
    ("iss", "", ISS),
    ("iss", "null", ISS),
    ("iss", "0", ISS),
    ("iss", "{}", ISS),
    ("iss", r#"["https://login.example.com"]"#, ISS),
    ("iss", r#""""#, ISS),
    ("iss", r#""https://login.example.com/""#, ISS),
    ("iss", r#""https://LOGIN.example.com""#, ISS),
    ("iss", r#""HTTPS://login.example.com""#, ISS),
    ("iss", r#""http://login.example.com""#, ISS),
    ("iss", r#""https://login.example.com:443""#, ISS),
    ("iss", r#""https://login.example.com/tenant""#, ISS),
    ("iss", r#""https://login.example.com.attacker.example""#, ISS),
    ("iss", r#""https://login.example.com@attacker.example""#, ISS),
    ("iss", r#""https://login.example.com\u0000""#, ISS),
    ("iss", r#"" https://login.example.com""#, ISS),
    ("iss", r#""https://lоgin.example.com""#, ISS),
    ("iss", r#""https://login%2eexample.com""#, ISS),
    ("iss", r#""login.example.com""#, ISS),
    ("iss", r#""corporate""#, ISS),
    ("iss", r#""__proto__""#, ISS),
    ("iss", r#""*""#, ISS),
];

const AUDIENCES: &[(&str, &str, &str)] = &[
    ("aud", "", AUD_TYPE),
    ("aud", "null", AUD_TYPE),
    ("aud", "0", AUD_TYPE),
    ("aud", r#"{ "aud": "https://mcp.example.com/mcp/notes" }"#, AUD_TYPE),
    ("aud", r#"[["https://mcp.example.com/mcp/notes"]]"#, AUD_TYPE),
    ("aud", r#"["https://mcp.example.com/mcp/notes", 0]"#, AUD_TYPE),
    ("aud", r#"["https://mcp.example.com/mcp/notes", null]"#, AUD_TYPE),
    ("aud", "[]", AUD),
    ("aud", r#""""#, AUD),
    ("aud", r#""*""#, AUD),
    ("aud", r#""agent""#, AUD),
    ("aud", r#""https://mcp.example.com""#, AUD),
    ("aud", r#""https://mcp.example.com/mcp/notes/""#, AUD),
    ("aud", r#""https://mcp.example.com/mcp/""#, AUD),
    ("aud", r#""https://mcp.example.com/mcp/other""#, AUD),
    ("aud", r#""https://mcp.example.com/mcp/notes#a""#, AUD),
    ("aud", r#""https://mcp.example.com/mcp/notes?a""#, AUD),
    ("aud", r#""https://mcp.example.com/mcp/note""#, AUD),
    ("aud", r#""https://mcp.example.com/c/acme/mcp/notes""#, AUD),
    ("aud", r#""https://MCP.example.com/mcp/notes""#, AUD),
    ("aud", r#""https://mcp.example.com:443/mcp/notes""#, AUD),
    ("aud", r#""http://mcp.example.com/mcp/notes""#, AUD),
    ("aud", r#""https://mcp.example.org/mcp/notes""#, AUD),
    ("aud", r#""https://mcp.example.com/mcp/notes https://mcp.example.com/mcp""#, AUD),
    ("aud", r#"["https://mcp.example.org/mcp/notes", "agent"]"#, AUD),
];

/// Neither text nor fraction nor infinity is a time.
const NO_TIMES: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    r#""""#,
    r#""1800000300""#,
    r#""2036-01-01T00:00:00Z""#,
    "-1",
    "-9223372036854775808",
    "1800000300.0",
    "1800000300.5",
    "1.8e9",
    "18446744073709551616",
    "1e308",
];

pub(crate) fn rows(world: &World) -> Vec<Row> {
    [tables(world), times(world), texts(world), tenants(world), twice(world)].concat()
}

fn row(world: &World, claim: &str, json: &str, told: &str) -> Row {
    let good = Draft::good(&world.corporate);
    let told = if told.starts_with("is ") || told.starts_with("has ") {
        let name = if claim == "tenant" { "tenant claim" } else { claim };
        format!("claim `{name}` {told}")
    } else {
        told.to_owned()
    };
    let name = format!("claim `{claim}`: {}", json.chars().take(60).collect::<String>());
    let flawed = good.clone().claim(claim, json).sign(&world.corporate);
    Row::new(name, flawed, &told, &good.sign(&world.corporate))
}

fn tables(world: &World) -> Vec<Row> {
    [ISSUERS, AUDIENCES].concat().iter().map(|(claim, json, told)| row(world, claim, json, told)).collect()
}

fn times(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for claim in ["exp", "nbf", "iat"] {
        rows.extend(NO_TIMES.iter().map(|json| row(world, claim, json, WHOLE)));
        rows.push(row(world, claim, "1e999", JSON));
        rows.push(row(world, claim, "NaN", JSON));
        rows.push(row(world, claim, "0x6B49D200", JSON));
        rows.push(row(world, claim, "01800000300", JSON));
    }
    rows.push(row(world, "exp", "", MISSING));
    rows.push(row(world, "exp", "0", EXPIRED));
    rows.push(row(world, "nbf", "18446744073709551615", NOT_YET));
    rows.push(row(world, "iat", "18446744073709551615", NOT_YET));
    // The edges of the leeway of 30 seconds: one second makes the difference.
    for (claim, flawed, mended, told) in [
        ("exp", NOW - 30, NOW - 29, EXPIRED),
        ("exp", NOW - 31, NOW, EXPIRED),
        ("exp", NOW - 3600, NOW + 1, EXPIRED),
        ("nbf", NOW + 31, NOW + 30, NOT_YET),
        ("iat", NOW + 31, NOW + 30, NOT_YET),
        ("iat", NOW + 32, NOW, NOT_YET),
    ] {
        let sign = |at: u64| Draft::good(&world.corporate).claim(claim, &at.to_string()).sign(&world.corporate);
        rows.push(Row::new(format!("`{claim}` at {flawed}"), sign(flawed), told, &sign(mended)));
    }
    rows
}

fn texts(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for claim in ["sub", "client_id", "scope", "tenant"] {
        for json in ["null", "0", "true", "[]", "{}", r#"["acme"]"#, r#"{ "acme": true }"#] {
            rows.push(row(world, claim, json, NO_TEXT));
        }
        for json in
            [r#""a\u0000""#, r#""a\nb""#, r#""\t""#, r#""a\u007f""#, r#""a\u0085b""#, r#""acme\r\nX-Tenant: b""#]
        {
            rows.push(row(world, claim, json, CONTROL));
        }
        rows.push(row(world, claim, r#""\ud800""#, JSON));
        let bytes_max = if claim == "scope" { 4096 } else { 256 };
        for (letter, bytes) in [("a", 1), ("é", 2), ("𝖆", 4)] {
            let sign = |length: usize| {
                let text = letter.repeat(length / bytes);
                Draft::good(&world.corporate).claim(claim, &quoted(&text)).sign(&world.corporate)
            };
            let name = format!("`{claim}` of {} bytes of {letter}", bytes_max + bytes);
            let told = if claim == "tenant" { "tenant claim" } else { claim };
            rows.push(Row::new(name, sign(bytes_max + bytes), &format!("claim `{told}` {LENGTH}"), &sign(bytes_max)));
        }
    }
    for claim in ["sub", "client_id", "tenant"] {
        rows.push(row(world, claim, r#""""#, LENGTH));
    }
    rows.push(row(world, "sub", "", MISSING));
    rows.push(row(world, "client_id", "", MISSING));
    rows
}

/// The tenant claim of an issuer that keeps it inside another object.
fn tenants(world: &World) -> Vec<Row> {
    let good = Draft::good(&world.partner);
    let mended = good.sign(&world.partner);
    let raw = r#"{ "$serde_json::private::RawValue": "{\"id\":\"acme\"}" }"#;
    let rows = [
        (r#"{ "id": null }"#, "claim `tenant claim` is not a text"),
        (r#"{ "id": 1 }"#, "claim `tenant claim` is not a text"),
        (r#"{ "id": ["acme"] }"#, "claim `tenant claim` is not a text"),
        (r#"{ "id": { "id": "acme" } }"#, "claim `tenant claim` is not a text"),
        (r#"{ "id": "" }"#, "claim `tenant claim` is empty or too long"),
        (r#"{ "id": "acme\u0000" }"#, "claim `tenant claim` has control characters"),
        (r#"{ "id": "globex", "id": "acme" }"#, JSON),
        (r#"{ "id": "acme", "\u0069d": "globex" }"#, JSON),
        (r#"{ "id": "acme", "deep": [{ "a": { "b": 1, "b": 2 } }] }"#, JSON),
    ];
    let mut rows: Vec<_> = rows
        .map(|(json, told)| {
            Row::new(format!("`org`: {json}"), good.clone().claim("org", json).sign(&world.partner), told, &mended)
        })
        .into();
    // The name by which a JSON library smuggles its own raw text: here it is a name like any other, and no tenant.
    let smuggled = good.claim("org", &format!(r#"{{ "id": {raw} }}"#)).sign(&world.partner);
    rows.push(Row::new("`org.id` as raw text", smuggled, "claim `tenant claim` is not a text", &mended));
    rows.push(row(world, "tenant", r#"{ "$serde_json::private::RawValue": "\"acme\"" }"#, NO_TEXT));
    rows.push(row(world, "sub", r#"{ "$serde_json::private::RawValue": "\"ann\"" }"#, NO_TEXT));
    rows.push(row(world, "tenant", &quoted(&"a".repeat(1 << 20)), SIZE));
    rows
}

/// Two readers must not disagree on which of two equal names counts.
fn twice(world: &World) -> Vec<Row> {
    let good = Draft::good(&world.corporate);
    let mended = good.sign(&world.corporate);
    let members = [
        ("iss", r#""https://login.example.org""#),
        ("aud", r#""https://mcp.example.org""#),
        ("exp", "9999999999"),
        ("nbf", "0"),
        ("sub", r#""bob""#),
        ("client_id", r#""other""#),
        ("scope", r#""admin""#),
        ("tenant", r#""acme""#),
        ("tenant", r#""globex""#),
        (r"\u0074enant", r#""globex""#),
        ("unheard of", "1"),
    ];
    members
        .map(|(name, json)| {
            let mut draft = good.clone();
            draft.claims = draft.claims.and(name, json);
            if ["nbf", "unheard of"].contains(&name) {
                draft.claims = draft.claims.and(name, json);
            }
            Row::new(format!("claim `{name}` twice, the second is {json}"), draft.sign(&world.corporate), JSON, &mended)
        })
        .into()
}
