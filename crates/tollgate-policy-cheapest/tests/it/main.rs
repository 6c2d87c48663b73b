//! The policy keeps the contract of its trait, and picks what a person would.

use tollgate_policy_cheapest::{Cheapest, CheapestConfig, QualityFloor};
use tollgate_testkit::policies::{self, candidate, order};

#[test]
fn it_keeps_the_contract() {
    policies::check(&Cheapest::default());
}

#[test]
fn it_orders_by_cost() {
    let candidates = [
        candidate(0, 0.9, 300),
        candidate(1, 0.1, 100),
        candidate(2, 0.5, 200),
    ];
    assert_eq!(order(&Cheapest::default(), &candidates), [1, 2, 0]);
}

#[test]
fn a_tie_goes_to_the_better_then_to_the_faster_then_to_the_first() {
    let mut fast = candidate(3, 0.5, 1_000);
    fast.latency_ms = 500.0;
    let candidates = [
        candidate(0, 0.5, 1_000),
        candidate(1, 0.5, 1_000),
        candidate(2, 0.7, 1_001),
        fast,
    ];
    assert_eq!(order(&Cheapest::default(), &candidates), [2, 3, 0, 1]);
}

#[test]
fn of_more_that_tie_than_are_kept_the_fastest_are() {
    let mut candidates: Vec<_> = (0..40).map(|place| candidate(place, 0.5, 1_000)).collect();
    for (after, one) in candidates.iter_mut().rev().enumerate() {
        one.latency_ms = 500.0 + after as f32;
    }
    let fastest: Vec<u32> = (24..40).rev().collect();
    assert_eq!(order(&Cheapest::default(), &candidates), fastest);
}

#[test]
fn failures_make_a_candidate_dearer() {
    let mut shaky = candidate(0, 0.5, 100);
    shaky.failure_share = 0.6;
    assert_eq!(
        order(&Cheapest::default(), &[shaky, candidate(1, 0.5, 200)]),
        [1, 0]
    );
}

/// With a floor of 0.6 for chats.
fn floored() -> Cheapest {
    let quality_floor = QualityFloor {
        chat: 0.6,
        ..QualityFloor::default()
    };
    Cheapest::new(CheapestConfig {
        quality_floor,
        z: 0.0,
    })
}

#[test]
fn nothing_below_the_floor_is_ranked_unless_everything_is() {
    let policy = floored();
    assert_eq!(
        order(&policy, &[candidate(0, 0.5, 1), candidate(1, 0.7, 900)]),
        [1]
    );
    assert_eq!(
        order(&policy, &[candidate(0, 0.2, 1), candidate(1, 0.5, 900)]),
        [1, 0]
    );
}

#[test]
fn below_the_floor_a_tie_goes_to_the_cheaper_then_to_the_faster() {
    let policy = floored();
    let mut fast = candidate(2, 0.5, 100);
    fast.latency_ms = 500.0;
    let candidates = [candidate(0, 0.5, 900), candidate(1, 0.5, 100), fast];
    assert_eq!(order(&policy, &candidates), [2, 1, 0]);
}
