//! What every driver must do, whichever tier it is. The suite takes a driver and programs that stand in its boxes.

use std::collections::BTreeSet;

use partywall_supervisor::driver::{Cause, Driver, NotStarted};
use partywall_supervisor::floor::{Floor, Guarantee, Isolation};
use partywall_supervisor::launch::Secret;
use tokio::io::AsyncWriteExt;

use crate::host::{Host, Instance, again_as_an_ordinary_user, order, shell};

#[tokio::test]
async fn the_process_tier_does_what_every_tier_must() {
    let host = Host::new().await;
    let driver: &dyn Driver = &host.driver;
    streams_are_whole_and_end_with_the_server(driver).await;
    an_environment_holds_what_is_declared(driver).await;
    ends_are_told_apart(driver).await;
    what_is_frozen_stands_still_and_runs_on(driver).await;
    what_is_dropped_ends(driver).await;
    what_cannot_be_run_is_told_by_name(driver).await;
    what_is_required_and_not_held_is_refused(driver).await;
    again_as_an_ordinary_user("conformance::the_process_tier_does_what_every_tier_must");
}

async fn start(driver: &dyn Driver, launch: partywall_supervisor::launch::Launch) -> Instance {
    Instance::of(driver.start(order("tenant-a", launch)).await.unwrap())
}

async fn streams_are_whole_and_end_with_the_server(driver: &dyn Driver) {
    let mut one = start(driver, shell("exec cat")).await;
    let long = "x".repeat(200_000);
    let input = one.input.as_mut().unwrap();
    let (sent, line) = (format!("{long}\n"), one.output.buffer().is_empty());
    assert!(line, "nothing comes before it was asked");
    let sending = async { input.write_all(sent.as_bytes()).await.unwrap() };
    let mut read = String::new();
    let reading = tokio::io::AsyncBufReadExt::read_line(&mut one.output, &mut read);
    let ((), length) = tokio::join!(sending, reading);
    assert_eq!(length.unwrap(), sent.len());
    assert_eq!(read, sent);
    one.input = None;
    assert_eq!(one.ended().await.cause, Cause::Exited(0), "the end of its input ends it");
}

async fn an_environment_holds_what_is_declared(driver: &dyn Driver) {
    let mut launch =
        shell("env | sort | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= -e ^SHLVL=; cat /run/secrets/key; echo; id -u");
    launch.environment =
        vec![("API_KEY".to_owned(), Secret::new("k=1 2")), ("PATH".to_owned(), Secret::new("/usr/bin:/bin"))];
    launch.secrets = vec![("key".to_owned(), Secret::new("in a file"))];
    let mut one = start(driver, launch).await;
    for expected in ["API_KEY=k=1 2", "PATH=/usr/bin:/bin", "in a file", "1000"] {
        assert_eq!(one.line().await, expected);
    }
}

async fn ends_are_told_apart(driver: &dyn Driver) {
    for (script, cause) in
        [("exit 0", Cause::Exited(0)), ("exit 7", Cause::Exited(7)), ("kill -SEGV $$", Cause::Signal(11))]
    {
        assert_eq!(start(driver, shell(script)).await.ended().await.cause, cause, "{script}");
    }
    let mut polite = start(driver, shell("trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done")).await;
    assert_eq!(polite.line().await, "ready");
    polite.control.terminate();
    assert_eq!(polite.ended().await.cause, Cause::Exited(3), "it is asked before it is forced");
    let mut deaf = start(driver, shell("trap '' TERM; echo ready; while :; do sleep 0.05; done")).await;
    assert_eq!(deaf.line().await, "ready");
    deaf.control.terminate();
    deaf.control.kill();
    assert_eq!(deaf.ended().await.cause, Cause::Signal(9));
}

async fn what_is_frozen_stands_still_and_runs_on(driver: &dyn Driver) {
    let mut one = start(driver, shell("while read line; do echo $line; done")).await;
    let input = one.input.as_mut().unwrap();
    input.write_all(b"a\n").await.unwrap();
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut one.output, &mut line).await.unwrap();
    let could = one.control.freeze(true);
    one.input.as_mut().unwrap().write_all(b"b\n").await.unwrap();
    if could {
        let mut early = String::new();
        let read = tokio::io::AsyncBufReadExt::read_line(&mut one.output, &mut early);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(200), read).await.is_err(), "it is not frozen");
        assert!(one.control.freeze(false));
    }
    assert_eq!(one.line().await, "b");
    one.control.freeze(true);
    one.control.kill();
    one.ended().await;
}

async fn what_is_dropped_ends(driver: &dyn Driver) {
    let mut one = start(driver, shell("trap '' TERM HUP PIPE; echo ready; sleep 600")).await;
    assert_eq!(one.line().await, "ready");
    let Instance { control, mut stderr, .. } = one;
    drop(control);
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stderr, &mut rest);
    tokio::time::timeout(crate::host::PATIENCE, read).await.expect("it lives on").unwrap();
}

async fn what_cannot_be_run_is_told_by_name(driver: &dyn Driver) {
    let nowhere = partywall_supervisor::launch::Launch::new("/srv/nowhere", crate::host::programs());
    let mut one = start(driver, nowhere).await;
    assert!(one.words().await.contains("cannot run `/srv/nowhere`"));
    assert_eq!(one.ended().await.cause, Cause::NotStarted);
    let mut launch = shell("true");
    launch.roots.push(partywall_supervisor::launch::Root::same("/nowhere/at/all"));
    let mut one = start(driver, launch).await;
    let words = one.words().await;
    assert!(words.contains("cannot put `/nowhere/at/all` into the box"), "{words}");
    assert_eq!(one.ended().await.cause, Cause::NotStarted);
    for place in ["/proc/x", "relative", "/a/../b", "/"] {
        let mut launch = shell("true");
        launch.roots[0].at = place.into();
        let refused = driver.start(order("tenant-a", launch)).await.err();
        assert!(matches!(&refused, Some(NotStarted::Refused(why)) if why.contains(place)), "{place}: {refused:?}");
    }
}

async fn what_is_required_and_not_held_is_refused(driver: &dyn Driver) {
    for one in Guarantee::ALL {
        let mut launch = shell("true");
        launch.require = Floor { guarantees: BTreeSet::from([*one]), ..Floor::default() };
        let held = driver.enforced().guarantees.contains_key(one);
        let started = driver.start(order("tenant-a", launch)).await;
        assert_eq!(started.is_ok(), held, "{one}");
        if let Err(refused) = started {
            assert!(refused.to_string().contains(&format!("`{one}`")), "{refused}");
        }
    }
    let mut launch = shell("true");
    launch.require = Floor { isolation: Some(Isolation::Microvm), ..Floor::default() };
    assert!(matches!(driver.start(order("tenant-a", launch)).await, Err(NotStarted::BelowFloor(_))));
}
