//! Whatever a server streams: however it arrives, the events are the same, no byte is lost, and what is hidden does not
//! pass.

use partywall_mcp::{Event, Listed, Splitter, rewrite};
use serde_json::Value;

/// Reads a stream; its first byte says in pieces of which length it arrives.
pub(crate) fn check(data: &[u8]) {
    let Some((&length, stream)) = data.split_first() else { return };
    let (whole, rest) = split(&[stream]);
    let pieces: Vec<_> = stream.chunks(usize::from(length).max(1)).collect();
    let (pieces, rest_of_pieces) = split(&pieces);
    assert!(whole == pieces && rest == rest_of_pieces, "the pieces matter");
    let mut passed = Vec::new();
    for event in whole {
        if let Some(data) = event.data() {
            rewritten(&event, &data);
        }
        passed.extend(event.into_bytes());
    }
    assert_eq!(passed, stream[..stream.len() - rest], "a byte was lost");
}

fn split(pieces: &[&[u8]]) -> (Vec<Event>, usize) {
    let (mut splitter, mut events) = (Splitter::default(), Vec::new());
    for piece in pieces {
        splitter.push(piece);
        events.extend(std::iter::from_fn(|| splitter.next_event()));
    }
    events.extend(splitter.finish());
    (events, splitter.pending())
}

/// Only what begins with an `a` is shown.
fn shown(name: &str) -> bool {
    name.starts_with('a')
}

fn rewritten(event: &Event, data: &[u8]) {
    let keep = |listed: Listed<'_>| match listed {
        Listed::Tool(name) | Listed::Prompt(name) | Listed::Resource(name) | Listed::Template(name) => shown(name),
    };
    let Ok(changed) = rewrite(data, &keep) else { return };
    if let Some(changed) = &changed {
        assert_eq!(rewrite(changed, &keep), Ok(None), "what was rewritten needs no change");
        let (events, rest) = split(&[&event.with_data(changed)]);
        let [again] = &events[..] else { panic!("one event became {}", events.len()) };
        assert_eq!(rest, 0);
        let again = again.data().unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Value>(&again).ok(), serde_json::from_slice(changed).ok());
    }
    let Ok(message) = serde_json::from_slice::<Value>(changed.as_deref().unwrap_or(data)) else { return };
    for (list, name) in
        [("tools", "name"), ("prompts", "name"), ("resources", "uri"), ("resourceTemplates", "uriTemplate")]
    {
        let entries = message["result"][list].as_array().into_iter().flatten();
        for entry in entries {
            assert!(entry[name].as_str().is_some_and(shown), "it passed: {entry}");
        }
    }
}
