//! The tokens that the calls carry. They are never printed.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use http::HeaderValue;

use crate::cli::token;

/// Tokens at most. Default 100,000: the tenants that one node is built for.
const TOKENS_MAX: usize = 100_000;

/// The `Authorization` headers of all tokens; a single empty place where the endpoint needs none.
pub(super) fn read(
    file: Option<&str>,
    data: Option<&Path>,
    tenants: &[String],
) -> anyhow::Result<Vec<Option<HeaderValue>>> {
    let texts = match (file, data) {
        (Some(file), _) => lines(file)?,
        (None, Some(data)) => token::of_tenants(data, tenants)?,
        (None, None) => return Ok(vec![None]),
    };
    ensure!(!texts.is_empty(), "there is no token in what --tokens names; write one a line");
    if texts.len() > TOKENS_MAX {
        bail!("there are {} tokens; pass at most {TOKENS_MAX}", texts.len());
    }
    texts.iter().map(|text| header(text).map(Some)).collect()
}

fn lines(file: &str) -> anyhow::Result<Vec<String>> {
    let text = match file {
        "-" => std::io::read_to_string(std::io::stdin()).context("stdin cannot be read; pass a file of tokens")?,
        path => std::fs::read_to_string(path)
            .with_context(|| format!("the tokens `{path}` cannot be read; pass another file, or `-` for stdin"))?,
    };
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn header(token: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .ok()
        .context("a token has characters that no token has; write one a line and nothing else")?;
    value.set_sensitive(true);
    Ok(value)
}
