//! What is an assertion and what is not, as tables.

use http::HeaderMap;
use partywall_kit::{NotVerified, Revision};
use serde_json::{Value, json};

use crate::support::{ACME, Signer, base64, bearer, claims, claims_at, header, headers, now_s};

#[tokio::test]
async fn an_assertion_names_its_caller() {
    let signer = Signer::new();
    let token = signer.sign(&header().to_string(), &claims().to_string());
    let caller = signer.verifier().verify(&bearer(&token)).await.unwrap();
    assert_eq!(caller.tenant_id().to_string(), ACME);
    assert_eq!((caller.tenant_name(), caller.subject(), caller.client()), ("acme", "ann", Some("cli")));
    assert_eq!(caller.scopes().collect::<Vec<_>>(), ["notes:read", "notes:write"]);
    assert_eq!(caller.revision(), Revision(42));
}

#[tokio::test]
async fn headers_that_do_not_hold_with_the_gateway() {
    let flip = |change: fn(&mut Value)| {
        let mut header = header();
        change(&mut header);
        header.to_string()
    };
    for (header, expected) in [
        (flip(|h| h["alg"] = "none".into()), "NotAnAssertion"),
        (flip(|h| h["alg"] = "None".into()), "NotAnAssertion"),
        (flip(|h| h["alg"] = "HS256".into()), "NotAnAssertion"),
        (flip(|h| h["alg"] = "es256".into()), "NotAnAssertion"),
        (flip(|h| h["alg"] = "ES256 ".into()), "NotAnAssertion"),
        (flip(|h| h["alg"] = "ES384".into()), "NotAnAssertion"),
        (flip(|h| h["alg"] = Value::Null), "NotAnAssertion"),
        (flip(|h| h["alg"] = json!(["ES256"])), "NotAnAssertion"),
        (flip(|h| h["typ"] = "JWT".into()), "NotAnAssertion"),
        (flip(|h| h["typ"] = "at+jwt".into()), "NotAnAssertion"),
        (flip(|h| h["typ"] = "PARTYWALL+JWT".into()), "NotAnAssertion"),
        (flip(|h| h["typ"] = "application/partywall+jwt".into()), "NotAnAssertion"),
        (flip(|h| h["kid"] = "".into()), "NotAnAssertion"),
        (flip(|h| h["kid"] = "k".repeat(129).into()), "NotAnAssertion"),
        (flip(|h| h["kid"] = 1.into()), "NotAnAssertion"),
        (flip(|h| h["kid"] = "k2".into()), "UnknownKey"),
        (flip(|h| h["kid"] = "../k1".into()), "UnknownKey"),
        (flip(|h| h["crit"] = json!(["exp"])), "NotAnAssertion"),
        (flip(|h| h["jwk"] = json!({"kty": "EC"})), "NotAnAssertion"),
        (flip(|h| h["jku"] = "https://evil.example/jwks".into()), "NotAnAssertion"),
        (flip(|h| h["b64"] = false.into()), "NotAnAssertion"),
        (r#"{"alg":"ES256","typ":"partywall+jwt"}"#.into(), "NotAnAssertion"),
        (r#"{"alg":"none","alg":"ES256","typ":"partywall+jwt","kid":"k1"}"#.into(), "NotAnAssertion"),
        ("[]".into(), "NotAnAssertion"),
        (String::new(), "NotAnAssertion"),
    ] {
        let signer = Signer::new();
        refused(&signer, &bearer(&signer.sign(&header, &claims().to_string())), expected, &header).await;
    }
}

#[tokio::test]
async fn claims_that_do_not_hold_with_the_gateway() {
    let now = now_s();
    for (claim, value, expected) in [
        ("iss", json!("https://mcp.example/"), "InvalidIssuer"),
        ("iss", json!("https://MCP.example"), "InvalidIssuer"),
        ("iss", json!(["https://mcp.example"]), "Json"),
        ("iss", Value::Null, "Json"),
        ("aud", json!("other"), "InvalidAudience"),
        ("aud", json!("Notes"), "InvalidAudience"),
        ("aud", json!(["notes"]), "Json"),
        ("aud", json!(["notes", "other"]), "Json"),
        ("aud", Value::Null, "Json"),
        ("sub", Value::Null, "Json"),
        ("exp", Value::Null, "Json"),
        ("exp", json!("9999999999"), "Json"),
        ("exp", json!(-1), "Json"),
        ("exp", json!(1e300), "Json"),
        ("exp", json!(now - 30), "ExpiredSignature"),
        ("exp", json!(now + 61), "Lifetime"),
        ("exp", json!(u64::MAX), "Lifetime"),
        ("iat", Value::Null, "Json"),
        ("iat", json!(now + 30), "Lifetime"),
        ("iat", json!(now - 60), "Lifetime"),
        ("iat", json!(0), "Lifetime"),
        ("iat", json!(u64::MAX), "Lifetime"),
        ("nbf", json!(now + 30), "ImmatureSignature"),
        ("nbf", json!("soon"), "InvalidClaimFormat"),
        ("revision", json!(-1), "Json"),
        ("tenant_id", Value::Null, "Json"),
        ("tenant_id", json!([ACME]), "Json"),
        ("tenant_id", json!(1), "Json"),
        ("tenant_id", json!(""), "TenantId"),
        ("tenant_id", json!("acme"), "TenantId"),
        ("tenant_id", json!(format!("{ACME} ")), "TenantId"),
        ("tenant_id", json!(format!("{ACME}\0")), "TenantId"),
        ("tenant_id", json!(ACME.replace('-', "")), "TenantId"),
        ("tenant_id", json!(format!("{{{ACME}}}")), "TenantId"),
        ("tenant_id", json!(format!("urn:uuid:{ACME}")), "TenantId"),
        ("tenant_id", json!("AAAAAAAA-1111-4111-8111-111111111111"), "TenantId"),
        ("tenant_id", json!("../../../../etc/passwd"), "TenantId"),
    ] {
        let signer = Signer::new();
        let mut claims = claims_at(now);
        claims[claim] = value;
        let case = format!("{claim} = {}", claims[claim]);
        refused(&signer, &bearer(&signer.sign(&header().to_string(), &claims.to_string())), expected, &case).await;
    }
}

#[tokio::test]
async fn a_claim_that_comes_twice_is_no_claim() {
    let signer = Signer::new();
    let doubled = claims().to_string().replacen('{', r#"{"tenant_id":"22222222-2222-4222-8222-222222222222","#, 1);
    refused(&signer, &bearer(&signer.sign(&header().to_string(), &doubled)), "Json", "doubled").await;
}

#[tokio::test]
async fn clocks_may_differ_by_five_seconds() {
    let signer = Signer::new();
    let now = now_s();
    // Two seconds inside the leeway, so that a second may pass before the verifier looks.
    for (iat, exp) in [(now - 62, now - 2), (now + 3, now + 63)] {
        let mut claims = claims();
        (claims["iat"], claims["exp"]) = (iat.into(), exp.into());
        assert!(
            signer.verifier().verify(&bearer(&signer.sign(&header().to_string(), &claims.to_string()))).await.is_ok()
        );
    }
}

#[tokio::test]
async fn signatures_that_are_not_the_gateways() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let (header, claims) = (header().to_string(), claims().to_string());
    let good = signer.sign(&header, &claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, signer.public());
    let mac = base64(aws_lc_rs::hmac::sign(&hmac, message.as_bytes()).as_ref());
    let other = stranger.sign(&header, &claims);
    for (token, expected) in [
        (other.clone(), "InvalidSignature"),
        (format!("{message}.{}", other.rsplit_once('.').unwrap().1), "InvalidSignature"),
        (format!("{message}.{mac}"), "InvalidSignature"),
        (format!("{message}."), "InvalidSignature"),
        (format!("{message}.{}", base64(&[0; 64])), "InvalidSignature"),
        (format!("{good}="), "Base64"),
        (format!("{good}\u{0020}"), "Base64"),
        (message.to_owned(), "Malformed"),
        (format!("{good}.{signature}"), "Malformed"),
        (format!("{message}.{signature}.a.b"), "Malformed"),
        ("a".repeat(9 << 10), "Malformed"),
        ("..".into(), "NotAnAssertion"),
    ] {
        refused(&signer, &bearer(&token), expected, &token).await;
    }
}

#[tokio::test]
async fn one_header_carries_it() {
    let signer = Signer::new();
    let token = signer.sign(&header().to_string(), &claims().to_string());
    let (bearer, basic) = (format!("Bearer {token}"), "Basic YTpi");
    for (lines, expected) in [
        (vec![("authorization", bearer.as_str())], None),
        (vec![("authorization", &format!("bEARER {token}"))], None),
        (vec![("partywall-assertion", &token)], None),
        (vec![("partywall-assertion", &token), ("authorization", basic)], None),
        (vec![("partywall-assertion", &token), ("authorization", "Bearer theirs")], None),
        (vec![], Some("Missing")),
        (vec![("authorization", basic)], Some("Missing")),
        (vec![("authorization", &token)], Some("Missing")),
        (vec![("authorization", "Bearer")], Some("Missing")),
        (vec![("authorization", "Bearer ")], Some("Malformed")),
        (vec![("authorization", &bearer), ("authorization", &bearer)], Some("Several")),
        (vec![("partywall-assertion", &token), ("partywall-assertion", &token)], Some("Several")),
        (vec![("partywall-assertion", "x"), ("authorization", &bearer)], Some("Malformed")),
        (vec![("partywall-assertion", ""), ("authorization", &bearer)], Some("Malformed")),
        (vec![("partywall-assertion", &bearer)], Some("Malformed")),
    ] {
        match expected {
            None => assert!(signer.verifier().verify(&headers(&lines)).await.is_ok(), "{lines:?}"),
            Some(expected) => refused(&signer, &headers(&lines), expected, &format!("{lines:?}")).await,
        }
    }
}

async fn refused(signer: &Signer, headers: &HeaderMap, expected: &str, case: &str) {
    let error = signer.verifier().verify(headers).await.expect_err(case);
    let found = match &error {
        NotVerified::Token(source) => format!("{:?}", source.kind()),
        other => format!("{other:?}"),
    };
    assert!(found.starts_with(expected), "{case}: {found}, expected {expected}");
    assert!(!error.to_string().contains(ACME), "{error}");
}
