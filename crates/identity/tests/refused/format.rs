//! Format: what is not three parts of canonical base64url around two JSON objects is no token.

use partywall_testkit::token::encode;

use crate::draft::{BASE64, Draft, JSON, OPAQUE, PARTS, SIGNATURE, SIZE};
use crate::{Row, World};

/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 16 << 10;

struct Good {
    whole: String,
    header: String,
    payload: String,
    signature: String,
}

impl Good {
    fn new(world: &World) -> Self {
        let whole = Draft::good(&world.corporate).sign(&world.corporate);
        let mut parts = whole.split('.').map(str::to_owned);
        let mut part = || parts.next().unwrap();
        let (header, payload, signature) = (part(), part(), part());
        Self { whole, header, payload, signature }
    }
}

pub(crate) fn rows(world: &World) -> Vec<Row> {
    let good = Good::new(world);
    [segments(&good), letters(&good), contents(world, &good), sizes(world)].concat()
}

fn segments(good: &Good) -> Vec<Row> {
    let Good { whole, header, payload, signature } = good;
    let rows = [
        ("nothing", String::new(), OPAQUE),
        ("a word", "token".to_owned(), OPAQUE),
        ("an opaque token", "gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned(), OPAQUE),
        ("one part", header.clone(), OPAQUE),
        ("two parts", format!("{header}.{payload}"), OPAQUE),
        ("JSON serialisation", format!(r#"{{"payload":"{payload}","signature":"{signature}"}}"#), OPAQUE),
        ("dots alone", "..".to_owned(), PARTS),
        ("no signature", format!("{header}.{payload}."), PARTS),
        ("four parts", format!("{whole}.{signature}"), PARTS),
        ("four parts, the last empty", format!("{whole}."), PARTS),
        ("five parts, as encryption has", format!("{header}.{payload}.{payload}.{payload}.{signature}"), PARTS),
        ("a dot in front", format!(".{whole}"), PARTS),
        ("a dot twice", format!("{header}..{payload}.{signature}"), PARTS),
        ("a thousand dots", ".".repeat(1000), PARTS),
        ("no header", format!(".{payload}.{signature}"), JSON),
        ("no payload", format!("{header}..{signature}"), JSON),
    ];
    rows.map(|(name, token, told)| Row::new(name, token, told, whole)).into()
}

fn letters(good: &Good) -> Vec<Row> {
    let Good { whole, header, payload, signature } = good;
    let rows = [
        ("padded header", format!("{header}=.{payload}.{signature}"), BASE64),
        ("padded payload", format!("{header}.{payload}=.{signature}"), BASE64),
        ("twice padded payload", format!("{header}.{payload}==.{signature}"), BASE64),
        ("padded signature", format!("{whole}=="), SIGNATURE),
        ("`+` in the header", format!("+{header}.{payload}.{signature}"), BASE64),
        ("`/` in the payload", format!("{header}./{payload}.{signature}"), BASE64),
        ("`+` in the signature", format!("{header}.{payload}.+{}", &signature[1..]), SIGNATURE),
        ("a percent escape", format!("%65{}", &whole[1..]), BASE64),
        ("a space in front", format!(" {whole}"), BASE64),
        ("a space at the end", format!("{whole} "), SIGNATURE),
        ("a line end at the end", format!("{whole}\n"), SIGNATURE),
        ("a space in the header", format!("{} {}.{payload}.{signature}", &header[..4], &header[4..]), BASE64),
        ("a line end in the payload", format!("{header}.{}\r\n{}.{signature}", &payload[..4], &payload[4..]), BASE64),
        ("a tab before the payload", format!("{header}.\t{payload}.{signature}"), BASE64),
        ("a NUL at the end", format!("{whole}\0"), SIGNATURE),
        ("a scheme in front", format!("Bearer {whole}"), BASE64),
        ("two tokens", format!("{whole},{whole}"), PARTS),
        ("quotes", format!("\"{whole}\""), BASE64),
        ("a letter beyond ASCII", format!("{header}.{payload}é.{signature}"), BASE64),
        ("four letters less in the header", format!("{}.{payload}.{signature}", &header[..header.len() - 4]), JSON),
    ];
    let mut rows: Vec<_> = rows.map(|(name, token, told)| Row::new(name, token, told, whole)).into();
    rows.push(Row::new(
        "spare bits in the signature",
        format!("{header}.{payload}.{}", spare(signature)),
        SIGNATURE,
        whole,
    ));
    rows
}

/// The same bytes with a spare bit set: other text, so other token.
fn spare(part: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(part.len() % 4, 0, "no bit is spare");
    let last = part.chars().last().and_then(|last| ALPHABET.find(last)).unwrap();
    format!("{}{}", &part[..part.len() - 1], &ALPHABET[last + 1..last + 2])
}

fn contents(world: &World, good: &Good) -> Vec<Row> {
    let draft = Draft::good(&world.corporate);
    let (header, payload) = (draft.header.text(), draft.claims.text());
    let deep = payload.replacen('{', &format!("{{ \"deep\": {}1{},", "[".repeat(200), "]".repeat(200)), 1);
    let bad_bytes = [&payload.as_bytes()[..payload.len() - 1], b", \"a\": \"\xff\" }"].concat();
    let headers = [
        ("a header that is a list", format!("[{header}]")),
        ("a header that is a text", "\"ES256\"".to_owned()),
        ("a header that is null", "null".to_owned()),
        ("a header that is a number", "0".to_owned()),
        ("a header without an end", header[..header.len() - 1].to_owned()),
        ("a header and more", format!("{header} {header}")),
        ("a header of single quotes", header.replace('"', "'")),
        ("a header with a comment", header.replacen('{', "{ /* a */", 1)),
        ("a header with a comma at the end", header.replace('}', ",}")),
        ("a header with a byte order mark", format!("\u{feff}{header}")),
        ("a header with a NUL at the end", format!("{header}\0")),
    ];
    let payloads = [
        ("a payload that is a list", format!("[{payload}]").into_bytes()),
        ("a payload that is a text", b"\"ann\"".to_vec()),
        ("a payload that is null", b"null".to_vec()),
        ("a payload that is a token", good.whole.clone().into_bytes()),
        ("a payload without an end", payload.as_bytes()[..payload.len() - 1].to_vec()),
        ("a payload and more", format!("{payload}{payload}").into_bytes()),
        ("a payload with a NUL at the end", format!("{payload}\0").into_bytes()),
        ("a payload that is not UTF-8", bad_bytes),
        ("a payload in UTF-16", payload.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a payload 200 lists deep", deep.into_bytes()),
        ("a compressed payload", b"\x78\x9c\x03\x00\x00\x00\x00\x01".to_vec()),
    ];
    let headers = headers.map(|(name, text)| Row::new(name, world.corporate.raw(text, &payload), JSON, &good.whole));
    let payloads = payloads.map(|(name, text)| Row::new(name, world.corporate.raw(&header, text), JSON, &good.whole));
    headers.into_iter().chain(payloads).collect()
}

fn sizes(world: &World) -> Vec<Row> {
    let draft = Draft::good(&world.corporate);
    let (header, payload) = (draft.header.text(), draft.claims.text());
    let sign = |fill: usize| world.corporate.raw(&header, format!("{payload}{}", " ".repeat(fill)));
    let around = sign(0).len() - encode(&payload).len();
    let fill =
        (0..TOKEN_BYTES_MAX).rev().find(|fill| around + (payload.len() + fill) * 4 / 3 < TOKEN_BYTES_MAX).unwrap();
    let (longest, half) = (sign(fill), sign(fill / 2));
    vec![
        Row::new("a token over 16 KiB", sign(fill + 3), SIZE, &longest),
        Row::new("a token of 1 MiB", sign(1 << 20), SIZE, &half),
        Row::new("a mebibyte of dots", ".".repeat(1 << 20), SIZE, &half),
    ]
}
