//! What is kept whether anybody calls or not.

use super::{BACKOFF_FIRST, SECOND, Scene, life};
use crate::launch::Life;
use crate::slot::{Action, Event};

#[test]
fn one_that_is_kept_warm_starts_by_itself_and_is_not_stopped() {
    let mut scene = Scene::new(Life { freeze_after: None, ..life() });
    assert_eq!(scene.on(Event::Keep(true)), [Action::Start(1)]);
    scene.on(Event::Launching(1));
    scene.on(Event::Ready(1));
    assert_eq!(scene.after(1000 * SECOND), []);
    assert_eq!(scene.slot.next_wake(), None);
    assert_eq!(scene.on(Event::Yield), []);
    assert_eq!(scene.on(Event::Died(1)), []);
    assert_eq!(scene.after(BACKOFF_FIRST), [Action::Start(2)]);
    scene.on(Event::Launching(2));
    scene.on(Event::Ready(2));
    assert_eq!(scene.on(Event::Keep(false)), []);
    assert_eq!(scene.after(20 * SECOND), [Action::Stop(2)], "idle like any other");
    assert_eq!(scene.on(Event::Died(2)), []);
    assert!(scene.slot.is_over());
}

#[test]
fn one_that_is_kept_is_not_tried_again_where_it_is_refused() {
    let mut scene = Scene::new(life());
    assert_eq!(scene.on(Event::Keep(true)), [Action::Start(1)]);
    assert_eq!(scene.on(Event::Refused(1)), []);
    assert_eq!(scene.on(Event::Died(1)), []);
    assert_eq!(scene.after(1000 * SECOND), []);
    assert!(scene.slot.is_over());
}

#[test]
fn another_life_holds_for_the_instance_that_runs() {
    let mut scene = Scene::warm(life());
    scene.on(Event::Returned { generation: 1, count: 1 });
    assert_eq!(scene.on(Event::Live(Life { freeze_after: None, stop_after: 40 * SECOND, ..life() })), []);
    assert_eq!(scene.after(39 * SECOND), []);
    assert_eq!(scene.after(SECOND), [Action::Stop(1)]);
}
