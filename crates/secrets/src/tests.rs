//! What opens, and everything that does not.

use partywall_domain::{Sealed, Secret, SecretName, TenantId};
use proptest::prelude::*;

use crate::{NotOpened, NotSealed, SECRET_BYTES_MAX, SecretKey, SecretKeys};

fn keys(current: u32, earlier: &[u32]) -> SecretKeys {
    let key = |epoch: u32| SecretKey::new(epoch, &[u8::try_from(epoch).unwrap(); 32]).unwrap();
    SecretKeys::new(key(current), earlier.iter().map(|epoch| key(*epoch)).collect())
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn tenant(number: u8) -> TenantId {
    format!("00000000-0000-4000-8000-0000000000{number:02x}").parse().unwrap()
}

#[test]
fn what_no_header_carries_is_not_sealed() {
    let long = "x".repeat(SECRET_BYTES_MAX + 1);
    for (value, why) in [
        ("", NotSealed::Empty),
        (&long, NotSealed::TooLong),
        ("a\nb", NotSealed::Control),
        ("a\r\nX-Admin: 1", NotSealed::Control),
        ("a\0", NotSealed::Control),
        ("a\u{7f}", NotSealed::Control),
        ("a\tb", NotSealed::Control),
        (" a", NotSealed::Space),
        ("a ", NotSealed::Space),
        (" ", NotSealed::Space),
    ] {
        let sealed = keys(1, &[]).seal(tenant(1), &name("key"), &Secret::new(value));
        assert_eq!(sealed, Err(why), "{value:?}");
        assert!(value.trim().len() < 2 || !why.to_string().contains(value.trim()), "{why} tells of the value");
    }
}

#[test]
fn an_earlier_epoch_opens_until_it_is_sealed_anew() {
    let (old, both, new) = (keys(1, &[]), keys(2, &[1]), keys(2, &[]));
    let (tenant, name, value) = (tenant(1), name("key"), Secret::new("hunter2"));
    let sealed = old.seal(tenant, &name, &value).unwrap();
    assert_eq!(both.unseal(tenant, &name, &sealed), Ok(value.clone()));
    assert_eq!(new.unseal(tenant, &name, &sealed), Err(NotOpened::NoKey(name.clone(), 1)));
    let anew = both.reseal(tenant, &name, &sealed).unwrap();
    assert_eq!((anew.epoch(), new.unseal(tenant, &name, &anew)), (2, Ok(value)));
    // An epoch that is claimed and was not the one that sealed opens nothing.
    assert_eq!(both.unseal(tenant, &name, &Sealed::new(2, sealed.bytes())), Err(NotOpened::Closed(name)));
}

/// Anything that a header carries.
fn values() -> impl Strategy<Value = String> {
    "[!-~é][ -~é]{0,60}[!-~é]"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_opens_for_its_tenant_under_its_name_and_for_nobody_else(
        value in values(),
        (own, other) in (0_u8..250, 0_u8..250),
        (at, elsewhere) in ("[a-z]{1,9}", "[a-z]{1,9}"),
        bit in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let keys = keys(1, &[]);
        let (own, other, at, elsewhere) = (tenant(own), tenant(other), name(&at), name(&elsewhere));
        let sealed = keys.seal(own, &at, &Secret::new(value.clone())).unwrap();
        prop_assert_eq!(keys.unseal(own, &at, &sealed), Ok(Secret::new(value.clone())));
        prop_assert!(!sealed.bytes().windows(value.len()).any(|window| window == value.as_bytes()));

        let closed = |tenant, name: &SecretName, sealed: &Sealed| keys.unseal(tenant, name, sealed).is_err();
        prop_assert!(own == other || closed(other, &at, &sealed));
        prop_assert!(at == elsewhere || closed(own, &elsewhere, &sealed));
        let mut flipped = sealed.bytes().to_vec();
        let bit = bit.index(flipped.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(closed(own, &at, &Sealed::new(1, flipped)));
        prop_assert!(closed(own, &at, &Sealed::new(1, &sealed.bytes()[..cut.index(sealed.bytes().len())])));
    }

    #[test]
    fn the_same_value_is_never_sealed_alike(value in values()) {
        let keys = keys(1, &[]);
        let seal = || keys.seal(tenant(1), &name("key"), &Secret::new(value.clone())).unwrap();
        let (one, other) = (seal(), seal());
        prop_assert_ne!(&one.bytes()[..12], &other.bytes()[..12]);
        prop_assert_ne!(one, other);
    }
}
