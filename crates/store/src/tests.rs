//! The store over real files.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, OnceLock};

use partywall_documents::{Document, Kind};
use partywall_domain::{Revision, Said, Sealed, TenantId};
use partywall_identity::{Job, Operator, OperatorKey, SystemAuthority};
use serde_json::json;
use tempfile::TempDir;

use crate::{Change, Store, StoreError};

#[test]
fn every_version_is_kept_with_who_and_why() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let platform = store.platform(&ann);
    assert_eq!(platform.apply(Revision(0), &[plan("one")], None).unwrap(), Revision(1));
    assert_eq!(platform.apply(Revision(1), &[plan("two")], Some("more")).unwrap(), Revision(2));
    assert_eq!(platform.apply(Revision(2), &[Change::Delete(Kind::Plan, "p".to_owned())], None).unwrap(), Revision(3));

    let history = platform.history(Kind::Plan, "p").unwrap();
    let told: Vec<_> = history.iter().map(|v| (v.revision.0, v.reason.as_deref(), v.body.clone())).collect();
    assert_eq!(told, [(3, None, None), (2, Some("more"), Some(json!("two"))), (1, None, Some(json!("one")))]);
    assert!(history.iter().all(|version| version.author == "ann" && version.at.ends_with('Z')));
    assert_eq!(standing(&store), (Revision(3), vec![]));
}

#[test]
fn of_two_that_began_at_the_same_revision_one_wins() {
    let (_dir, store) = store();
    let (ann, bob) = (operator("ann"), operator("bob"));
    store.platform(&ann).apply(Revision(0), &[plan("ann's")], None).unwrap();
    let late = store.platform(&bob).apply(Revision(0), &[plan("bob's")], None);
    assert!(matches!(late, Err(StoreError::Moved { now: Revision(1) })));
    assert_eq!(standing(&store).1[0].body, json!("ann's"));
}

#[test]
fn all_changes_or_none() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let changes = [plan("one"), Change::Delete(Kind::Server, "files".to_owned())];
    let refused = store.platform(&ann).apply(Revision(0), &changes, None).unwrap_err();
    assert_eq!(refused.to_string(), "there is no `server.files`; nothing was changed");
    assert_eq!(standing(&store), (Revision(0), vec![]));
}

#[test]
fn an_id_stays_with_its_tenant_and_is_never_given_again() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let platform = store.platform(&ann);
    let (id, other) = (TenantId::random(), TenantId::random());
    let refused = |base, change| {
        assert!(matches!(platform.apply(Revision(base), &[change], None), Err(StoreError::TenantId(_))));
    };
    platform.apply(Revision(0), &[tenant("acme", Some(id))], None).unwrap();
    platform.apply(Revision(1), &[tenant("acme", Some(id))], None).unwrap();
    refused(2, tenant("acme", Some(other)));
    refused(2, tenant("globex", Some(id)));
    refused(2, tenant("globex", None));
    refused(2, tenant("globex", Some(TenantId::NOBODY)));

    platform.apply(Revision(2), &[Change::Delete(Kind::Tenant, "acme".to_owned())], None).unwrap();
    refused(3, tenant("globex", Some(id)));
    platform.apply(Revision(3), &[tenant("acme", Some(other))], None).unwrap();
    // The name is another's now; the one that had it does not come back over its head.
    refused(4, tenant("acme", Some(id)));
    assert_eq!(standing(&store).1[0].tenant_id, Some(other));
}

#[test]
fn a_tenant_that_is_gone_may_come_back_as_itself() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let platform = store.platform(&ann);
    let id = TenantId::random();
    platform.apply(Revision(0), &[tenant("acme", Some(id))], None).unwrap();
    platform.apply(Revision(1), &[Change::Delete(Kind::Tenant, "acme".to_owned())], None).unwrap();
    platform.apply(Revision(2), &[tenant("acme", Some(id))], None).unwrap();
    assert_eq!(standing(&store).1[0].tenant_id, Some(id));
    let gone = platform.apply(Revision(3), &[Change::Delete(Kind::Tenant, "acme".to_owned())], None).unwrap();
    assert_eq!((gone, standing(&store).1.len()), (Revision(4), 0));
}

#[test]
fn changes_are_told_from_any_revision_on() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let platform = store.platform(&ann);
    let id = TenantId::random();
    let steps = [plan("one"), tenant("acme", Some(id)), plan("two"), Change::Delete(Kind::Tenant, "acme".to_owned())];
    for (base, change) in (0..).zip(&steps) {
        platform.apply(Revision(base), std::slice::from_ref(change), None).unwrap();
    }
    let [_, acme, two, gone] = steps;
    let rows = [
        (0, Some(vec![two.clone(), gone.clone()])),
        (2, Some(vec![two, gone.clone()])),
        (3, Some(vec![gone])),
        (4, Some(vec![])),
        // A revision of another store's, or of this one's future.
        (5, None),
    ];
    for (since, expected) in rows {
        assert_eq!(platform.changes_since(Revision(since)).unwrap(), (Revision(4), expected), "{since}");
    }
    assert_eq!(platform.standing(Kind::Tenant, "acme").unwrap(), None);
    platform.apply(Revision(4), std::slice::from_ref(&acme), None).unwrap();
    assert_eq!(platform.standing(Kind::Tenant, "acme").unwrap().map(Change::Put), Some(acme));
    assert_eq!(platform.standing(Kind::Plan, "acme").unwrap(), None);
}

#[test]
fn a_tenants_secrets_travel_with_it_and_what_was_sealed_goes_with_its_time() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let platform = store.platform(&ann);
    let id = TenantId::random();
    let with = |secrets: &[(&str, Sealed)]| {
        let mut document = Document::new(Kind::Tenant, "acme", Some(id), json!({}));
        document.secrets = secrets.iter().map(|(name, sealed)| (name.parse().unwrap(), sealed.clone())).collect();
        document
    };
    let [one, two] = [Sealed::new(1, *b"\x00one\xff"), Sealed::new(2, *b"two")];
    let steps = [
        with(&[]),
        with(&[("a", one.clone()), ("b", one.clone())]),
        with(&[("a", two.clone()), ("b", one.clone())]),
        with(&[("b", one.clone())]),
    ];
    for (base, document) in (0..).zip(&steps) {
        platform.apply(Revision(base), &[Change::Put(document.clone())], None).unwrap();
        assert_eq!(platform.standing(Kind::Tenant, "acme").unwrap().as_ref(), Some(document), "{base}");
        assert_eq!(standing(&store).1, std::slice::from_ref(document));
        let since = platform.changes_since(Revision(base)).unwrap().1;
        assert_eq!(since, Some(vec![Change::Put(document.clone())]));
    }
    // A secret is no part of what differs between documents, nor of what a rollback brings back.
    assert!(platform.differences(Revision(4), Revision(2)).unwrap().iter().all(|found| found.change().is_none()));
    let told = |from, to| {
        let found = platform.secret_differences(Revision(from), Revision(to)).unwrap();
        found.into_iter().map(|it| (it.tenant, it.name, it.before.map(|it| it.0), it.after.map(|it| it.0))).collect()
    };
    let row = |name: &str, before, after| ("acme".to_owned(), name.to_owned(), before, after);
    for (from, to, expected) in [
        (0, 2, vec![row("a", None, Some(2)), row("b", None, Some(2))]),
        (2, 3, vec![row("a", Some(2), Some(3))]),
        (3, 2, vec![row("a", Some(3), Some(2))]),
        (2, 4, vec![row("a", Some(2), None)]),
        (1, 4, vec![row("b", None, Some(2))]),
    ] {
        let found: Vec<_> = told(from, to);
        assert_eq!(found, expected, "from {from} to {to}");
    }
    assert_eq!(platform.secrets("acme").unwrap().len(), 1);
    assert_eq!(platform.tenants_sealed_otherwise(2, None, 9).unwrap(), ["acme"]);
    assert_eq!(platform.tenants_sealed_otherwise(2, Some("globex"), 9).unwrap(), [""; 0]);
    assert_eq!(platform.tenants_sealed_otherwise(1, None, 9).unwrap(), [""; 0]);
    let connection = store.connection();
    let kept: u32 =
        connection.query_row("SELECT count(*) FROM secret WHERE sealed IS NOT NULL", (), |row| row.get(0)).unwrap();
    assert_eq!(kept, 1, "what was sealed stays only as long as it stands");
    for sql in ["DELETE FROM secret", "UPDATE secret SET sealed = x'00', epoch = 1", "UPDATE secret SET name = 'c'"] {
        assert!(connection.execute(sql, ()).is_err(), "{sql}");
    }
}

#[test]
fn too_many_changes_are_not_told_one_by_one() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let named = |number: u32| Document::new(Kind::Plan, &format!("p{number}"), None, json!({}));
    let many: Vec<_> = (0..10_001).map(|number| Change::Put(named(number))).collect();
    store.platform(&ann).apply(Revision(0), &many, None).unwrap();
    store.platform(&ann).apply(Revision(1), &[plan("one")], None).unwrap();
    let since = |revision| store.platform(&ann).changes_since(Revision(revision)).unwrap();
    assert_eq!(since(0), (Revision(2), None));
    assert_eq!(since(1), (Revision(2), Some(vec![plan("one")])));
}

#[test]
fn the_schema_itself_keeps_history_and_ids() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let id = TenantId::random();
    store.platform(&ann).apply(Revision(0), &[tenant("acme", Some(id))], None).unwrap();
    let connection = store.connection();
    for sql in [
        "UPDATE document SET body = '1'",
        "DELETE FROM document",
        "UPDATE revision SET author = 'eve'",
        "DELETE FROM revision",
        "UPDATE tenant SET name = 'globex'",
        "UPDATE tenant SET id = 'x'",
        "DELETE FROM tenant",
        "UPDATE tenant SET deleted = NULL, created = 0",
        "INSERT INTO tenant (id, name, created) VALUES ('y', 'acme', 1)",
        "INSERT INTO document (kind, name, revision, tenant_id, body) SELECT 'tenant', 'globex', 1, id, '1' FROM tenant",
        "INSERT INTO document (kind, name, revision, body) VALUES ('tenant', 'globex', 1, '1')",
        "INSERT INTO document (kind, name, revision, body) VALUES ('plan', 'p', 9, '1')",
        "INSERT INTO document (kind, name, revision, body) VALUES ('plan', 'p', 1, 'no json')",
    ] {
        assert!(connection.execute(sql, ()).is_err(), "{sql}");
    }
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let (dir, store) = store();
    let ann = operator("ann");
    store.platform(&ann).apply(Revision(0), &[plan("one")], None).unwrap();
    drop(store);
    let path = dir.path().join("partywall.db");
    let store = Store::open(&path).unwrap();
    assert_eq!(*store.changed().borrow(), Revision(1));
    assert_eq!(standing(&store).1.len(), 1);
    for file in [path.clone(), path.with_extension("db-wal")] {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn a_newer_an_edited_and_a_foreign_database_are_refused() {
    let (dir, store) = store();
    let path = dir.path().join("partywall.db");
    let refused = |why: &str| {
        let error = Store::open(&path).err().unwrap().to_string();
        assert!(error.starts_with(why), "{error}");
    };
    store.connection().execute("UPDATE schema_step SET text = text || ' '", ()).unwrap();
    refused("step 1 of the database's schema is not this binary's");
    store.connection().pragma_update(None, "user_version", 99).unwrap();
    refused("the database is of schema 99 and this binary knows up to 3; run the version that wrote it");
    store.connection().pragma_update(None, "application_id", 7).unwrap();
    refused("`");
}

#[test]
fn a_write_nudges_with_its_revision() {
    let (_dir, store) = store();
    let ann = operator("ann");
    let mut changed = store.changed();
    assert!(!changed.has_changed().unwrap());
    store.platform(&ann).apply(Revision(0), &[plan("one")], None).unwrap();
    assert!(changed.has_changed().unwrap());
    assert_eq!(*changed.borrow_and_update(), Revision(1));
    store.platform(&ann).apply(Revision(0), &[plan("two")], None).unwrap_err();
    assert!(!changed.has_changed().unwrap());
}

#[test]
fn what_an_upstream_says_replaces_what_it_said() {
    let (_dir, store) = store();
    let system = store.system(authority(), Job::Probe);
    let said = |text: &str| Said { discover: Some(text.into()), initialize: None };
    assert_eq!(system.said("http://127.0.0.1:1/mcp").unwrap(), None);
    for text in ["{}", "{\"a\":1}"] {
        system.put_said("http://127.0.0.1:1/mcp", &said(text)).unwrap();
        assert_eq!(system.said("http://127.0.0.1:1/mcp").unwrap(), Some(said(text)));
    }
    assert_eq!(system.all_said().unwrap(), [(Arc::from("http://127.0.0.1:1/mcp"), said("{\"a\":1}"))]);
}

#[test]
fn the_first_key_stands() {
    let (_dir, store) = store();
    let system = store.system(authority(), Job::Prepare);
    assert_eq!(system.key("assertion").unwrap(), None);
    assert_eq!(system.put_key_if_absent("assertion", b"first").unwrap(), b"first");
    assert_eq!(system.put_key_if_absent("assertion", b"second").unwrap(), b"first");
    assert_eq!(system.key("assertion").unwrap().unwrap(), b"first");
}

fn store() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path().join("partywall.db")).unwrap();
    (dir, store)
}

fn standing(store: &Store) -> (Revision, Vec<Document>) {
    let mut documents = Vec::new();
    let revision = store.system(authority(), Job::Follow).each(|document| documents.push(document)).unwrap();
    (revision, documents)
}

fn operator(name: &str) -> Operator {
    let token = "0123456789abcdef0123456789abcdef0123456789abcdef";
    OperatorKey::new(name, token).unwrap().verify(token).unwrap()
}

/// There is one authority in a process, and the tests of a crate are one process.
fn authority() -> &'static SystemAuthority {
    static AUTHORITY: OnceLock<SystemAuthority> = OnceLock::new();
    AUTHORITY.get_or_init(|| SystemAuthority::take().unwrap())
}

fn plan(body: &str) -> Change {
    Change::Put(Document::new(Kind::Plan, "p", None, json!(body)))
}

fn tenant(name: &str, tenant_id: Option<TenantId>) -> Change {
    Change::Put(Document::new(Kind::Tenant, name, tenant_id, json!({})))
}
