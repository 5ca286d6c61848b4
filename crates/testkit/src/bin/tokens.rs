//! Many tokens of a throwaway issuer: `tokens --issuer URL --audience URL --count N --jwks FILE`.
//!
//! Prints a token a line, signed with RS256, good for twelve hours: the first is of tenant `t0`, the next of `t1`, and so
//! on. The issuer's public keys go to the file; its private key is gone when the last token is made.

use std::fs;
use std::io::{BufWriter, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use partywall_testkit::args;
use partywall_testkit::token::{Algorithm, Issuer, KID};

/// Seconds for which the tokens are good: longer than any measurement.
const LIFETIME_S: u64 = 43_200;

fn main() -> anyhow::Result<()> {
    let value = |name| args::value(name).with_context(|| format!("`{name}` is missing"));
    let issuer = Issuer::with(&value("--issuer")?, KID, Algorithm::Rs256);
    let (audience, count) = (value("--audience")?, value("--count")?.parse::<u32>()?);
    fs::write(value("--jwks")?, issuer.jwks().to_string())?;
    let ends = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + LIFETIME_S;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for number in 0..count {
        let claims = issuer.claims(&audience).tenant(&format!("t{number}")).subject(&format!("user-{number}"));
        writeln!(out, "{}", issuer.token(claims.with("exp", ends)))?;
    }
    Ok(out.flush()?)
}
