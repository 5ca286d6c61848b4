//! What a tier really enforces on this host, and what somebody requires of it.
//!
//! A tier that enforces less than required is refused by name. Nothing is weakened in silence: what is enforced is a
//! list of guarantees, each with the means that holds it, and an instance's record keeps it.

use std::collections::BTreeMap;

pub use partywall_domain::{Floor, Guarantee, Isolation, UnknownGuarantee};

/// What a tier enforces on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforced {
    /// The tier.
    pub isolation: Isolation,
    /// What holds, and by which means: `cgroup v1`, `ABI 7`.
    pub guarantees: BTreeMap<Guarantee, String>,
    /// What does not, and why.
    pub missing: BTreeMap<Guarantee, String>,
}

/// A tier enforces less than is required.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tier `{}` does not hold {} on this host; {}", tier.as_str(), names(lacking), remedies(lacking))]
pub struct BelowFloor {
    /// The tier.
    pub tier: Isolation,
    /// What it lacks, with the reason; empty where the tier itself is too weak.
    pub lacking: Vec<(String, String)>,
}

fn names(lacking: &[(String, String)]) -> String {
    lacking.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn remedies(lacking: &[(String, String)]) -> String {
    lacking.iter().map(|(_, remedy)| remedy.as_str()).collect::<Vec<_>>().join("; ")
}

impl Enforced {
    /// Whether it holds what is required; otherwise what it lacks, all of it, by name.
    pub fn require(&self, floor: &Floor) -> Result<(), BelowFloor> {
        let tier = floor.isolation.filter(|wanted| self.isolation < *wanted).map(|wanted| {
            let wanted = wanted.as_str();
            (format!("isolation:{wanted}"), format!("place it on tier `{wanted}` or require less"))
        });
        let missing = floor.guarantees.iter().filter(|one| !self.guarantees.contains_key(one)).map(|one| {
            let why = self.missing.get(one).map(|why| format!(" ({why})")).unwrap_or_default();
            (one.to_string(), format!("{}{why}", one.remedy()))
        });
        let lacking: Vec<_> = tier.into_iter().chain(missing).collect();
        if lacking.is_empty() { Ok(()) } else { Err(BelowFloor { tier: self.isolation, lacking }) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn enforced(isolation: Isolation, held: &BTreeSet<Guarantee>) -> Enforced {
        let guarantees = held.iter().map(|one| (*one, "test".to_owned())).collect();
        Enforced { isolation, guarantees, missing: BTreeMap::new() }
    }

    fn any_set() -> impl Strategy<Value = BTreeSet<Guarantee>> {
        proptest::sample::subsequence(Guarantee::ALL.to_vec(), 0..=Guarantee::ALL.len())
            .prop_map(|list| list.into_iter().collect())
    }

    fn any_tier() -> impl Strategy<Value = Isolation> {
        proptest::sample::select(vec![Isolation::Process, Isolation::Container, Isolation::Microvm])
    }

    proptest! {
        #[test]
        fn a_floor_is_reached_exactly_by_what_holds_all_of_it(tier in any_tier(), held in any_set(), wanted in any_tier(), required in any_set()) {
            let floor = Floor { isolation: Some(wanted), guarantees: required.clone() };
            let reached = enforced(tier, &held).require(&floor);
            prop_assert_eq!(reached.is_ok(), tier >= wanted && required.is_subset(&held));
        }

        #[test]
        fn two_floors_together_are_reached_by_what_reaches_both(tier in any_tier(), held in any_set(), a in any_set(), b in any_set(), wanted in any_tier()) {
            let (a, b) = (Floor { isolation: Some(wanted), guarantees: a }, Floor { guarantees: b, ..Floor::default() });
            let host = enforced(tier, &held);
            let both = host.require(&a.clone().and(&b)).is_ok();
            prop_assert_eq!(both, host.require(&a).is_ok() && host.require(&b).is_ok());
        }
    }

    #[test]
    fn what_is_lacking_is_named_with_the_next_step() {
        let floor = Floor { guarantees: [Guarantee::Memory, Guarantee::Landlock].into(), ..Floor::default() };
        let told = enforced(Isolation::Process, &BTreeSet::new()).require(&floor).unwrap_err().to_string();
        let expected = "tier `process` does not hold `landlock`, `memory` on this host; use a kernel with Landlock among \
                        its `lsm=`; give the gateway a cgroup with the memory controller";
        assert_eq!(told, expected);
        let floor = Floor { isolation: Some(Isolation::Microvm), ..Floor::default() };
        let told = enforced(Isolation::Process, &BTreeSet::new()).require(&floor).unwrap_err().to_string();
        assert!(told.contains("`isolation:microvm`") && told.ends_with("or require less"), "{told}");
    }

    #[test]
    fn a_word_that_is_no_guarantee_is_told_with_those_that_are() {
        for one in Guarantee::ALL {
            assert_eq!(one.as_str().parse(), Ok(*one));
        }
        let told = "everything".parse::<Guarantee>().unwrap_err().to_string();
        assert!(told.starts_with("`everything` is nothing a tier enforces; known: `namespaces`, `seccomp`"), "{told}");
    }
}
