//! What instances answered to discovery and lists, so that these are answered while no instance runs.
//!
//! What an instance says may depend on its tenant: on its secrets, its volume, its subject. So an answer is kept for the
//! one instance key and tenant that it was given to, and it is good for as long as the tenant's configuration is the very
//! one under which it was given, and no instance of that key has said since that its lists are others. The client's
//! question must be the same to the letter.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use partywall_domain::{InstancePer, TenantId};
use partywall_mcp::{Era, Method};
use partywall_tenancy::{InstanceKey, TenantConfig, TenantContext};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::request::Request;
use crate::seat::Seat;
use crate::stdio::{Changes, Lists};

/// Bytes of all that is kept. Default 16 MiB: the lists of some thousand servers.
const BYTES_MAX: u64 = 16 << 20;
/// Bytes of one answer. Default 256 KiB: a long list of tools with their schemas.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// Bytes of a question's parameters. Default 4 KiB: what a client says of itself.
const PARAMS_BYTES_MAX: usize = 4 << 10;
/// For how long an answer is good. Default 1 h: a server whose lists depend on what is elsewhere is asked again then.
const GOOD_FOR: Duration = Duration::from_hours(1);
/// Keys whose changes are counted, beyond which those that nobody needs any more are looked for. Default 1,024.
const SWEEP_FROM: usize = 1_024;

/// The answers.
pub(crate) struct Answers {
    kept: Cache<Question, Arc<Kept>, Bytes>,
    changes: Mutex<HashMap<InstanceKey, Weak<AtomicU64>>>,
}

/// What was asked, by whom, and of which instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    key: InstanceKey,
    tenant: TenantId,
    era: Era,
    method: Method,
    params: Box<str>,
}

struct Kept {
    result: Box<RawValue>,
    config: Weak<TenantConfig>,
    lists: Lists,
    at: Instant,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Question, Arc<Kept>> for Bytes {
    fn weight(&self, question: &Question, kept: &Arc<Kept>) -> u64 {
        (size_of::<Question>() + size_of::<Kept>() + question.params.len() + kept.result.get().len()) as u64
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self { kept: Cache::with_weighter(SWEEP_FROM, BYTES_MAX, Bytes), changes: Mutex::default() }
    }
}

impl Question {
    /// What this request asks of its instance, if it is discovery or a list from its beginning. A session whose instance is
    /// its own has none to ask that another would answer for.
    pub(crate) fn of(seat: &Seat, tenant: &TenantContext, request: &Request<'_>) -> Option<Self> {
        let method = request.method()?;
        let params = request.params().map_or("", RawValue::get);
        // A cursor is the instance's own, and a progress token names one request.
        let plain =
            params.len() <= PARAMS_BYTES_MAX && !params.contains("\"cursor\"") && !params.contains("progressToken");
        let is_kept = is_discovery_or_list(method) && plain && seat.per != InstancePer::Session;
        let (key, tenant, params) = (seat.key.clone(), tenant.id(), params.into());
        is_kept.then_some(Self { key, tenant, era: request.era, method, params })
    }
}

fn is_discovery_or_list(method: Method) -> bool {
    matches!(
        method,
        Method::Initialize
            | Method::Discover
            | Method::ToolsList
            | Method::PromptsList
            | Method::ResourcesList
            | Method::ResourcesTemplatesList
    )
}

impl Answers {
    /// The counter of a key's changes, for its instance and for whoever keeps what that says.
    pub(crate) fn changes(&self, key: &InstanceKey) -> Changes {
        let mut all = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changes) = all.get(key).and_then(Weak::upgrade) {
            return changes;
        }
        if all.len() >= SWEEP_FROM && all.len().is_power_of_two() {
            all.retain(|_, changes| changes.strong_count() > 0);
        }
        let changes = Changes::default();
        all.insert(key.clone(), Arc::downgrade(&changes));
        changes
    }

    /// The result that answers a question, if one is kept and good.
    pub(crate) fn of(&self, question: &Question, tenant: &TenantContext) -> Option<Box<RawValue>> {
        let kept = self.kept.get(question)?;
        let same = std::ptr::eq(kept.config.as_ptr(), Arc::as_ptr(tenant.config()));
        if same && kept.lists.stand() && kept.at.elapsed() < GOOD_FOR {
            return Some(kept.result.clone());
        }
        self.kept.remove(question);
        None
    }

    /// Keeps an instance's answer, where it is whole, good and short.
    pub(crate) fn keep(&self, question: Question, tenant: &TenantContext, lists: Lists, body: &[u8]) {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            result: Option<&'a RawValue>,
        }
        let answer =
            (body.len() <= ANSWER_BYTES_MAX).then(|| serde_json::from_slice::<Answer<'_>>(body).ok()).flatten();
        let Some(result) = answer.and_then(|answer| answer.result) else { return };
        // The next page would be asked of an instance that never saw the first.
        if !result.get().contains("\"nextCursor\"") {
            let config = Arc::downgrade(tenant.config());
            let kept = Kept { result: result.to_owned(), config, lists, at: Instant::now() };
            self.kept.insert(question, Arc::new(kept));
        }
    }
}
