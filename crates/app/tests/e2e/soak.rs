//! A soak of a few seconds, for its counts alone: `cargo xtask soak` runs the long one, and looks at memory too.

use std::time::Duration;

use partywall_testkit::soak::{Options, run};

use crate::world::{PARTYWALL, log_file};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_its_calls_and_every_call_is_in_the_books() {
    let options = Options {
        partywall: PARTYWALL.into(),
        log_file: Some(log_file()),
        duration: Duration::from_secs(5),
        // Few enough for a debug build on a machine that does something else beside it. Which kinds of hostile peers come
        // is the long run's matter: `hostile` tries each by itself.
        rate: Some(20.0),
        clients: 16,
        hostile: 4,
        tenants: 16,
    };
    let report = run(&options).await.unwrap();
    println!("{report}");
    assert_eq!(report.complaints(), Vec::<String>::new(), "{report}");
}
