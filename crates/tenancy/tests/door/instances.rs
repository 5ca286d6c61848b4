//! Whose an instance is: who calls decides it, and nothing that a caller says.

use partywall_domain::ServerName;
use partywall_tenancy::{InstanceKey, Scope, TenantContext};

use crate::house::{House, RESOURCE, enter};

fn key(caller: &TenantContext, scope: Scope<'_>) -> InstanceKey {
    caller.instance(&"notes".parse().unwrap(), scope).unwrap()
}

#[test]
fn two_callers_share_an_instance_only_as_far_as_its_scope_says() {
    let house = House::new();
    let snapshot = house.snapshot();
    let call = |tenant: &str, subject: &str, client: &str| {
        let claims = house.corporate.claims(RESOURCE).tenant(tenant).with("sub", subject).with("client_id", client);
        enter(&snapshot, &house.corporate, claims).unwrap()
    };
    let ann = call("acme", "ann", "ide");
    let session = Scope::Session("s1");
    // Who else calls; whether that one comes to Ann's instance for all, for the tenant, the subject, the session.
    let rows = [
        ("herself", call("acme", "ann", "ide"), [true, true, true, true]),
        ("herself from another client", call("acme", "ann", "cli"), [true, true, true, false]),
        ("a colleague", call("acme", "bob", "ide"), [true, true, false, false]),
        ("somebody of her name elsewhere", call("globex", "ann", "ide"), [true, false, false, false]),
    ];
    for (who, other, expected) in rows {
        let same =
            [Scope::All, Scope::Tenant, Scope::Subject, session].map(|scope| key(&ann, scope) == key(&other, scope));
        assert_eq!(same, expected, "{who}");
    }
    assert_ne!(key(&ann, session), key(&ann, Scope::Session("s2")));
    assert_eq!(key(&ann, Scope::All).tenant(), None);
    assert_eq!(key(&ann, Scope::Tenant).tenant(), Some(ann.id()));
}

#[test]
fn a_server_that_is_not_granted_has_no_instance() {
    let house = House::new();
    let caller = enter(&house.snapshot(), &house.corporate, house.corporate.claims(RESOURCE).tenant("globex")).unwrap();
    for server in ["legacy", "unknown"] {
        assert_eq!(caller.instance(&server.parse::<ServerName>().unwrap(), Scope::Tenant), None, "{server}");
    }
}
