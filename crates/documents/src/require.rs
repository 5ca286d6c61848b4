//! `require = { isolation = "process", holds = ["memory"] }`: how a plan's or a tenant's instances must be kept apart.

use partywall_domain::{Floor, Guarantee, Isolation, UnknownIsolation};

use crate::table::Table;

/// Reads the floor that somebody requires; none where nobody does.
pub(crate) fn read(table: &mut Table<'_>) -> Option<Floor> {
    let mut inner = table.table("require")?;
    let mut floor = Floor { isolation: isolation(&mut inner), ..Floor::default() };
    for word in inner.texts("holds").unwrap_or_default() {
        match word.parse::<Guarantee>() {
            Ok(one) => drop(floor.guarantees.insert(one)),
            Err(why) => inner.mistake("holds", why.to_string()),
        }
    }
    inner.finish();
    Some(floor)
}

fn isolation(table: &mut Table<'_>) -> Option<Isolation> {
    let word = table.text("isolation")?;
    word.parse().map_err(|why: UnknownIsolation| table.mistake("isolation", why.to_string())).ok()
}
