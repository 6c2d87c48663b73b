//! The picks over the catalog that the program ships with must look right to a
//! person: by figures, never by name, so that a newer snapshot does not break it.

use std::sync::Arc;

use tollgate_catalog::{CatalogConfig, LaneSpec, ModelCatalog, Serves};
use tollgate_core::{
    Catalog, CatalogView, HealthView, Offer, Plan, Quality, QualitySource, Silent, Task,
};
use tollgate_router::RouterConfig;
use tollgate_testkit::builders::{self, NOON};

use crate::{optimizer, profile};

fn view() -> Arc<CatalogView> {
    let lane = LaneSpec {
        lane: builders::lane("openrouter"),
        serves: Serves::All,
    };
    ModelCatalog::open(
        CatalogConfig::default(),
        vec![lane],
        None,
        Arc::new(|| NOON),
        Arc::new(Silent),
    )
    .unwrap()
    .view()
}

fn plan(view: &CatalogView, policy: &str, task: Task) -> Plan {
    let profile = profile(&format!("tollgate/{policy}:{task}"));
    let mut profile = tollgate_core::CallProfile { task, ..profile };
    profile.prompt.likely = 1_000;
    profile.prompt.high = 4_000;
    optimizer(RouterConfig::default())
        .plan(profile, view, &HealthView::default())
        .unwrap()
}

/// Quality of the models that have been measured, best first.
fn measured(view: &CatalogView, task: Task) -> Vec<f32> {
    let mut means: Vec<f32> = view
        .models()
        .iter()
        .map(|model| model.quality[task.index()])
        .filter(is_measured)
        .map(|quality| quality.mean)
        .collect();
    means.sort_by(|a, b| b.total_cmp(a));
    means
}

fn is_measured(quality: &Quality) -> bool {
    quality.source < QualitySource::Prior
}

#[test]
fn quality_is_a_top_model() {
    let view = view();
    for task in Task::ALL {
        let quality = plan(&view, "quality", task).first().candidate.quality;
        // The tolerance of the policy, and what uncertainties differ by.
        let top = measured(&view, task)[0] - 0.03;
        assert!(
            is_measured(&quality) && quality.mean >= top,
            "{task}: {quality:?} {top}"
        );
    }
}

#[test]
fn cheapest_is_among_the_cheapest() {
    let view = view();
    let plan = plan(&view, "cheapest", Task::Chat);
    let chosen = view.offer(plan.first().candidate.offer);
    let dear = |offer: &&Offer| offer.priced && offer.rates.output > chosen.rates.output;
    let cheaper = view.offers().iter().filter(|offer| offer.priced).count()
        - view.offers().iter().filter(dear).count();
    // Free, batch and alias rows are cheaper on paper and do not compete.
    assert!(cheaper < 60, "{} of {cheaper}", plan.first().model);
    assert!(!plan.first().candidate.free && chosen.rates.output.attos() > 0);
}

#[test]
fn balanced_is_measured_good_and_far_cheaper_than_the_best() {
    let view = view();
    for task in Task::ALL {
        let balanced = plan(&view, "balanced", task).first().candidate;
        let best = plan(&view, "quality", task).first().candidate;
        let measured = measured(&view, task);
        let upper_third = measured[measured.len() / 3];
        assert!(
            is_measured(&balanced.quality) && balanced.quality.mean >= upper_third,
            "{task}: {balanced:?}"
        );
        assert!(
            balanced.expected.nanos() * 3 < best.expected.nanos(),
            "{task}: {balanced:?} {best:?}"
        );
    }
}
