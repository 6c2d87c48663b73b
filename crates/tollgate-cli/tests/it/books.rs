//! A ledger with known entries: two days, two lanes, all ways to be billed.

use std::sync::Arc;
use std::time::Duration;

use tollgate::{
    AttemptEnd, AttemptRecord, Billing, CallerId, Cost, CostSource, Ended, FailureKind, Ledger,
    LedgerConfig, Outcome, ProviderId, Silent, StoreKind, Task, TokenUsage, UsageTracker, Usd,
};
use tollgate_testkit::builders::{self, NOON, lane_id, model};

use crate::support::Home;

const DAY: u64 = 86_400;

/// One call, as far as reports see it.
struct Entry {
    after_secs: u64,
    caller: &'static str,
    task: Task,
    tags: &'static [(&'static str, &'static str)],
    attempts: Vec<AttemptRecord>,
}

/// Writes the ledger to where the command looks for it.
pub(crate) async fn keep(home: &Home) {
    let folder = home.path().join(".local/share/tollgate");
    std::fs::create_dir_all(&folder).unwrap();
    let config = LedgerConfig {
        store: StoreKind::Sqlite,
        path: folder.join("ledger.db"),
        ..LedgerConfig::default()
    };
    let tracker = UsageTracker::open(&config, Arc::new(|| NOON), Arc::new(Silent))
        .await
        .unwrap();
    for (n, entry) in (1..).zip(entries()) {
        book(&tracker, n, entry);
    }
    tracker.shutdown().await.unwrap();
}

fn book(tracker: &UsageTracker, n: u128, entry: Entry) {
    let mut call = builders::call(n, "tollgate/auto");
    call.at = NOON.plus(Duration::from_secs(entry.after_secs));
    call.caller = CallerId::new(entry.caller).unwrap();
    let tags = entry.tags.iter();
    call.hints.tags = tags
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    let mut plan = builders::plan(vec![builders::planned("a/one", "openrouter")]);
    Arc::make_mut(&mut plan.profile).task = entry.task;
    let hold = tracker.hold(&call, &plan).unwrap();
    let outcome = Outcome {
        ended: Ended::Complete,
        attempts: entry.attempts,
        took_ms: 900,
    };
    tracker.settle(hold, outcome);
}

fn entries() -> Vec<Entry> {
    vec![
        Entry {
            after_secs: 0,
            caller: "local",
            task: Task::Chat,
            tags: &[("env", "prod")],
            attempts: vec![answered(1, "a/one", "Alpha", 123_000)],
        },
        Entry {
            after_secs: 3_600,
            caller: "team",
            task: Task::Code,
            tags: &[("env", "test, \"new\"")],
            attempts: vec![failed(1), answered(2, "b/two", "Beta", 4_000_000)],
        },
        Entry {
            after_secs: 2 * DAY,
            caller: "team",
            task: Task::Code,
            tags: &[("env", "=1+1")],
            attempts: vec![byok(), direct()],
        },
        Entry {
            after_secs: 2 * DAY + 60,
            caller: "local",
            task: Task::Reasoning,
            tags: &[],
            attempts: vec![lost()],
        },
    ]
}

fn answered(number: u32, id: &str, provider: &str, nanos: i64) -> AttemptRecord {
    let mut record = builders::record(number, id, nanos);
    record.served.provider = ProviderId::new(provider).ok();
    record.tokens = TokenUsage {
        input: 1_200,
        cache_read: 300,
        output: 250,
        reasoning: 100,
        ..TokenUsage::default()
    };
    record
}

/// A failure that was billed all the same.
fn failed(number: u32) -> AttemptRecord {
    let mut record = builders::record(number, "a/one", 1_000);
    record.end = AttemptEnd::Failed {
        kind: FailureKind::Upstream,
        status: Some(502),
        message: "bad gateway".into(),
    };
    record
}

fn byok() -> AttemptRecord {
    let mut record = answered(1, "a/one", "Alpha", 0);
    record.billing = Billing::Byok;
    record.end = AttemptEnd::Outrun;
    record.cost = Some(Cost {
        credits: Usd::from_nanos(50_000),
        provider: Usd::from_nanos(1_000_000),
        source: CostSource::Reported,
    });
    record
}

fn direct() -> AttemptRecord {
    let mut record = builders::record(2, "c-three", 0);
    record.lane = lane_id("house");
    record.billing = Billing::Direct;
    record.served.model = Some(model("c-three-2026"));
    let amount = Usd::from_nanos(2_000_000_000);
    record.cost = Some(Cost::paid_by(Billing::Direct, amount, CostSource::Computed));
    record
}

/// Nobody knows what it cost.
fn lost() -> AttemptRecord {
    let mut record = builders::record(1, "a/one", 0);
    record.end = AttemptEnd::Abandoned;
    record.served.model = None;
    record.tokens = TokenUsage::default();
    let most = Usd::from_nanos(10_000_000);
    record.cost = Some(Cost::paid_by(Billing::Credits, most, CostSource::WorstCase));
    record
}
