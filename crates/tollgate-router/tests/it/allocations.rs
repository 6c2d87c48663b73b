//! Planning takes no memory that grows with the catalog, and profiling none that grows with the tokens of a prompt.

use std::sync::Arc;

use tollgate_core::{CallProfile, CatalogView, Health, HealthView, Spot, Usd};
use tollgate_router::RouterConfig;
use tollgate_testkit::builders;
use tollgate_testkit::views::{ModelSpec, synthetic, view_on};
use tollgate_wire::{Request, Surface};

use crate::{optimizer, profile};

const MODELS: usize = 20_000;

/// Bytes that one plan of a thread takes that has planned before.
fn bytes(policy: &str, change: impl Fn(&mut CallProfile), view: &CatalogView) -> u64 {
    let optimizer = optimizer(RouterConfig::default());
    let mut profile = profile(&format!("tollgate/{policy}"));
    change(&mut profile);
    let lane = &view.lanes()[0];
    let spots = view.models()[..10]
        .iter()
        .flat_map(|model| Spot::of(lane, &model.id));
    let health = HealthView::new(spots.map(Health::unseen).collect());
    let plan = |profile| optimizer.plan(profile, view, &health).unwrap();
    plan(profile.clone());
    let taken = allocation_counter::measure(|| {
        plan(profile.clone());
    });
    taken.bytes_total
}

#[test]
fn a_plan_takes_less_than_a_byte_for_each_model() {
    let view = synthetic(MODELS);
    for policy in ["cheapest", "balanced", "quality"] {
        for (ceiling, prefers_free) in [(None, false), (Some(10_000_000), true)] {
            let limit = |profile: &mut CallProfile| {
                profile.ceiling = ceiling.map(Usd::from_nanos);
                profile.prefer_free = Some(prefers_free);
            };
            let bytes = bytes(policy, limit, &view);
            assert!(bytes < MODELS as u64, "{policy} {ceiling:?}: {bytes}");
        }
    }
}

#[test]
fn who_is_best_on_another_host_takes_no_more_of_many() {
    let lanes = ["openrouter", "direct"].map(builders::lane).to_vec();
    let models = (0..MODELS).map(|number| {
        let spec = ModelSpec::new(format!("a/{number:05}"));
        match number % 2 {
            0 => spec.price(1.0, 2.0),
            _ => spec.price(5.0, 9.0).on(&["direct"]),
        }
    });
    let bytes = bytes("cheapest", |_| {}, &view_on(lanes, models));
    assert!(bytes < MODELS as u64, "{bytes}");
}

#[test]
fn a_prompt_of_token_ids_takes_less_than_a_byte_for_each() {
    const TOKENS: usize = 100_000;
    let ids = vec!["7"; TOKENS].join(",");
    let optimizer = optimizer(RouterConfig::default());
    for (surface, body) in [
        (
            Surface::Completions,
            format!("{{\"model\":\"a/b\",\"prompt\":[{ids}]}}"),
        ),
        (
            Surface::Embeddings,
            format!("{{\"model\":\"a/b\",\"input\":[{ids}]}}"),
        ),
    ] {
        let mut call = builders::call(1, "a/b");
        call.request = Arc::new(Request::parse(surface, body.as_bytes()).unwrap());
        let taken = allocation_counter::measure(|| {
            let profile = optimizer.profile(&call).unwrap();
            assert!(profile.prompt.high >= TOKENS as u64);
        });
        assert!(
            taken.bytes_max < TOKENS as u64,
            "{surface}: {}",
            taken.bytes_max
        );
    }
}
