//! How many settlements a second does the SQLite store take, in batches as the
//! ledger's writer makes them, and how long does verifying take?

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use tollgate_benches::NOW;
use tollgate_core::{Billing, BudgetWindow, BudgetWindows, LedgerEvent, LedgerStore, Usd};
use tollgate_ledger::{Durability, SqliteStore};
use tollgate_testkit::builders;

/// Calls of a batch: with three events each, what `ledger.max_batch` lets in.
const CALLS: u64 = 512 / 3;

fn windows(count: usize) -> BudgetWindows {
    let names = ["day", "month"].into_iter().take(count);
    names
        .map(|budget| BudgetWindow {
            budget: budget.into(),
            key: "team".into(),
            start: NOW,
        })
        .collect()
}

/// A hold, a dispatch and a settlement for each call.
fn batch(first: u64, windows: &BudgetWindows) -> Vec<LedgerEvent> {
    let call = |n: u64| {
        let facts = builders::facts(n.into());
        let hold = LedgerEvent::Hold {
            facts: facts.clone(),
            amount: Usd::from_nanos(10_000),
        };
        let dispatch = LedgerEvent::Dispatch {
            call: facts.call,
            attempt: 1,
            at: NOW,
            lane: builders::lane_id("openrouter"),
            billing: Billing::Credits,
            model: builders::model("author/model"),
            worst: Usd::from_nanos(10_000),
            windows: windows.clone(),
            epoch: 0,
        };
        let settle = LedgerEvent::Settle {
            record: builders::record(1, "author/model", 1_000),
            facts,
            windows: windows.clone(),
        };
        [hold, dispatch, settle]
    };
    (first..first + CALLS).flat_map(call).collect()
}

fn ledger_sqlite(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let mut group = criterion.benchmark_group("ledger on SQLite");
    group
        .throughput(Throughput::Elements(CALLS))
        .measurement_time(Duration::from_secs(10));
    for (name, count) in [("no budgets", 0), ("two budgets", 2)] {
        let windows = windows(count);
        let directory = tempfile::tempdir().expect("a folder for the file");
        let path = directory.path().join("ledger.db");
        let store = runtime
            .block_on(SqliteStore::open(path, Durability::Default))
            .expect("the file opens");
        let mut next = 1;
        group.bench_function(format!("hold, dispatch, settle; {name}"), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let events = batch(next, &windows);
                    next += CALLS;
                    let started = Instant::now();
                    runtime
                        .block_on(store.append(&events))
                        .expect("the disk has space");
                    took += started.elapsed();
                }
                took
            });
        });
    }
    group.finish();
}

fn verify(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let windows = windows(2);
    let directory = tempfile::tempdir().expect("a folder for the file");
    let path = directory.path().join("ledger.db");
    let store = runtime
        .block_on(SqliteStore::open(path, Durability::Default))
        .expect("the file opens");
    for n in 0..200 {
        let events = batch(1 + n * CALLS, &windows);
        let appended = runtime.block_on(store.append(&events));
        appended.expect("the disk has space");
    }
    let mut group = criterion.benchmark_group("ledger on SQLite");
    let events = 200 * CALLS * 3;
    group
        .throughput(Throughput::Elements(events))
        .sample_size(10);
    group.bench_function(format!("verify {events} events"), |bencher| {
        bencher.iter(|| {
            let verified = runtime.block_on(store.verify());
            assert!(verified.expect("the file is read").is_ok());
        });
    });
    group.finish();
}

criterion_group!(benches, ledger_sqlite, verify);
criterion_main!(benches);
