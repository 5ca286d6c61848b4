//! Random houses and random tokens: the door agrees with a model that looks at every identity of every tenant.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use partywall_testkit::token::Issuer;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::house::{RESOURCE, compiled, enter};

const ISSUERS: usize = 3;
/// Values that a careless comparison would mix up.
const VALUES: [&str; 6] = ["acme", "Acme", "acme ", "caf\u{e9}", "cafe\u{301}", "\u{430}cme"];

static KEYS: LazyLock<Vec<Issuer>> =
    LazyLock::new(|| (0..ISSUERS).map(|index| Issuer::new(&format!("https://issuer-{index}.example"))).collect());

/// An issuer by its index, and a value of its claim.
type Identity = (usize, Option<&'static str>);

#[derive(Clone, Debug)]
struct Plot {
    /// Whether each issuer has a tenant claim.
    has_claim: [bool; ISSUERS],
    tenants: Vec<(Vec<Identity>, bool)>,
}

impl Plot {
    fn documents(&self) -> Value {
        let mut issuers = BTreeMap::new();
        for (index, issuer) in KEYS.iter().enumerate() {
            let mut body = json!({ "url": issuer.url(), "jwks": issuer.jwks() });
            if self.has_claim[index] {
                body["tenant_claim"] = "tenant".into();
            }
            issuers.insert(format!("issuer-{index}"), body);
        }
        let mut tenants = BTreeMap::new();
        for (index, (identities, suspended)) in self.tenants.iter().enumerate() {
            let identity = |(issuer, value): &Identity| match value {
                Some(value) => json!({ "issuer": format!("issuer-{issuer}"), "value": value }),
                None => json!({ "issuer": format!("issuer-{issuer}") }),
            };
            let identities: Vec<_> = identities.iter().map(identity).collect();
            let body = json!({ "plan": "standard", "identities": identities, "suspended": suspended });
            tenants.insert(format!("tenant-{index}"), body);
        }
        json!({ "issuer": issuers, "plan": { "standard": {} }, "tenant": tenants })
    }

    /// Whether every token can mean one tenant at most.
    fn is_sound(&self) -> bool {
        let all: Vec<Identity> = self.tenants.iter().flat_map(|(identities, _)| identities.clone()).collect();
        let meaningful = all.iter().all(|(issuer, value)| value.is_none() || self.has_claim[*issuer]);
        let overlap = |a: &Identity, b: &Identity| a.0 == b.0 && (a.1.is_none() || b.1.is_none() || a.1 == b.1);
        let alone = |(i, a): (usize, &Identity)| all[i + 1..].iter().all(|b| !overlap(a, b));
        meaningful && all.iter().enumerate().all(alone)
    }

    /// One of the identities that there are.
    fn pick(&self, index: Option<prop::sample::Index>) -> Option<Identity> {
        let all: Vec<_> = self.tenants.iter().flat_map(|(identities, _)| identities.clone()).collect();
        index.filter(|_| !all.is_empty()).map(|index| *index.get(&all))
    }

    /// Whom a token means, by looking at everybody.
    fn meant(&self, (issuer, value): Identity) -> Option<String> {
        let value = value.filter(|_| self.has_claim[issuer]);
        let fits = |identity: &Identity| identity.0 == issuer && (identity.1.is_none() || identity.1 == value);
        let mut meant = (0..).zip(&self.tenants).filter(|(_, (identities, _))| identities.iter().any(fits));
        let (index, (_, suspended)) = meant.next()?;
        assert!(meant.next().is_none(), "a token means two tenants in a sound house");
        (!suspended).then(|| format!("tenant-{index}"))
    }
}

fn identity() -> impl Strategy<Value = Identity> {
    (0..ISSUERS, prop::option::weighted(0.8, prop::sample::select(&VALUES[..])))
}

fn plot() -> impl Strategy<Value = Plot> {
    let tenant = (prop::collection::vec(identity(), 0..3), prop::bool::weighted(0.2));
    (any::<[bool; ISSUERS]>(), prop::collection::vec(tenant, 1..5))
        .prop_map(|(has_claim, tenants)| Plot { has_claim, tenants })
}

/// A token of a tenant's own identity where there is one, or of any; signed by its issuer, or by somebody else.
#[derive(Clone, Debug)]
struct Token {
    random: Identity,
    known: Option<prop::sample::Index>,
    forger: Option<usize>,
}

fn token() -> impl Strategy<Value = Token> {
    let known = prop::option::weighted(0.7, any::<prop::sample::Index>());
    (identity(), known, prop::option::weighted(0.2, 0..ISSUERS)).prop_map(|(random, known, forger)| Token {
        random,
        known,
        forger,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_house_that_could_mix_two_tenants_up_is_not_built(plot in plot()) {
        prop_assert_eq!(compiled(&plot.documents()).is_ok(), plot.is_sound());
    }

    #[test]
    fn the_tenant_entered_is_the_one_that_is_meant(
        plot in plot().prop_filter("nothing to enter", Plot::is_sound),
        tokens in prop::collection::vec(token(), 1..8),
    ) {
        let snapshot = compiled(&plot.documents()).unwrap();
        for Token { random, known, forger } in tokens {
            let (issuer, value) = plot.pick(known).unwrap_or(random);
            let signer = forger.unwrap_or(issuer);
            let claims = KEYS[issuer].claims(RESOURCE);
            let claims = match value {
                Some(value) => claims.tenant(value),
                None => claims,
            };
            let entered = enter(&snapshot, &KEYS[signer], claims).ok().map(|tenant| tenant.name().to_string());
            let meant = plot.meant((issuer, value)).filter(|_| signer == issuer);
            prop_assert_eq!(entered, meant);
        }
    }
}
