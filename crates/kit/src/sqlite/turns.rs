//! One turn per tenant: a tenant's work queues behind its own, and takes one thread at most.
//!
//! An entry lives while somebody waits or works, so the map is as large as the requests in flight and no larger.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use partywall_domain::TenantId;
use tokio::sync::OwnedMutexGuard;

use super::Error;

pub(super) struct Turns {
    waiting_max: usize,
    lines: Mutex<HashMap<TenantId, Line>>,
}

#[derive(Default)]
struct Line {
    people: usize,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// It is this work's turn, until this is dropped.
pub(super) struct Turn {
    _turn: OwnedMutexGuard<()>, // before the place: the next in line goes on before the line may vanish
    _place: Place,
}

impl Turns {
    pub(super) fn new(waiting_max: usize) -> Self {
        Self { waiting_max, lines: Mutex::default() }
    }

    /// Waits for the tenant's turn, first come first served; refuses where too many wait already.
    pub(super) async fn wait(self: &Arc<Self>, tenant: TenantId) -> Result<Turn, Error> {
        let (place, turn) = self.join(tenant)?;
        Ok(Turn { _turn: turn.lock_owned().await, _place: place })
    }

    fn join(self: &Arc<Self>, tenant: TenantId) -> Result<(Place, Arc<tokio::sync::Mutex<()>>), Error> {
        let mut lines = self.lines();
        let line = lines.entry(tenant).or_default();
        if line.people > 0 && line.people >= self.waiting_max {
            return Err(Error::Busy);
        }
        line.people += 1;
        Ok((Place { turns: self.clone(), tenant }, line.turn.clone()))
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<TenantId, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a tenant's line. Leaving it, by turn or by giving up, is dropping it.
struct Place {
    turns: Arc<Turns>,
    tenant: TenantId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.turns.lines();
        if let Some(line) = lines.get_mut(&self.tenant) {
            line.people -= 1;
            if line.people == 0 {
                lines.remove(&self.tenant);
            }
        }
    }
}
