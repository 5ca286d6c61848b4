//! Keys: what was signed, by whom, and whether anything was changed since. A key belongs to its issuer.

use aws_lc_rs::hmac;
use partywall_testkit::token::{self, encode};

use crate::draft::{ALG, Draft, SIGNATURE, quoted};
use crate::{Row, World};

const SIGNATURE_OF_PARTNER: &str = "the signature does not verify with the key of issuer `partner`";

pub(crate) fn rows(world: &World) -> Vec<Row> {
    [issuers(world), changes(world), signatures(world)].concat()
}

/// One issuer speaks as another. Both keys are named `key-1`.
fn issuers(world: &World) -> Vec<Row> {
    let (corporate, partner) = (Draft::good(&world.corporate), Draft::good(&world.partner));
    let stranger = token::Issuer::new(world.corporate.url());
    let named = partner.clone().claim("iss", &quoted(world.corporate.url()));
    let rows = [
        ("corporate's name, partner's key", &corporate, &world.partner, SIGNATURE),
        ("corporate's name on partner's token", &named, &world.partner, SIGNATURE),
        ("corporate's name, a key nobody knows", &corporate, &stranger, SIGNATURE),
    ];
    let mended = corporate.sign(&world.corporate);
    let mut rows: Vec<_> =
        rows.map(|(name, draft, signer, told)| Row::new(name, draft.sign(signer), told, &mended)).into();
    let mended = partner.sign(&world.partner);
    let swapped = partner.sign(&world.corporate);
    rows.push(Row::new("partner's name, corporate's key", swapped, SIGNATURE_OF_PARTNER, &mended));
    rows
}

/// A good token, changed after it was signed.
fn changes(world: &World) -> Vec<Row> {
    let good = Draft::good(&world.corporate);
    let whole = good.sign(&world.corporate);
    let (signed, signature) = whole.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let other = good.clone().claim("tenant", r#""globex""#);
    let elsewhere = other.sign(&world.corporate);
    let (elsewhere, _) = elsewhere.rsplit_once('.').unwrap();
    let mut rows = vec![
        Row::new("another tenant's claims", format!("{elsewhere}.{signature}"), SIGNATURE, &whole),
        Row::new(
            "spaces in the payload",
            {
                let spaced = encode(format!("{} ", good.claims.text()));
                format!("{header}.{spaced}.{signature}")
            },
            SIGNATURE,
            &whole,
        ),
        Row::new(
            "another spelling of `typ`",
            {
                let header = encode(good.clone().header("typ", r#""AT+JWT""#).header.text());
                format!("{header}.{payload}.{signature}")
            },
            SIGNATURE,
            &whole,
        ),
        Row::new(
            "no kid where one was",
            {
                let header = encode(good.clone().header("kid", "").header.text());
                format!("{header}.{payload}.{signature}")
            },
            SIGNATURE,
            &whole,
        ),
    ];
    let claims = [
        ("sub", r#""root""#),
        ("client_id", r#""console""#),
        ("scope", r#""admin""#),
        ("exp", "9999999999"),
        ("tenant", r#""globex""#),
        ("tenant", r#""ACME""#),
    ];
    rows.extend(claims.map(|(claim, json)| {
        let payload = encode(good.clone().claim(claim, json).claims.text());
        Row::new(format!("`{claim}` changed to {json}"), format!("{header}.{payload}.{signature}"), SIGNATURE, &whole)
    }));
    rows
}

fn signatures(world: &World) -> Vec<Row> {
    let good = Draft::good(&world.corporate);
    let whole = good.sign(&world.corporate);
    let (signed, signature) = whole.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let with = |name: &str, signature: String| Row::new(name, format!("{signed}.{signature}"), SIGNATURE, &whole);
    // The order of P-256: s = n is s = 0.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&order[2 * i..2 * i + 2], 16).unwrap()).collect();
    let half = [1_u8; 32];
    let mut rows = vec![
        with("a signature of zeros", encode([0_u8; 64])),
        with("a signature of ones", encode([255_u8; 64])),
        with("r is zero", encode([[0; 32], half].concat())),
        with("s is zero", encode([half, [0; 32]].concat())),
        with("s is the order", encode([&half[..], &order].concat())),
        with("r is the order", encode([&order[..], &half].concat())),
        with("an empty DER sequence", encode([0x30, 0x00])),
        with(
            "DER instead of fixed length",
            encode([&[0x30, 0x44, 0x02, 0x20][..], &half, &[0x02, 0x20], &half].concat()),
        ),
        with("the header's signature", world.corporate.signature(header)),
        with("the payload's signature", world.corporate.signature(payload)),
        with("the signature of another token", world.corporate.signature("a.b")),
        with("the signature cut by half", signature[..signature.len() / 2].to_owned()),
        with("the signature cut by a letter", signature[..signature.len() - 1].to_owned()),
        with("the signature twice", format!("{signature}{signature}")),
        with("a letter for a signature", "A".to_owned()),
    ];
    // A public key is no secret: what anybody can compute signs nothing.
    let jwk = world.corporate.jwk().to_string();
    for (alg, secret) in [("HS256", jwk.as_str()), ("HS256", ""), ("none", "")] {
        let header = encode(good.clone().header("alg", &quoted(alg)).header.text());
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let forged = format!("{header}.{payload}");
        let tag = encode(hmac::sign(&key, forged.as_bytes()));
        let name = format!("{alg} with a secret of {} bytes", if secret.is_empty() { "0" } else { "the public key's" });
        rows.push(Row::new(name, format!("{forged}.{tag}"), ALG, &whole));
    }
    rows
}
