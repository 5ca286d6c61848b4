//! Headers: `alg`, `typ`, `kid`, and members that would change what the token means or where its key comes from.

use crate::draft::{ALG, Draft, JSON, MEMBER, NO_KEY, TEXT, TYP, quoted};
use crate::{Row, World};

/// Member, its JSON (nothing: no such member), what is told.
const ROWS: &[(&str, &str, &str)] = &[
    // RFC 8725, section 3.1; rfc8725bis on case.
    ("alg", "", ALG),
    ("alg", r#""""#, ALG),
    ("alg", r#""none""#, ALG),
    ("alg", r#""None""#, ALG),
    ("alg", r#""NONE""#, ALG),
    ("alg", r#""nOnE""#, ALG),
    ("alg", r#""es256""#, ALG),
    ("alg", r#""Es256""#, ALG),
    ("alg", r#""ES256 ""#, ALG),
    ("alg", r#"" ES256""#, ALG),
    ("alg", r#""ES256\u0000""#, ALG),
    ("alg", r#""ES256\n""#, ALG),
    ("alg", r#""Ｅ\u0053256""#, ALG),
    ("alg", r#""HS256""#, ALG),
    ("alg", r#""HS384""#, ALG),
    ("alg", r#""HS512""#, ALG),
    ("alg", r#""ES384""#, NO_KEY),
    ("alg", r#""ES512""#, ALG),
    ("alg", r#""ES256K""#, ALG),
    ("alg", r#""RS384""#, NO_KEY),
    ("alg", r#""RS512""#, NO_KEY),
    ("alg", r#""PS256""#, NO_KEY),
    ("alg", r#""Ed25519""#, ALG),
    ("alg", r#""RSA-OAEP""#, ALG),
    ("alg", r#""ECDH-ES""#, ALG),
    ("alg", r#""PBES2-HS256+A128KW""#, ALG),
    ("alg", r#""dir""#, ALG),
    ("alg", "null", ALG),
    ("alg", "0", ALG),
    ("alg", "true", ALG),
    ("alg", "[]", ALG),
    ("alg", r#"["ES256"]"#, ALG),
    ("alg", r#"{ "ES256": "ES256" }"#, ALG),
    // Families that the issuer has no key of.
    ("alg", r#""RS256""#, NO_KEY),
    ("alg", r#""EdDSA""#, NO_KEY),
    // Keys of the sender's choice, and meanings of the sender's choice.
    ("jku", r#""https://attacker.example/jwks.json""#, MEMBER),
    ("x5u", r#""https://attacker.example/chain.pem""#, MEMBER),
    ("x5c", r#"["MIIB"]"#, MEMBER),
    ("x5t#S256", r#""YWJj""#, MEMBER),
    ("jwk", r#"{ "kty": "oct", "k": "c2VjcmV0" }"#, MEMBER),
    ("crit", r#"["exp"]"#, MEMBER),
    ("crit", "[]", MEMBER),
    ("b64", "false", MEMBER),
    ("b64", "true", MEMBER),
    ("zip", r#""DEF""#, MEMBER),
    ("enc", r#""A256GCM""#, MEMBER),
    ("epk", "{}", MEMBER),
    ("p2c", "2147483647", MEMBER),
    ("apu", r#""""#, MEMBER),
    ("url", r#""http://169.254.169.254/""#, MEMBER),
    ("nonce", r#""a""#, MEMBER),
    ("iss", r#""https://login.example.com""#, MEMBER),
    ("tenant", r#""acme""#, MEMBER),
    ("ALG", r#""none""#, MEMBER),
    ("Kid", r#""key-1""#, MEMBER),
    ("", r#""""#, MEMBER),
    ("__proto__", "{}", MEMBER),
    // RFC 9068, section 4: an access token says that it is one.
    ("typ", "", TYP),
    ("typ", r#""JWT""#, TYP),
    ("typ", r#""jwt""#, TYP),
    ("typ", r#""id_token+jwt""#, TYP),
    ("typ", r#""dpop+jwt""#, TYP),
    ("typ", r#""logout+jwt""#, TYP),
    ("typ", r#""secevent+jwt""#, TYP),
    ("typ", r#""token-introspection+jwt""#, TYP),
    ("typ", r#""oauth-authz-req+jwt""#, TYP),
    ("typ", r#""partywall+jwt""#, TYP),
    ("typ", r#""JOSE""#, TYP),
    ("typ", r#""at-jwt""#, TYP),
    ("typ", r#""at+jwt ""#, TYP),
    ("typ", r#"" at+jwt""#, TYP),
    ("typ", r#""at+jwt; charset=utf-8""#, TYP),
    ("typ", r#""text/at+jwt""#, TYP),
    ("typ", r#""application/application/at+jwt""#, TYP),
    ("typ", r#""at+jwt\u0000""#, TYP),
    ("typ", r#""""#, TEXT),
    ("typ", "null", TEXT),
    ("typ", "1", TEXT),
    ("typ", r#"["at+jwt"]"#, TEXT),
    // A key id is a name in this issuer's set and nothing else: no path, no query, no address.
    ("kid", r#""""#, TEXT),
    ("kid", "null", TEXT),
    ("kid", "1", TEXT),
    ("kid", "true", TEXT),
    ("kid", r#"["key-1"]"#, TEXT),
    ("kid", r#"{ "key-1": "key-1" }"#, TEXT),
    ("kid", r#""key-2""#, NO_KEY),
    ("kid", r#""KEY-1""#, NO_KEY),
    ("kid", r#""key-1 ""#, NO_KEY),
    ("kid", r#""key-1\u0000""#, NO_KEY),
    ("kid", r#""*""#, NO_KEY),
    ("kid", r#""../../../../dev/null""#, NO_KEY),
    ("kid", r#""file:///dev/null""#, NO_KEY),
    ("kid", r#""https://attacker.example/key-1""#, NO_KEY),
    ("kid", r#""key-1' OR '1'='1""#, NO_KEY),
    ("kid", r#""key-1' UNION SELECT 'secret' --""#, NO_KEY),
    ("kid", r#""| cat /etc/passwd""#, NO_KEY),
    ("kid", r#""__proto__""#, NO_KEY),
];

pub(crate) fn rows(world: &World) -> Vec<Row> {
    let good = Draft::good(&world.corporate);
    let mended = good.sign(&world.corporate);
    let row = |name: String, draft: Draft, told| Row::new(name, draft.sign(&world.corporate), told, &mended);
    let mut rows: Vec<_> = ROWS
        .iter()
        .map(|(member, json, told)| row(format!("header `{member}`: {json}"), good.clone().header(member, json), told))
        .collect();
    let long = |length| good.clone().header("kid", &quoted(&"k".repeat(length)));
    rows.push(row("a kid of 129 bytes".to_owned(), long(129), TEXT));
    rows.push(row("a kid of 128 bytes that nobody has".to_owned(), long(128), NO_KEY));
    for (member, json) in [("alg", r#""none""#), ("alg", r#""ES256""#), ("kid", r#""key-2""#), ("typ", r#""JWT""#)] {
        let mut draft = good.clone();
        draft.header = draft.header.and(member, json);
        rows.push(row(format!("header `{member}` twice, the second is {json}"), draft, JSON));
    }
    let mut hidden = good.clone();
    hidden.header = hidden.header.and(r"\u0061lg", r#""none""#);
    rows.push(row("header `alg` twice, once escaped".to_owned(), hidden, JSON));
    rows
}
