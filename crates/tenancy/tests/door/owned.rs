//! What is sealed for one principal opens for that principal alone.

use partywall_tenancy::{Owned, Portable, SealKey, SealKeys, TenantContext};
use serde_json::{Value, json};

use crate::house::{House, RESOURCE, compiled, enter, put};

#[derive(Debug, PartialEq)]
struct Session(String);
#[derive(Debug, PartialEq)]
struct Cursor(String);

macro_rules! portable {
    ($name:ident, $kind:literal) => {
        impl Portable for $name {
            const KIND: &'static str = $kind;

            fn to_bytes(&self) -> Vec<u8> {
                self.0.as_bytes().to_vec()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                String::from_utf8(bytes.to_vec()).ok().map(Self)
            }
        }
    };
}
portable!(Session, "session");
portable!(Cursor, "cursor");

fn key(id: [u8; 4], byte: u8) -> SealKey {
    SealKey::new(id, &[byte; 32]).unwrap()
}

fn keys() -> SealKeys {
    SealKeys::new(key(*b"k-01", 1), Vec::new())
}

/// A house in which one tenant has two identities at each of two issuers, so that each of the four can differ alone.
struct Rooms {
    house: House,
    documents: Value,
}

impl Rooms {
    fn new() -> Self {
        let house = House::new();
        let mut documents = house.documents();
        let identities = json!([
            { "issuer": "corporate", "value": "acme" },
            { "issuer": "corporate", "value": "acme-berlin" },
            { "issuer": "partner", "value": "acme" },
        ]);
        put(&mut documents, "tenant.acme.identities", identities);
        Self { house, documents }
    }

    fn enter(&self, issuer: &str, value: &str, subject: &str, client: &str) -> TenantContext {
        let snapshot = compiled(&self.documents).unwrap();
        let issuer = if issuer == "corporate" { &self.house.corporate } else { &self.house.partner };
        let claims = issuer.claims(RESOURCE).tenant(value).subject(subject).client(client);
        enter(&snapshot, issuer, claims).unwrap()
    }
}

#[test]
fn it_opens_for_the_same_four_and_for_no_other() {
    let rooms = Rooms::new();
    let owner = rooms.enter("corporate", "acme", "ann", "agent");
    let sealed = Owned::seal(&owner, &keys(), &Session("s-1".to_owned())).unwrap();
    let rows = [
        ("the same token's principal", rooms.enter("corporate", "acme", "ann", "agent"), true),
        ("another value that means the same tenant", rooms.enter("corporate", "acme-berlin", "ann", "agent"), true),
        ("another tenant", rooms.enter("corporate", "globex", "ann", "agent"), false),
        ("another issuer", rooms.enter("partner", "acme", "ann", "agent"), false),
        ("another subject", rooms.enter("corporate", "acme", "bob", "agent"), false),
        ("another client", rooms.enter("corporate", "acme", "ann", "cli"), false),
        ("a subject in another case", rooms.enter("corporate", "acme", "Ann", "agent"), false),
        ("a longer subject, a shorter client", rooms.enter("corporate", "acme", "anna", "gent"), false),
        ("subject and client swapped", rooms.enter("corporate", "acme", "agent", "ann"), false),
    ];
    for (name, tenant, opens) in rows {
        let claimed = Owned::<Session>::claimed(sealed.as_str());
        let opened = claimed.open(&tenant, &keys());
        assert_eq!(opened, opens.then(|| Session("s-1".to_owned())), "{name}");
    }
}

#[test]
fn a_kind_is_not_another_kind() {
    let owner = Rooms::new().enter("corporate", "acme", "ann", "agent");
    let sealed = Owned::seal(&owner, &keys(), &Session("s-1".to_owned())).unwrap();
    assert!(Owned::<Session>::claimed(sealed.as_str()).open(&owner, &keys()).is_some());
    assert_eq!(Owned::<Cursor>::claimed(sealed.as_str()).open(&owner, &keys()), None);
}

#[test]
fn it_opens_with_the_key_that_sealed_it_and_with_no_other() {
    let owner = Rooms::new().enter("corporate", "acme", "ann", "agent");
    let sealed = Owned::seal(&owner, &keys(), &Session("s-1".to_owned())).unwrap();
    let rows = [
        ("the key", keys(), true),
        (
            "the key, now a previous one",
            SealKeys::new(key(*b"k-02", 2), vec![key(*b"k-00", 0), key(*b"k-01", 1)]),
            true,
        ),
        ("another key of the same id", SealKeys::new(key(*b"k-01", 2), Vec::new()), false),
        ("the key under another id", SealKeys::new(key(*b"k-02", 1), Vec::new()), false),
        ("after the key was withdrawn", SealKeys::new(key(*b"k-02", 2), vec![key(*b"k-00", 0)]), false),
    ];
    for (name, keys, opens) in rows {
        assert_eq!(sealed.open(&owner, &keys).is_some(), opens, "{name}");
    }
    let rotated = SealKeys::new(key(*b"k-02", 2), vec![key(*b"k-01", 1)]);
    let new = Owned::seal(&owner, &rotated, &Session("s-2".to_owned())).unwrap();
    assert!(new.open(&owner, &rotated).is_some());
    assert!(new.open(&owner, &keys()).is_none(), "a new value is sealed with the current key");
}

#[test]
fn it_opens_whole_and_unchanged_or_not_at_all() {
    let owner = Rooms::new().enter("corporate", "acme", "ann", "agent");
    let sealed = Owned::seal(&owner, &keys(), &Session("upstream-7 🔑".to_owned())).unwrap();
    let text = sealed.as_str();
    let opens = |text: &str| Owned::<Session>::claimed(text).open(&owner, &keys()).is_some();
    assert!(opens(text));
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
    assert!(!text.contains("upstream") && text.len() < 200);
    for length in 0..text.len() {
        assert!(!opens(&text[..length]), "cut to {length}");
        assert!(!opens(&text[text.len() - length..]), "the last {length}");
    }
    for at in 0..text.len() {
        for bit in 0..7 {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            assert!(!opens(&String::from_utf8(bytes).unwrap()), "bit {bit} of letter {at}");
        }
    }
    for other in [format!("{text}="), format!("{text}A"), format!(" {text}"), format!("{text}\n"), text.repeat(2)] {
        assert!(!opens(&other), "{other:?}");
    }
    for nonsense in ["", "A", "session", "../../etc/passwd", "é", &"A".repeat(1 << 20)] {
        assert!(!opens(nonsense), "{:?}", &nonsense[..nonsense.len().min(20)]);
    }
}

#[test]
fn two_seals_of_one_value_have_nothing_in_common() {
    let owner = Rooms::new().enter("corporate", "acme", "ann", "agent");
    let seal = || Owned::seal(&owner, &keys(), &Session("s-1".to_owned())).unwrap();
    let (one, two) = (seal(), seal());
    // The key's id stands in front; the nonce and all after it differ.
    assert_eq!(one.as_str()[..5], two.as_str()[..5]);
    assert_ne!(one.as_str()[6..], two.as_str()[6..]);
    // Half of one with half of the other is neither.
    let middle = one.as_str().len() / 2;
    let mixed = format!("{}{}", &one.as_str()[..middle], &two.as_str()[middle..]);
    assert_eq!(Owned::<Session>::claimed(&mixed).open(&owner, &keys()), None);
}
