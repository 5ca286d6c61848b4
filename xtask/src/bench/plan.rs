//! How much is measured.

/// Rounds, and seconds of each measurement.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) rounds: u32,
    pub(super) seconds: u32,
    pub(super) warmup_s: u32,
}

/// The environment variable that asks for a short run, to try whether all works.
const QUICK: &str = "PARTYWALL_BENCH_QUICK";

impl Plan {
    /// Three rounds of four seconds, about eight minutes in all; a quick run is too short for figures.
    pub(super) fn of_environment() -> Self {
        if std::env::var_os(QUICK).is_some() {
            Self { rounds: 1, seconds: 1, warmup_s: 1 }
        } else {
            Self { rounds: 3, seconds: 4, warmup_s: 1 }
        }
    }
}

/// Connections of the closed loop.
pub(super) const CONNECTIONS: [u32; 4] = [1, 16, 64, 256];
/// Calls per second of the open loop.
pub(super) const RATE: u32 = 1_000;
/// Connections where something else is compared.
pub(super) const USUAL_CONNECTIONS: u32 = 64;
/// Tenants that call, unless all do.
pub(super) const ACTIVE: u32 = 100;
/// Tenants where all do.
pub(super) const ALL_ACTIVE: u32 = 10_000;
/// Seconds of warm-up where all do: until each has called, its token is verified and its connection stands.
pub(super) const ALL_ACTIVE_WARMUP_S: u32 = 12;
