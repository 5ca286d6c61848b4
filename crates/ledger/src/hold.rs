//! What a request takes of a tenant's limits, given back when it is dropped.

use std::sync::Arc;
use std::time::SystemTime;

use partywall_domain::ToolLimits;
use partywall_tenancy::TenantContext;

use crate::Ledger;
use crate::call::Weight;
use crate::gcra::{Gcra, Rate, now_ns};
use crate::meter::Meter;
use crate::policy::{Standing, Throttled};
use crate::tools::ToolMeter;

/// What a request asks of the limits.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// What it weighs.
    pub weight: Weight,
    /// The server in the URL.
    pub server: &'a str,
    /// The tool that is called, whole.
    pub tool: Option<&'a str>,
}

/// What a place takes of the tenant's limits, given back when it is dropped.
pub(crate) struct Hold {
    meter: Arc<Meter>,
    weight: Weight,
    pub(crate) standing: Option<Standing>,
    /// Of the patterns that name the tool.
    tools: Vec<(Arc<ToolMeter>, ToolLimits)>,
    /// Of the user.
    subject: Option<(Arc<Gcra>, Rate)>,
    /// When the session that this opens was counted, until it is opened.
    opening: Option<SystemTime>,
}

impl Hold {
    pub(crate) fn take(meter: Arc<Meter>, tenant: &TenantContext, claim: &Claim<'_>) -> Result<Self, Throttled> {
        let now_ns = now_ns();
        let standing = meter.take(tenant.limits(), claim.weight, now_ns)?;
        let mut hold = Self { meter, weight: claim.weight, standing, tools: Vec::new(), subject: None, opening: None };
        match hold.take_more(tenant, claim, now_ns) {
            Ok(()) => Ok(hold),
            Err(throttled) => {
                hold.came_to_nothing(tenant);
                Err(throttled)
            }
        }
    }

    /// What not every request needs.
    fn take_more(&mut self, tenant: &TenantContext, claim: &Claim<'_>, now_ns: u64) -> Result<(), Throttled> {
        if self.weight == Weight::Opening {
            let now = SystemTime::now();
            self.meter.open_session(tenant.limits(), now)?;
            self.opening = Some(now);
        }
        if self.weight == Weight::Call {
            self.subject = self.meter.subjects.take(tenant, now_ns)?;
        }
        // The server of the URL, and only as the tenant has it: no caller reaches the meters of anything else.
        let Some((grant, tool)) = tenant.grant(claim.server).zip(claim.tool) else { return Ok(()) };
        for limit in grant.tool_limits().iter().filter(|limit| limit.tools.grants(tool)) {
            let meter = self.meter.tools.of(&grant.server().name, limit.tools.as_str(), now_ns);
            meter.take(&limit.limits, now_ns)?;
            self.tools.push((meter, limit.limits));
        }
        Ok(())
    }

    /// What is refused costs nothing of any rate.
    fn came_to_nothing(&self, tenant: &TenantContext) {
        self.meter.give_back(tenant.limits(), self.weight);
        self.subject.iter().for_each(|(gcra, rate)| gcra.give_back(*rate));
        self.tools.iter().for_each(|(meter, limits)| meter.give_back(limits));
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// The session is open, and counts for itself.
    pub(crate) fn keep_session(&mut self) {
        self.opening = None;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.meter.leave(self.weight);
        self.tools.iter().for_each(|(meter, _)| meter.leave());
        if let Some(counted) = self.opening {
            self.meter.sessions.end(counted);
        }
    }
}

/// Room for a request's body, given back when it is dropped.
#[must_use = "room that nobody keeps is given back at once"]
pub struct Room {
    meter: Arc<Meter>,
    bytes: u32,
}

impl Room {
    pub(crate) fn take(ledger: &Ledger, tenant: &TenantContext, bytes: u64) -> Result<Self, Throttled> {
        let meter = ledger.meter(tenant.config());
        let bytes = meter.hold_body(tenant.limits(), bytes)?;
        Ok(Self { meter, bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.meter.drop_body(self.bytes);
    }
}
