//! What do a hold and its settlement cost, alone and under contention?

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_benches::NOW;
use tollgate_core::{Ended, Ledger, Outcome, Silent};
use tollgate_ledger::{LedgerConfig, UsageTracker};
use tollgate_testkit::builders;

fn tracker() -> UsageTracker {
    UsageTracker::in_memory(&LedgerConfig::default(), Arc::new(|| NOW), Arc::new(Silent))
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
    group.bench_function("hold, settle one attempt", |bencher| {
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
