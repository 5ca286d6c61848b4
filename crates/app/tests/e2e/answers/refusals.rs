//! The closed list of refusals, as a page for people who met one.

use partywall_domain::RefusalCode;

use crate::checked_in;

const HEAD: &str = "\
# Refusals

Every way in which Partywall says no. The first column is the word in log lines and in the journal, where the cause
stands beside it; the last is the sentence that the caller reads. What a caller may not see and what does not exist
answer alike, so some rows share all that a caller can tell apart.

A refusal has a JSON-RPC error as its body, with the id of the request where it is known, and the id of the exchange in
the header `partywall-request-id`: `partywall explain ID` says why. Codes that JSON-RPC and MCP do not name stand
outside their ranges: the HTTP status times 100. In the versions that begin with `initialize`, `unknown_method` and
`invalid_params` have status 200, and `unknown_resource` has the code -32002, as those versions want it.

| word | HTTP status | JSON-RPC code | sentence |
|---|---|---|---|
";

#[test]
fn the_page_of_refusals_says_what_the_code_does() {
    let rows = RefusalCode::ALL.iter().map(|code| {
        let (word, status, jsonrpc, sentence) = (code.as_str(), code.status(), code.jsonrpc(), code.sentence());
        format!("| `{word}` | {status} | {jsonrpc} | {sentence} |\n")
    });
    checked_in::hold("docs/refusals.md", &format!("{HEAD}{}", rows.collect::<Vec<_>>().concat()));
}
