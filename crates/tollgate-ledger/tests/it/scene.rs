//! What most tests need: a tracker, calls, attempts and their ends.

use std::sync::{Arc, Mutex};

use tollgate_core::{
    Attempt, AttemptRecord, Billing, Call, Cost, CostSource, Ended, Event, Hold, Ledger,
    LedgerStore, Outcome, Plan, Receipt, Silent, Timestamp, UsageQuery, UsageRow, Usd,
};
use tollgate_ledger::{BudgetConfig, LedgerConfig, Per, UsageTracker};
use tollgate_testkit::builders;

/// All tests happen at noon.
pub(crate) fn noon() -> Timestamp {
    builders::NOON
}

pub(crate) fn in_memory(config: &LedgerConfig) -> UsageTracker {
    UsageTracker::in_memory(config, Arc::new(noon), Arc::new(Silent))
}

pub(crate) fn over(store: Arc<dyn LedgerStore>, config: &LedgerConfig) -> UsageTracker {
    UsageTracker::start(store, config, Arc::new(noon), Arc::new(Silent))
}

/// A tracker that shows what its observer hears.
pub(crate) fn observed() -> (UsageTracker, Arc<Mutex<Vec<Receipt>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let observer = move |event: &Event| {
        if let Event::Settled { receipt } = event {
            log.lock().unwrap().push(receipt.clone());
        }
    };
    let config = LedgerConfig::default();
    let tracker = UsageTracker::in_memory(&config, Arc::new(noon), Arc::new(observer));
    (tracker, heard)
}

pub(crate) fn budget(limit: &str) -> BudgetConfig {
    BudgetConfig::new(limit.parse().unwrap())
}

pub(crate) fn per(limit: &str, per: Per) -> BudgetConfig {
    BudgetConfig {
        per,
        ..budget(limit)
    }
}

pub(crate) fn call(n: u128) -> Call {
    builders::call(n, "a/one")
}

/// A plan over one candidate on a direct lane whose worst case is one cent.
pub(crate) fn plan() -> Plan {
    builders::plan(vec![builders::planned("a/one", "direct")])
}

pub(crate) fn hold(tracker: &UsageTracker, n: u128) -> Hold {
    tracker.hold(&call(n), &plan()).unwrap()
}

pub(crate) fn attempt(n: u128, number: u32, worst: i64) -> Attempt {
    Attempt {
        number,
        worst: usd(worst),
        ..builders::attempt(n, "a/one", "direct")
    }
}

/// The record of an attempt with that cost, or released.
pub(crate) fn record(number: u32, cost: Option<(i64, CostSource)>) -> AttemptRecord {
    let mut record = builders::record(number, "a/one", 0);
    record.lane = builders::lane_id("direct");
    record.billing = Billing::Direct;
    record.cost = cost.map(|(nanos, source)| direct(nanos, source));
    record
}

pub(crate) fn direct(nanos: i64, source: CostSource) -> Cost {
    Cost::paid_by(Billing::Direct, usd(nanos), source)
}

pub(crate) fn outcome(attempts: Vec<AttemptRecord>) -> Outcome {
    Outcome {
        ended: Ended::Complete,
        attempts,
        took_ms: 1_000,
    }
}

pub(crate) fn usd(nanos: i64) -> Usd {
    Usd::from_nanos(nanos)
}

/// Held, credits, provider and unresolved, in nano-dollars.
pub(crate) fn totals(tracker: &UsageTracker) -> [i64; 4] {
    let totals = tracker.totals();
    [
        totals.held,
        totals.credits,
        totals.provider,
        totals.unresolved,
    ]
    .map(Usd::nanos)
}

pub(crate) async fn total(tracker: &UsageTracker) -> UsageRow {
    let rows = tracker.report(&UsageQuery::default()).await.unwrap();
    rows.into_iter().next().unwrap_or_default()
}
