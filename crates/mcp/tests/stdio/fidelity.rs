//! Of a message only the members change that must: everything else is what the other side wrote, byte by byte.

use partywall_mcp::stdio::Questions;
use proptest::prelude::*;

use crate::scene::{Scene, Told, legacy_client};

/// JSON as people and programs write it: odd numbers, escapes, orders and spaces.
fn json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("12345678901234567890123".to_owned()),
        Just("1e2".to_owned()),
        Just("-0.10E+05".to_owned()),
        Just("1e400".to_owned()),
        "[1-9][0-9]{0,5}",
    ];
    let text = prop_oneof![
        "[a-z\u{e9}\u{1F600} ]{0,8}".prop_map(|text| format!("\"{text}\"")),
        Just(r#""\u0061\/\ud83d\ude00\n""#.to_owned()),
    ];
    let leaf = prop_oneof![number, text, Just("null".to_owned()), Just(" true ".to_owned())];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(" , "))),
            prop::collection::vec(("[a-z]{1,4}", inner), 0..4).prop_map(|all| {
                let members: Vec<_> = all.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
                format!("{{ {} }}", members.join(","))
            }),
        ]
    })
}

/// An id, as clients may write one.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("12345678901234567890123".to_owned()),
        Just(r#""\u0069d""#.to_owned()),
        "[1-9][0-9]{0,8}",
        "\"[a-z]{0,8}\"",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_and_its_answer_keep_every_byte_but_their_ids(id in id(), sent in json(), back in json(), modern: bool) {
        let meta = if modern { r#", "_meta": {"io.modelcontextprotocol/protocolVersion":"2026-07-28", "x": 1}"# } else { "" };
        let call = |id: &str| {
            format!(r#"{{ "id":{id}, "future" : {sent} ,"method":"tools\/call","jsonrpc":"2.0","params":{{"arguments":{sent},"name":"t"{meta} }} }}"#)
        };
        let answer = |id: &str| format!(r#"{{"vendor":{back}, "result":{{"resultType":"complete", "content":{back} }},"jsonrpc" :"2.0","id" : {id}}}"#);
        let mut scene = if modern { Scene::modern() } else { Scene::legacy(Questions::default()) };
        let client = legacy_client();
        let number = scene.sends("ann", (!modern).then_some(&client), &call(&id)).unwrap();
        let wire = scene.last_id();
        prop_assert_eq!(scene.written.last(), Some(&call(&wire)));
        scene.says(&answer(&wire));
        prop_assert_eq!(&scene.told[&number], &[Told::Answer(answer(&id))]);
    }

    #[test]
    fn a_bridged_call_keeps_every_byte_but_what_the_eras_say_otherwise(id in id(), sent in json(), back in json()) {
        let mut scene = Scene::legacy(Questions::default());
        let call = |id: &str, modern: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"x":{sent},"method":"tools/call","params":{{"_meta":{{{modern}"own":{sent}}},"name":"t","arguments":{sent}}}}}"#)
        };
        let keys = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"#;
        let number = scene.sends("ann", None, &call(&id, keys)).unwrap();
        let wire = scene.last_id();
        prop_assert_eq!(scene.written.last(), Some(&call(&wire, "")));
        let answer = |id: &str, said: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{said}"content":{back}, "y":{back}}},"z":{back}}}"#);
        scene.says(&answer(&wire, ""));
        prop_assert_eq!(&scene.told[&number], &[Told::Answer(answer(&id, r#""resultType":"complete","#))]);
    }

    #[test]
    fn progress_keeps_every_byte_but_its_token(token in id(), rest in json()) {
        let mut scene = Scene::legacy(Questions::default());
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","_meta":{{"progressToken":{token}}}}}}}"#);
        let number = scene.sends("ann", Some(&legacy_client()), &body).unwrap();
        let wire = scene.last_id();
        let progress = |token: &str| format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"x":{rest}, "progressToken" :{token},"progress":1e2}}}}"#);
        scene.says(&progress(&wire));
        prop_assert_eq!(&scene.told[&number], &[Told::More(progress(&token))]);
    }

    /// Nothing that a server writes breaks the channel, and nothing of it reaches a client.
    #[test]
    fn what_is_no_message_reaches_nobody(lines in prop::collection::vec(prop_oneof![json(), "[ -~]{0,40}"], 0..20)) {
        let mut scene = Scene::legacy(crate::scene::ALL);
        let number = scene.modern_call("ann", &crate::scene::tool(1));
        let wire: u64 = scene.last_id().parse().unwrap();
        for line in lines {
            scene.says(&line);
        }
        prop_assert!(!scene.told.contains_key(&number));
        scene.answers(&wire.into(), &serde_json::json!({}));
        prop_assert_eq!(scene.told[&number].len(), 1);
    }
}
