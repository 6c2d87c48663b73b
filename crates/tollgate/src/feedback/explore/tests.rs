use std::collections::BTreeSet;
use std::time::Duration;

use tollgate_catalog::Feedback;
use tollgate_core::{FeedbackRow, FeedbackSource, ModelIndex, Planned, QualitySource, Task};
use tollgate_router::RouterConfig;
use tollgate_testkit::builders::{self, NOON, planned};

use super::*;
use crate::config::{Config, FeedbackConfig};
use crate::policies::{self, ByName};

fn optimizer(toml: &str) -> CostOptimizer {
    let config: Config = crate::Loader::new()
        .with_environment(Vec::new())
        .with_text("test.toml", toml)
        .load()
        .unwrap();
    let policies = policies::all(&config, &ByName::new()).unwrap();
    CostOptimizer::new(RouterConfig::default(), policies.into_iter().collect()).unwrap()
}

fn explorer(budget: &str, share: f64) -> Explorer {
    Explorer::new(Exploration {
        budget_per_day: budget.parse().unwrap(),
        share,
        ..Exploration::default()
    })
}

/// A candidate of the model with that number.
fn candidate(number: u32, mean: f32, error: f32, nanos: i64) -> Planned {
    let mut planned = planned(&format!("a/{number}"), "openrouter");
    planned.candidate.model = ModelIndex(number);
    planned.candidate.expected = Usd::from_nanos(nanos);
    planned.candidate.quality = Quality {
        mean,
        error,
        source: QualitySource::Prior,
    };
    planned
}

fn plan(policy: &str, candidates: Vec<Planned>) -> Plan {
    let mut plan = builders::plan(candidates);
    plan.policy = policy.into();
    plan
}

fn two(nanos: i64) -> Plan {
    let first = candidate(0, 0.6, 0.1, 1_000);
    plan("quality", vec![first, candidate(1, 0.6, 0.1, nanos)])
}

/// Which of a thousand calls explored.
fn explored(explorer: &Explorer, optimizer: &CostOptimizer, plan: &Plan) -> BTreeSet<u128> {
    let explores = |n: &u128| {
        let mut plan = plan.clone();
        explorer.explore(&builders::call(*n, "a/one"), &mut plan, optimizer);
        plan.first().place == Place::Explored
    };
    (0..1_000).filter(explores).collect()
}

#[test]
fn equals_are_tried_half_of_the_time_and_the_same_call_always_tries_the_same() {
    let (explorer, optimizer) = (explorer("1", 1.0), optimizer(""));
    let all = explored(&explorer, &optimizer, &two(1_000));
    assert!((400..600).contains(&all.len()), "{}", all.len());
    assert_eq!(explored(&explorer, &optimizer, &two(1_000)), all);
}

#[test]
fn a_draw_lies_within_half_of_the_error_two_times_of_three() {
    let candidate = candidate(0, 0.6, 0.1, 1_000).candidate;
    let is_near = |seed: &u64| (drawn(*seed, candidate).quality.mean - 0.6).abs() < 0.05;
    let near = (0..10_000).filter(is_near).count();
    assert!((6_600..7_050).contains(&near), "{near}");
}

#[test]
fn a_call_with_a_model_on_trial_explores_nothing_else() {
    let (explorer, optimizer) = (explorer("1", 1.0), optimizer(""));
    let mut on_trial = candidate(0, 0.6, 0.1, 1_000);
    on_trial.place = Place::OnTrial;
    let others = [1, 2].map(|number| candidate(number, 0.6, 0.1, 1_000));
    let plan = plan("quality", [vec![on_trial], others.to_vec()].concat());
    assert_eq!(explored(&explorer, &optimizer, &plan), BTreeSet::new());
}

#[test]
fn who_would_be_on_trial_by_the_draw_is_not_taken_for_its_choice() {
    let cascade = "[policies.cascade]\nleast_acceptance = 0.5\nz = 0.0\n";
    let (explorer, optimizer) = (explorer("1", 1.0), optimizer(cascade));
    // The first is the best by any draw; the other, at a tenth, is worth a try.
    let (best, cheap) = (
        candidate(0, 0.9, 0.001, 1_000),
        candidate(1, 0.7, 0.001, 100),
    );
    let plan = plan("cascade", vec![best, cheap]);
    assert_eq!(explored(&explorer, &optimizer, &plan), BTreeSet::new());
}

#[test]
fn a_share_of_calls_explores() {
    let optimizer = optimizer("");
    let none = explored(&explorer("1", 0.0), &optimizer, &two(1_000));
    assert!(none.is_empty());
    let some = explored(&explorer("1", 0.1), &optimizer, &two(1_000)).len();
    assert!((25..80).contains(&some), "{some}");
}

#[test]
fn what_is_surely_worse_or_too_dear_or_named_is_not_tried() {
    let (explorer, optimizer) = (explorer("1", 1.0), optimizer(""));
    let worse = candidate(1, 0.2, 0.02, 1_000);
    let sure = plan("quality", vec![candidate(0, 0.9, 0.02, 1_000), worse]);
    assert!(explored(&explorer, &optimizer, &sure).is_empty());
    assert!(explored(&explorer, &optimizer, &two(2_001)).is_empty());
    assert!(!explored(&explorer, &optimizer, &two(2_000)).is_empty());
    let mut named = two(1_000);
    named.policy = "named".into();
    assert!(explored(&explorer, &optimizer, &named).is_empty());
    let lane = candidate(0, 0.6, 0.1, 1_000);
    let lanes = plan("quality", vec![candidate(0, 0.6, 0.1, 1_100), lane]);
    assert!(explored(&explorer, &optimizer, &lanes).is_empty());
}

#[test]
fn a_floor_holds_also_where_nothing_reaches_it() {
    let optimizer = optimizer("[policies.cheapest]\nquality_floor = { chat = 0.7 }\n");
    let explorer = explorer("1", 1.0);
    let below = plan("cheapest", two(900).candidates().cloned().collect());
    assert!(explored(&explorer, &optimizer, &below).is_empty());
    let above = [candidate(0, 0.8, 0.1, 1_000), candidate(1, 0.6, 0.3, 900)];
    let mixed = plan("cheapest", above.into());
    assert!(explored(&explorer, &optimizer, &mixed).is_empty());
}

#[test]
fn the_days_dollars_are_a_limit_to_the_nano_and_begin_anew() {
    let explorer = explorer("0.000001", 1.0);
    let take = |at, nanos| explorer.take(at, Usd::from_nanos(nanos));
    assert!(take(NOON, 600));
    assert!(!take(NOON, 401));
    assert!(take(NOON, 400));
    assert!(take(NOON, 0), "what costs no more is always within it");
    assert!(!take(NOON, 1));
    let tomorrow = NOON.plus(Duration::from_secs(86_400));
    assert!(take(tomorrow, 1_000));
    assert!(!take(NOON, 1), "yesterday does not come again");
}

#[test]
fn a_promoted_candidate_stands_before_the_others_in_their_order() {
    let three = (0..3)
        .map(|number| candidate(number, 0.5, 0.1, 1))
        .collect();
    let mut plan = plan("quality", three);
    plan.explore(3);
    assert_eq!(plan.first().place, Place::Ranked);
    plan.explore(2);
    let models: Vec<u32> = plan.candidates().map(|one| one.candidate.model.0).collect();
    assert_eq!(models, [2, 0, 1]);
    assert_eq!(plan.first().place, Place::Explored);
}

// === streams with a known best arm ===

const ARMS: u32 = 9;
const STEPS: u64 = 6_108;
const BEST: u32 = ARMS - 1;

/// What arms are worth, and what is published of them, with an error of 0.08.
struct World {
    truth: fn(u32) -> f64,
    published: fn(u32, &mut Draws) -> f64,
}

/// From 0.40 to 0.60; what is published is as wrong as its error says.
const HONEST: World = World {
    truth: |arm| 0.40 + 0.025 * f64::from(arm),
    published: |arm, draws| (HONEST.truth)(arm) + 0.08 * draws.normal(),
};

/// The best arm is worth 0.70, and published at 0.50.
const UNDERRATED: World = World {
    truth: |arm| match arm {
        BEST => 0.70,
        arm => (HONEST.truth)(arm),
    },
    published: |arm, _| match arm {
        BEST => 0.50,
        arm => (HONEST.truth)(arm),
    },
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ratings {
    Ignored,
    Counted,
}

/// Mean worth of what is chosen, over twenty seeds: over ten, chance alone moves it by
/// more than sampling does.
fn worth(world: &World, share: f64, ratings: Ratings) -> f64 {
    let (explorer, optimizer) = (explorer("1", share), optimizer(""));
    let runs = (1..=20).map(|seed| stream(world, &explorer, &optimizer, seed, ratings));
    runs.sum::<f64>() / 20.0
}

fn stream(
    world: &World,
    explorer: &Explorer,
    optimizer: &CostOptimizer,
    seed: u64,
    ratings: Ratings,
) -> f64 {
    let mut draws = Draws(seed);
    let published: Vec<Quality> = (0..ARMS)
        .map(|arm| Quality {
            mean: (world.published)(arm, &mut draws) as f32,
            error: 0.08,
            source: QualitySource::Benchmark,
        })
        .collect();
    let mut feedback = Feedback::new(FeedbackConfig::default().prior_weight);
    let mut sum = 0.0;
    for step in 0..STEPS {
        let first = choice(
            &published,
            &feedback,
            explorer,
            optimizer,
            (seed << 32) | step,
        );
        let truth = (world.truth)(first.candidate.model.0);
        sum += truth;
        let is_good = draws.share() < truth;
        if ratings == Ratings::Counted {
            feedback.add(&rating(&first, is_good));
        }
    }
    sum / STEPS as f64
}

fn choice(
    published: &[Quality],
    feedback: &Feedback,
    explorer: &Explorer,
    optimizer: &CostOptimizer,
    number: u64,
) -> Planned {
    let mut arms: Vec<Planned> = (0..ARMS)
        .zip(published)
        .map(|(arm, known)| {
            let mut planned = candidate(arm, 0.0, 0.0, 1_000);
            let said = feedback.quality(planned.model.as_str(), Task::Chat, *known);
            planned.candidate.quality = said.unwrap_or(*known);
            planned
        })
        .collect();
    let mean = |planned: &Planned| planned.candidate.quality.mean;
    arms.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    let mut plan = plan("quality", arms);
    let call = builders::call(number.into(), "a/one");
    explorer.explore(&call, &mut plan, optimizer);
    plan.first().clone()
}

fn rating(of: &Planned, is_good: bool) -> FeedbackRow {
    FeedbackRow {
        day: 0,
        model: of.model.clone(),
        task: Task::Chat,
        source: FeedbackSource::Rating,
        weight: 1_000,
        sum: if is_good { 1_000 } else { 0 },
    }
}

#[test]
fn sampling_finds_the_best_arm_that_ratings_alone_never_try() {
    let greedy = worth(&UNDERRATED, 0.0, Ratings::Counted);
    let sampled = worth(&UNDERRATED, 1.0, Ratings::Counted);
    let told = format!("greedy {greedy:.4}, sampled {sampled:.4}, best 0.7000");
    assert!(greedy < 0.6 && sampled > 0.65, "{told}");
}

#[test]
fn sampling_costs_nothing_where_published_figures_are_as_good_as_they_say() {
    let published = worth(&HONEST, 0.0, Ratings::Ignored);
    let sampled = worth(&HONEST, 1.0, Ratings::Counted);
    let told = format!("published {published:.4}, sampled {sampled:.4}, best 0.6000");
    assert!(sampled >= published, "{told}");
}
