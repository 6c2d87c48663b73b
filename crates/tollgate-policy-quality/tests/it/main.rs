//! The policy keeps the contract of its trait, and picks what a person would.

use tollgate_policy_quality::BestQuality;
use tollgate_testkit::policies::{self, candidate, order};

#[test]
fn it_keeps_the_contract() {
    policies::check(&BestQuality::default());
}

#[test]
fn it_orders_by_quality_when_the_differences_are_clear() {
    let candidates = [
        candidate(0, 0.5, 1),
        candidate(1, 0.9, 900),
        candidate(2, 0.7, 90),
    ];
    assert_eq!(order(&BestQuality::default(), &candidates), [1, 2, 0]);
}

#[test]
fn the_cheapest_of_those_within_the_tolerance_wins() {
    let candidates = [
        candidate(0, 0.800, 9_000),
        candidate(1, 0.795, 90),
        candidate(2, 0.789, 1),
    ];
    assert_eq!(order(&BestQuality::default(), &candidates), [1, 0, 2]);
}

#[test]
fn uncertainty_is_taken_off() {
    let mut unsure = candidate(0, 0.82, 100);
    unsure.quality.error = 0.2;
    assert_eq!(
        order(&BestQuality::default(), &[unsure, candidate(1, 0.80, 100)]),
        [1, 0]
    );
}
