//! Which model is tried first.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tollgate_core::{
    CallProfile, Candidate, Judging, ModelIndex, OfferIndex, Ranking, RoutingPolicy, Usd,
};
use tollgate_policy_cascade::{Cascade, CascadeConfig};
use tollgate_policy_quality::BestQuality;
use tollgate_testkit::builders::profile;
use tollgate_testkit::policies::{self, candidate, order};

fn cascade(config: CascadeConfig) -> Cascade {
    Cascade::new(config, Arc::new(BestQuality::default()))
}

/// Without caution, so that the figures of a test are those of the formula.
fn plain() -> CascadeConfig {
    CascadeConfig {
        z: 0.0,
        least_acceptance: 0.0,
        ..CascadeConfig::default()
    }
}

/// A candidate that never fails and whose quality is certain.
fn sure(place: u32, quality: f32, micros: i64) -> Candidate {
    let mut sure = candidate(place, quality, micros);
    sure.quality.error = 0.0;
    sure.failure_share = 0.0;
    sure
}

fn trial(ranking: &Ranking) -> Option<u32> {
    ranking.trial().map(|ranked| ranked.place)
}

fn tried(config: CascadeConfig, candidates: &[Candidate]) -> Option<u32> {
    trial(&cascade(config).rank(&profile(), candidates))
}

#[test]
fn it_keeps_the_contract() {
    policies::check(&cascade(CascadeConfig::default()));
    policies::check(&cascade(plain()));
}

#[test]
fn a_model_is_tried_when_more_is_accepted_than_its_share_of_the_cost() {
    // C₁ / C₂ is 0.5.
    for (acceptance, is_tried) in [(0.49, false), (0.5, false), (0.51, true)] {
        let candidates = [sure(0, 1.0, 1_000), sure(1, acceptance, 500)];
        let expected = is_tried.then_some(1);
        assert_eq!(tried(plain(), &candidates), expected, "{acceptance}");
    }
}

#[test]
fn the_cheapest_that_is_worth_it_goes_first_and_the_rest_keep_their_order() {
    let candidates = [
        sure(0, 1.0, 1_000),
        sure(1, 0.70, 100),
        sure(2, 0.80, 200),
        // Cheaper, but hardly ever accepted.
        sure(3, 0.01, 50),
    ];
    let cascade = cascade(plain());
    assert_eq!(order(&cascade, &candidates), [1, 0, 2, 3]);
    let ranking = cascade.rank(&profile(), &candidates);
    let [acceptance, needed, saving, dollars] = ranking.trial().unwrap().terms;
    assert_eq!(acceptance, ("acceptance", 0.7));
    assert_eq!(needed, ("needed", 0.1));
    // 1 − (C₁ + (1 − a)·C₂) / C₂
    assert!(saving.0 == "saving" && (saving.1 - 0.6).abs() < 1e-6);
    assert_eq!(dollars, ("dollars", 0.0001));
}

#[test]
fn without_one_that_is_worth_it_the_base_policy_decides() {
    let candidates = [sure(0, 0.5, 900), sure(1, 0.9, 1_000), sure(2, 0.7, 950)];
    let base = BestQuality::default().rank(&profile(), &candidates);
    assert_eq!(cascade(plain()).rank(&profile(), &candidates), base);
}

#[test]
fn the_same_model_on_a_cheaper_lane_is_no_first_model() {
    let mut cheaper = sure(1, 0.9, 10);
    cheaper.model = ModelIndex(0);
    cheaper.quality.error = 0.2;
    assert_eq!(tried(plain(), &[sure(0, 1.0, 1_000), cheaper]), None);
}

#[test]
fn acceptance_counts_doubt_and_failures() {
    let choice = sure(0, 1.0, 1_000);
    let mut first = sure(1, 0.5, 400);
    assert_eq!(tried(plain(), &[choice, first]), Some(1));
    first.failure_share = 0.3; // 0.7 · 0.5 = 0.35
    assert_eq!(tried(plain(), &[choice, first]), None);
    first.failure_share = 0.0;
    first.quality.error = 0.3; // 0.5 − 0.5 · 0.3 = 0.35
    let cautious = CascadeConfig { z: 0.5, ..plain() };
    assert_eq!(tried(cautious, &[choice, first]), None);
}

#[test]
fn acceptance_is_relative_to_the_choice_whatever_the_scale_of_quality() {
    // C₁ / C₂ is 0.45.
    for (first, choice, is_tried) in [(0.1, 0.2, true), (0.4, 0.8, true), (0.4, 0.9, false)] {
        let candidates = [sure(0, choice, 1_000), sure(1, first, 450)];
        assert_eq!(tried(plain(), &candidates).is_some(), is_tried, "{first}");
    }
    let odd = [sure(0, 0.9, 9), sure(1, f32::NAN, 1)];
    assert_eq!(tried(plain(), &odd), None);
    assert_eq!(tried(plain(), &[sure(0, 0.0, 9), sure(1, -0.5, 1)]), None);
}

#[test]
fn a_model_that_is_mostly_rejected_is_not_tried_however_cheap_it_is() {
    let candidates = [sure(0, 1.0, 1_000), sure(1, 0.49, 1), sure(2, 0.5, 10)];
    assert_eq!(tried(plain(), &candidates), Some(1));
    let picky = CascadeConfig {
        least_acceptance: 0.5,
        ..plain()
    };
    assert_eq!(tried(picky, &candidates), Some(2));
}

#[test]
fn whoever_would_leave_the_choice_too_little_time_is_not_tried() {
    let [mut choice, mut slow, mut quick] =
        [sure(0, 1.0, 1_000), sure(1, 0.8, 10), sure(2, 0.8, 20)];
    choice.latency_ms = 8_000.0;
    slow.latency_ms = 8_000.0;
    quick.latency_ms = 2_000.0;
    let candidates = [choice, slow, quick];
    for (seconds, expected) in [
        (None, Some(1)),
        (Some(16), Some(1)),
        (Some(10), Some(2)),
        (Some(9), None),
    ] {
        let call = CallProfile {
            max_latency: seconds.map(Duration::from_secs),
            ..profile()
        };
        let ranking = cascade(plain()).rank(&call, &candidates);
        assert_eq!(trial(&ranking), expected, "{seconds:?}");
        assert_eq!(ranking.choices()[0].place, 0);
    }
}

#[test]
fn streams_are_not_tried_unless_they_may_be_held_back() {
    let candidates = [sure(0, 1.0, 1_000), sure(1, 0.8, 10)];
    let buffering = || CascadeConfig {
        buffer_streams: true,
        ..plain()
    };
    for (judging, config, is_tried, warns) in [
        (Judging::Ready, plain(), true, false),
        (Judging::Delays, plain(), false, true),
        (Judging::Delays, buffering(), true, false),
        (Judging::Never, buffering(), false, false),
    ] {
        let call = CallProfile {
            judging,
            ..profile()
        };
        let ranking = cascade(config).rank(&call, &candidates);
        assert_eq!(trial(&ranking).is_some(), is_tried, "{judging:?}");
        assert_eq!(ranking.warning().is_some(), warns, "{judging:?}");
        assert_eq!(ranking.choices()[0].place, 0);
    }
}

#[test]
fn a_stream_is_not_warned_of_what_would_not_be_tried_anyway() {
    let call = CallProfile {
        judging: Judging::Delays,
        ..profile()
    };
    let ranking = cascade(plain()).rank(&call, &[sure(0, 0.9, 10), sure(1, 0.1, 9)]);
    assert_eq!(ranking.warning(), None);
}

fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    // Few steps, so that ties and bounds are met.
    let figures = (0..=20_u8, 0..=20_u8, 0..=4_u8, 0..=4_u8);
    prop::collection::vec(figures, 1..20).prop_map(|all| {
        let numbered = (0_u32..).zip(all);
        numbered
            .map(|(place, (quality, cost, error, failures))| {
                let mut one = candidate(place, f32::from(quality) / 20.0, i64::from(cost) * 50);
                one.quality.error = f32::from(error) / 20.0;
                one.failure_share = f32::from(failures) / 10.0;
                one
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn whoever_is_tried_makes_the_call_cheaper_and_nobody_cheaper_does(
        candidates in any_candidates(),
    ) {
        let ranking = cascade(plain()).rank(&profile(), &candidates);
        let choice = candidates[ranking.choices()[0].place as usize];
        let second = choice.expected.nanos() as f64;
        let saves = |one: &Candidate| {
            // Nothing of nothing is nothing.
            let share = (one.quality.mean / choice.quality.mean).clamp(0.0, 1.0);
            let accepted = f64::from((1.0 - one.failure_share) * share);
            let first = one.expected.nanos() as f64;
            one.model != choice.model && first + (1.0 - accepted) * second < second - 1e-6
        };
        match ranking.trial() {
            Some(trial) => {
                let first = candidates[trial.place as usize];
                prop_assert!(first.expected < choice.expected);
                let cheaper = |one: &&Candidate| one.expected < first.expected;
                prop_assert!(!candidates.iter().filter(cheaper).any(saves));
            }
            None => prop_assert!(!candidates.iter().any(saves)),
        }
    }

    #[test]
    fn whoever_is_dearer_than_the_first_and_worse_than_the_choice_changes_nothing(
        candidates in any_candidates(),
        at in 0..20_usize,
    ) {
        let policy = cascade(plain());
        let before = policy.rank(&profile(), &candidates);
        prop_assume!(before.trial().is_some());
        let first = candidates[before.trial().unwrap().place as usize];
        let mut irrelevant = first;
        irrelevant.offer = OfferIndex(u32::MAX);
        irrelevant.model = ModelIndex(u32::MAX);
        irrelevant.quality.mean = -1.0;
        irrelevant.expected = first.expected + Usd::from_nanos(1);
        let mut with_it = candidates.clone();
        with_it.insert(at.min(candidates.len()), irrelevant);
        let after = policy.rank(&profile(), &with_it);
        let models = |ranking: &Ranking, of: &[Candidate]| -> Vec<ModelIndex> {
            let ranked = ranking.as_slice().iter();
            ranked.map(|ranked| of[ranked.place as usize].model).collect()
        };
        let mut after_models = models(&after, &with_it);
        after_models.retain(|model| *model != irrelevant.model);
        let before_models = models(&before, &candidates);
        let shared = before_models.len().min(after_models.len());
        prop_assert_eq!(&before_models[..shared], &after_models[..shared]);
        prop_assert!(after.trial().is_some());
    }
}
