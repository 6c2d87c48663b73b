//! Events that count in budgets, in short.

use tollgate_core::{
    AttemptRecord, Billing, BudgetWindow, BudgetWindows, Cost, CostSource, Grant, LeaseAsk,
    LedgerEvent, Timestamp, Usd,
};
use tollgate_testkit::builders::{NOON, facts, lane_id, model, record};

pub(crate) const LIMIT: i64 = 100;

pub(crate) fn usd(nanos: i64) -> Usd {
    Usd::from_nanos(nanos)
}

pub(crate) fn window(budget: &str) -> BudgetWindow {
    BudgetWindow {
        budget: budget.into(),
        key: "".into(),
        start: NOON,
    }
}

pub(crate) fn windows(budgets: &[&str]) -> BudgetWindows {
    budgets.iter().map(|budget| window(budget)).collect()
}

/// The first attempt of call `n`, in the window `team`.
pub(crate) fn dispatch(n: u128, worst: i64, epoch: u64) -> LedgerEvent {
    dispatch_in(&["team"], n, worst, epoch)
}

pub(crate) fn dispatch_in(budgets: &[&str], n: u128, worst: i64, epoch: u64) -> LedgerEvent {
    LedgerEvent::Dispatch {
        call: facts(n).call,
        attempt: 1,
        at: Timestamp::from_secs(0),
        lane: lane_id("openrouter"),
        billing: Billing::Byok,
        model: model("a/one"),
        worst: usd(worst),
        windows: windows(budgets),
        epoch,
    }
}

pub(crate) fn settle(n: u128, cost: i64) -> LedgerEvent {
    settle_in(&["team"], n, cost)
}

pub(crate) fn settle_in(budgets: &[&str], n: u128, cost: i64) -> LedgerEvent {
    settle_with(budgets, n, record(1, "a/one", cost))
}

pub(crate) fn settle_from(source: CostSource, n: u128, cost: i64) -> LedgerEvent {
    let mut record = record(1, "a/one", cost);
    record.cost = Some(Cost::paid_by(Billing::Credits, usd(cost), source));
    settle_with(&["team"], n, record)
}

pub(crate) fn settle_with(budgets: &[&str], n: u128, record: AttemptRecord) -> LedgerEvent {
    LedgerEvent::Settle {
        facts: facts(n),
        record,
        windows: windows(budgets),
    }
}

pub(crate) fn release(n: u128) -> LedgerEvent {
    let mut record = record(1, "a/one", 0);
    record.cost = None;
    LedgerEvent::Release {
        facts: facts(n),
        record,
    }
}

/// The attempt turned out to cost `cost`; its node thinks that is `change` more.
pub(crate) fn adjust(n: u128, at_ms: i64, cost: i64, change: i64) -> LedgerEvent {
    LedgerEvent::Adjust {
        call: facts(n).call,
        attempt: 1,
        at: Timestamp::from_millis(at_ms),
        cost: Cost::paid_by(Billing::Credits, usd(cost), CostSource::Reconciled),
        tokens: None,
        windows: windows(&["team"]),
        change: usd(change),
    }
}

pub(crate) fn carried(amount: i64) -> LedgerEvent {
    LedgerEvent::Carried {
        window: window("team"),
        at: NOON,
        amount: usd(amount),
    }
}

/// What a node wants of the window `team`.
pub(crate) fn ask(take: i64, give: i64) -> LeaseAsk {
    LeaseAsk {
        window: window("team"),
        limit: usd(LIMIT),
        take: usd(take),
        give: usd(give),
    }
}

pub(crate) fn grant(granted: i64, spent: i64, nodes: u32) -> Grant {
    Grant {
        granted: usd(granted),
        spent: usd(spent),
        nodes,
    }
}
