//! Limits as documents write them: those of a tenant, and those of its tools at one server.

use partywall_domain::{Limits, ToolLimits};

use crate::globs::Globs;
use crate::table::Table;

/// Most of what is counted: calls, sessions, streams.
const COUNT_MAX: u32 = 1_000_000;
/// Most bytes of bodies: 2 GiB.
const BYTES_MAX: u32 = 1 << 31;
/// Fewest bytes of bodies: 64 KiB, below which no server's body would fit.
const BYTES_MIN: u32 = 64 << 10;
/// Most patterns of `tool_limits` at one server; each of them is looked at for each call.
const TOOL_LIMITS_MAX: usize = 64;

macro_rules! limits {
    ($($name:ident: $min:expr, $max:expr;)*) => {
        /// Limits as far as somebody set them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct LimitsPatch {
            $(#[doc = concat!("See [`Limits::", stringify!($name), "`].")] pub $name: Option<u32>,)*
        }

        impl LimitsPatch {
            /// Names of the limits, in the order of the page that describes them.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            pub(crate) fn read(table: &mut Table<'_>) -> Self {
                let Some(mut table) = table.table("limits") else { return Self::default() };
                let mut number = |field, min: u32, max: u32| {
                    table.number(field, min.into(), max.into()).and_then(|number| u32::try_from(number).ok())
                };
                let patch = Self { $($name: number(stringify!($name), $min, $max),)* };
                table.finish();
                patch
            }

            /// The tenant's word over the plan's word over the default.
            pub fn over(self, plan: Self) -> Limits {
                let standard = Limits::default();
                Limits { $($name: self.$name.or(plan.$name).unwrap_or(standard.$name),)* }
            }

            /// The values that hold, in the order of [`Self::NAMES`].
            pub fn in_force(limits: &Limits) -> Vec<u32> {
                vec![$(limits.$name),*]
            }

            /// What was set, in the order of [`Self::NAMES`].
            pub fn set(&self) -> Vec<Option<u32>> {
                vec![$(self.$name),*]
            }
        }
    };
}

limits! {
    calls_per_second: 1, COUNT_MAX;
    calls_burst: 1, COUNT_MAX;
    subject_calls_per_second: 1, COUNT_MAX;
    calls_in_flight_max: 1, COUNT_MAX;
    lists_per_second: 1, COUNT_MAX;
    lists_burst: 1, COUNT_MAX;
    handshakes_per_second: 1, COUNT_MAX;
    handshakes_burst: 1, COUNT_MAX;
    sessions_open_max: 1, COUNT_MAX;
    streams_open_max: 1, COUNT_MAX;
    bodies_bytes_max: BYTES_MIN, BYTES_MAX;
}

/// What the tools that a pattern names may use together.
#[derive(Clone, Debug)]
pub struct ToolLimit {
    /// The tools, in whatever case a caller writes them.
    pub tools: Globs,
    /// What they may use.
    pub limits: ToolLimits,
}

impl ToolLimit {
    /// Reads `tool_limits = { "search*" = { calls_per_second = 5 } }`.
    pub(crate) fn read_all(table: &mut Table<'_>) -> Option<Vec<Self>> {
        let inner = table.table("tool_limits")?;
        let mistakes = inner.mistakes();
        let mut all = Vec::new();
        for (pattern, path, value) in inner.entries() {
            match Globs::of_any_case(pattern) {
                Ok(tools) => {
                    let limits = Table::new(path, value, mistakes).map(tool_limits);
                    all.extend(limits.map(|limits| Self { tools, limits }));
                }
                Err(why) => mistakes.add(path, why),
            }
        }
        if all.len() > TOOL_LIMITS_MAX {
            table.mistake("tool_limits", format!("more than {TOOL_LIMITS_MAX} patterns; name tools together by `*`"));
        }
        Some(all)
    }
}

fn tool_limits(mut table: Table<'_>) -> ToolLimits {
    let mut number =
        |field| table.number(field, 1, COUNT_MAX.into()).and_then(|number: u64| u32::try_from(number).ok());
    let (per_second, burst) = (number("calls_per_second"), number("calls_burst"));
    let calls_in_flight_max = number("calls_in_flight_max");
    if burst.is_some() && per_second.is_none() {
        table.mistake("calls_burst", "a burst is ahead of a rate; give `calls_per_second` too");
    }
    // As for a tenant: two seconds' worth.
    let rate = per_second.map(|per_second| (per_second, burst.unwrap_or(per_second.saturating_mul(2))));
    table.finish();
    ToolLimits { rate, calls_in_flight_max }
}
