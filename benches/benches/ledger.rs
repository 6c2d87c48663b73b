//! What do a hold and its settlement cost, alone and under contention?

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_benches::NOW;
use tollgate_core::{Ended, Ledger, Outcome, Silent, Usd};
use tollgate_ledger::{BudgetConfig, LedgerConfig, Per, UsageTracker};
use tollgate_testkit::builders;

fn tracker() -> UsageTracker {
    with_budgets([])
}

fn with_budgets<const N: usize>(budgets: [(&str, BudgetConfig); N]) -> UsageTracker {
    let config = LedgerConfig {
        budgets: budgets.map(|(name, one)| (name.to_owned(), one)).into(),
        ..LedgerConfig::default()
    };
    UsageTracker::in_memory(&config, Arc::new(|| NOW), Arc::new(Silent))
}

/// One that all share and one for each caller, neither ever spent.
fn two_budgets() -> UsageTracker {
    let large = BudgetConfig::new(Usd::MAX);
    let each = BudgetConfig {
        per: Per::Caller,
        ..large.clone()
    };
    with_budgets([("all", large), ("each", each)])
}

fn hold_and_settle(tracker: &UsageTracker, call: &tollgate_core::Call, plan: &tollgate_core::Plan) {
    let hold = tracker.hold(call, plan).expect("there is no limit");
    let outcome = Outcome {
        ended: Ended::Complete,
        attempts: Vec::new(),
        took_ms: 1,
    };
    black_box(tracker.settle(hold, outcome));
}

fn ledger(criterion: &mut Criterion) {
    let plan = builders::plan(vec![builders::planned("author/model", "openrouter")]);
    let mut group = criterion.benchmark_group("ledger");
    group.bench_function("hold and settle", |bencher| {
        let tracker = tracker();
        let mut number = 0;
        bencher.iter_batched(
            || {
                number += 1;
                builders::call(number, "author/model")
            },
            |call| hold_and_settle(&tracker, &call, &plan),
            criterion::BatchSize::SmallInput,
        );
    });
    for (name, tracker) in [
        ("hold, settle one attempt", tracker as fn() -> UsageTracker),
        ("hold, settle one attempt, two budgets", two_budgets),
    ] {
        group.bench_function(name, |bencher| {
            let tracker = tracker();
            let mut number = 0;
            bencher.iter_batched(
                || {
                    number += 1;
                    (
                        builders::call(number, "author/model"),
                        builders::record(1, "author/model", 1_000),
                    )
                },
                |(call, record)| {
                    let hold = tracker.hold(&call, &plan).expect("there is no limit");
                    let outcome = Outcome {
                        ended: Ended::Complete,
                        attempts: vec![record],
                        took_ms: 1,
                    };
                    black_box(tracker.settle(hold, outcome))
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("hold and settle, two threads", |bencher| {
        bencher.iter_custom(|rounds| {
            let tracker = tracker();
            let calls: Vec<Vec<_>> = (0..2)
                .map(|thread| {
                    (0..rounds)
                        .map(|n| builders::call(u128::from(n * 2 + thread), "author/model"))
                        .collect()
                })
                .collect();
            let started = Instant::now();
            std::thread::scope(|scope| {
                for calls in &calls {
                    let (tracker, plan) = (&tracker, &plan);
                    scope.spawn(move || {
                        for call in calls {
                            hold_and_settle(tracker, call, plan);
                        }
                    });
                }
            });
            started.elapsed()
        });
    });
    group.finish();
}

criterion_group!(benches, ledger);
criterion_main!(benches);
