//! A world with a hostile upstream behind it, a tenant that has to do with it, a quiet neighbour, and an eye on both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use partywall_testkit::hostile::{GOOD, Target, Upstream, WELL};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::http::Ask;
use crate::world::World;

/// What the gateway may grow by while all of them are at it: some sixty exchanges with their buffers of half a megabyte at
/// most on each side, in a debug build.
const GROWTH_BYTES_MAX: u64 = 128 << 20;

pub(super) struct Stage {
    pub(super) world: World,
    pub(super) upstream: Upstream,
    pub(super) target: Target,
    watch: Watch,
}

/// The neighbour's calls and the gateway's memory, looked at all the time.
struct Watch {
    over: Arc<AtomicBool>,
    neighbour: JoinHandle<u64>,
    memory: JoinHandle<()>,
    before: u64,
    most: Arc<AtomicU64>,
}

impl Stage {
    /// `acme` meets the hostile ones, under these limits of each server; `globex` calls all the while.
    pub(super) async fn set(server_limits: &str) -> Self {
        let upstream = Upstream::start().await.unwrap();
        let world = World::demo();
        // Each upstream is asked what it speaks, for five seconds at most, and there are many: on a busy machine it takes
        // a second try.
        let documents = documents(&upstream, server_limits);
        if !(0..4).any(|_| world.apply(&documents).status.success()) {
            world.must_apply(&documents);
        }
        let address = world.public.trim_start_matches("http://").to_owned();
        let target = Target { address: address.parse().unwrap(), host: address, token: world.token("acme", "ann") };
        let gus = world.token("globex", "gus");
        // Warm, so that what is made once does not count as growth.
        for _ in 0..20 {
            well(&world, &gus, "globex").await;
        }
        let watch = Watch::begin(&world, &gus);
        Self { world, upstream, target, watch }
    }

    /// A call of any server's tool, as a tenant with an honest client makes it.
    pub(super) fn ask(&self, server: &str, method: &str, tool: &str) -> Ask {
        Ask::modern(&self.world.url(server), &self.target.token, method, json!({"name": tool}))
    }

    /// Nobody was disturbed, and nothing has grown beyond its bound.
    pub(super) async fn all_is_well(self) {
        let Watch { over, neighbour, memory, before, most } = self.watch;
        over.store(true, Ordering::Relaxed);
        let calls = neighbour.await.unwrap();
        memory.await.unwrap();
        assert!(calls > 10, "the neighbour made {calls} calls only: this says nothing");
        let grown = most.load(Ordering::Relaxed).saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "the gateway grew by {} MiB", grown >> 20);
        well(&self.world, &self.target.token, "acme").await;
        eprintln!("{calls} calls of the neighbour; at most {} MiB more than {} MiB", grown >> 20, before >> 20);
    }
}

impl Watch {
    fn begin(world: &World, gus: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (pid, before) = (world.pid(), resident_bytes(world.pid()));
        let most = Arc::new(AtomicU64::new(before));
        let ask = honest(world, gus);
        let until = Arc::clone(&over);
        let neighbour = tokio::spawn(async move {
            let mut calls = 0;
            while !until.load(Ordering::Relaxed) {
                answered(&ask, "globex").await;
                calls += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            calls
        });
        let (until, highest) = (Arc::clone(&over), Arc::clone(&most));
        let memory = tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                highest.fetch_max(resident_bytes(pid), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self { over, neighbour, memory, before, most }
    }
}

fn honest(world: &World, token: &str) -> Ask {
    Ask::modern(&world.url(GOOD), token, "tools/call", json!({"name": WELL, "arguments": {"nonce": "n-1"}}))
}

/// A call that is answered, to whom it is due.
async fn well(world: &World, token: &str, tenant: &str) {
    answered(&honest(world, token), tenant).await;
}

async fn answered(ask: &Ask, tenant: &str) {
    let answer = ask.send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let said: Value = answer.json();
    let text = |at: usize| said["result"]["content"][at]["text"].clone();
    assert_eq!((&said["id"], text(0), text(1)), (&json!(1), json!(tenant), json!("n-1")), "{said}");
}

fn documents(upstream: &Upstream, server_limits: &str) -> String {
    let tenant = |name: &str| {
        format!(
            "[tenant.{name}]\nplan = \"hostile\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
             limits = {{ calls_per_second = 10000, calls_burst = 10000, calls_in_flight_max = 1000, lists_per_second = 10000, lists_burst = 10000 }}\n"
        )
    };
    [upstream.documents(server_limits), tenant("acme"), tenant("globex")].concat()
}

/// What a process has in memory (`VmRSS`).
fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
