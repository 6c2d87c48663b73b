//! How long is a decision over 400 real and 10,000 made-up models?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tollgate_benches::{call, optimizer, real_view, request_of};
use tollgate_core::{CallProfile, CatalogView, Health, HealthView, Spot, Usd};
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
    let profile = optimizer.profile(&call(&request_of(2_000)));
    let profile = limited(profile.expect("a valid call"));
    let health = seen(&real);
    for policy in ["cheapest", "balanced", "quality"] {
        let mut profile = profile.clone();
        profile.policy = Some(policy.to_owned());
        let id = BenchmarkId::new(policy, "400 real models, key with budget");
        group.bench_with_input(id, &*real, |bencher, view| {
            bencher.iter(|| black_box(optimizer.plan(profile.clone(), view, &health)));
        });
    }
    group.finish();
}

/// The call as a key with a budget makes it: ten cents a request at most, two
/// of them for the first answer where that suffices.
fn limited(profile: CallProfile) -> CallProfile {
    CallProfile {
        ceiling: Some(Usd::from_nanos(100_000_000)),
        share: Some(Usd::from_nanos(20_000_000)),
        ..profile
    }
}

/// The health of a gateway that has used twenty models.
fn seen(view: &CatalogView) -> HealthView {
    let lane = &view.lanes()[0];
    let models = view.models().iter().step_by(view.models().len() / 20);
    let mut spots: Vec<Spot> = models.flat_map(|model| Spot::of(lane, &model.id)).collect();
    spots.sort_unstable();
    spots.dedup();
    HealthView::new(spots.into_iter().map(Health::unseen).collect())
}

criterion_group!(benches, plan);
criterion_main!(benches);
