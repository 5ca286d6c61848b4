//! Whatever operators write: it is read to its end, and every mistake has a place in its document.

use partywall_documents::{Issuer, Kind, Mistakes, Plan, Server, Table, Tenant};
use partywall_domain::TenantId;
use serde_json::Value;

/// Reads a document, as each kind there is.
pub(crate) fn check(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    for kind in Kind::ALL {
        let mistakes = Mistakes::default();
        let read = Table::new("it", &value, &mistakes).is_some_and(|table| read(kind, table));
        let found = mistakes.into_vec();
        assert!(read || !found.is_empty(), "a {kind} was turned down and nobody says why");
        for mistake in found {
            assert!(mistake.path == "it" || mistake.path.starts_with("it."), "{kind}: {mistake:?}");
            assert!(!mistake.message.is_empty());
        }
    }
}

fn read(kind: Kind, table: Table<'_>) -> bool {
    const NAME: &str = "a name";
    match kind {
        Kind::Issuer => Issuer::read("name".parse().expect(NAME), table).is_some(),
        Kind::Server => {
            Server::read("name".parse().expect(NAME), table);
            true
        }
        Kind::Plan => {
            Plan::read("name".parse().expect(NAME), table);
            true
        }
        Kind::Tenant => {
            let id: TenantId = "01234567-89ab-7cde-8f01-23456789abcd".parse().expect("an id");
            Tenant::read(id, "name".parse().expect(NAME), table).is_some()
        }
    }
}
