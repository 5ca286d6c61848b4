//! Whatever a document, a path or a token makes a challenge of: a strict reader finds there what was written and no more.

use partywall_mcp::Challenge;

/// The parameters, in the order in which they stand.
const NAMES: [&str; 4] = ["error", "error_description", "scope", "resource_metadata"];

/// Writes a challenge of four values, which a NUL separates.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let values: Vec<_> =
        text.splitn(NAMES.len(), '\0').map(Some).chain([None; NAMES.len()]).take(NAMES.len()).collect();
    let [error, description, scope, metadata] = values[..] else { panic!("four values were made") };
    let written = Challenge { error, description, scope, metadata }.to_header();
    let plain = |value: &str| {
        let allowed = |c: char| matches!(c, '\u{20}' | '\u{21}' | '\u{23}'..='\u{5b}' | '\u{5d}'..='\u{7e}');
        !value.is_empty() && value.chars().all(allowed)
    };
    let expected: Vec<_> = NAMES.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect();
    let expected: Vec<_> = expected.into_iter().filter(|(_, value)| plain(value)).collect();
    let Some(written) = written else { return assert!(expected.is_empty(), "nothing was written of {expected:?}") };
    let written = written.to_str().expect("a challenge is plain ASCII");
    let read = read(written).unwrap_or_else(|| panic!("not a challenge: {written}"));
    let read: Vec<_> = read.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(read, expected, "{written}");
}

/// Reads one challenge of the scheme `Bearer` by the grammar of RFC 9110 (sections 5.6 and 11.6.1), which lets a quoted
/// text have escapes; none if it is anything else, or if something is left over.
fn read(header: &str) -> Option<Vec<(&str, String)>> {
    let mut rest = header.strip_prefix("Bearer ")?;
    let mut parameters = Vec::new();
    loop {
        let (name, after) = rest.split_once('=')?;
        let is_token =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        let (value, after) = quoted(after).filter(|_| is_token)?;
        parameters.push((name, value));
        match after {
            "" => return Some(parameters),
            after => rest = after.strip_prefix(", ")?,
        }
    }
}

/// A quoted text, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 2..])),
            '\\' => value.push(chars.next().map(|(_, escaped)| escaped).filter(|c| matches!(c, '\t' | ' '..='~'))?),
            '\t' | ' '..='~' => value.push(char),
            _ => return None,
        }
    }
    None
}
