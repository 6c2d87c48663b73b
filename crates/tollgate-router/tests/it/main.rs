//! What a caller sees of the router.

#![expect(clippy::unwrap_used, reason = "tests")]

mod allocations;
mod bounds;
mod endpoints;
mod explain;
mod habits;
mod learned;
mod plan;
mod profile;
mod properties;
mod real_catalog;
mod surfaces;

use std::sync::Arc;

use tollgate_core::{CallProfile, CatalogView, Failure, HealthView, Plan, Target};
use tollgate_policy_balanced::Balanced;
use tollgate_policy_cheapest::Cheapest;
use tollgate_policy_quality::BestQuality;
use tollgate_router::{CostOptimizer, RouterConfig};
use tollgate_testkit::builders;

/// An optimizer with the three policies.
fn optimizer(config: RouterConfig) -> CostOptimizer {
    CostOptimizer::new(
        config,
        vec![
            ("cheapest".into(), Arc::new(Cheapest::default())),
            ("balanced".into(), Arc::new(Balanced::default())),
            ("quality".into(), Arc::new(BestQuality::default())),
        ],
    )
    .unwrap()
}

/// The profile of a short chat for that target.
fn profile(target: &str) -> CallProfile {
    let mut profile = builders::profile();
    profile.target = Some(target.parse::<Target>().unwrap());
    profile
}

fn plan(config: RouterConfig, profile: CallProfile, view: &CatalogView) -> Result<Plan, Failure> {
    optimizer(config).plan(profile, view, &HealthView::default())
}

/// The models of a plan with why they stand there, in one line.
fn line(plan: &Plan) -> String {
    let words: Vec<String> = plan
        .candidates()
        .map(|planned| {
            format!(
                "{}@{}:{:?}",
                planned.upstream_id, planned.lane.id, planned.place
            )
        })
        .collect();
    words.join(" ")
}
