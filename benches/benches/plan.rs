//! How long is a decision over 400 real and 10,000 made-up models?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tollgate_benches::{call, optimizer, real_view, request_of};
use tollgate_core::HealthView;
use tollgate_testkit::views;

fn plan(criterion: &mut Criterion) {
    let optimizer = optimizer();
    let health = HealthView::default();
    let real = real_view();
    let many = views::synthetic(10_000);
    let mut group = criterion.benchmark_group("plan");
    for (name, view) in [("400 real models", &*real), ("10,000 models", &many)] {
        for policy in ["cheapest", "balanced", "quality"] {
            let mut call = call(&request_of(2_000));
            call.hints.policy = Some(policy.to_owned());
            let profile = optimizer.profile(&call).expect("a valid call");
            group.bench_with_input(BenchmarkId::new(policy, name), view, |bencher, view| {
                // Making the profile's copy and giving back the plan's memory are
                // measured too: plans that are kept until the end of a batch
                // would measure the growth of the heap.
                bencher.iter(|| black_box(optimizer.plan(profile.clone(), view, &health)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
