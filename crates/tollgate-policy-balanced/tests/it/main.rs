//! The policy keeps the contract of its trait, and picks what a person would.

use tollgate_policy_balanced::{Balanced, BalancedConfig};
use tollgate_testkit::policies::{self, candidate, order};

#[test]
fn it_keeps_the_contract() {
    policies::check(&Balanced::default());
}

#[test]
fn it_takes_the_knee() {
    // Junk for nothing, a good one for little, the best for fifty times that.
    let candidates = [
        candidate(0, 0.15, 20),
        candidate(1, 0.70, 400),
        candidate(2, 0.78, 20_000),
    ];
    assert_eq!(order(&Balanced::default(), &candidates)[0], 1);
}

#[test]
fn an_unknown_model_does_not_win_by_luck() {
    let mut unknown = candidate(0, 0.72, 400);
    unknown.quality.error = 0.2;
    assert_eq!(
        order(&Balanced::default(), &[unknown, candidate(1, 0.70, 400)])[0],
        1
    );
}

#[test]
fn the_dial_reaches_both_ends_of_the_frontier() {
    let candidates = [
        candidate(0, 0.30, 20),
        candidate(1, 0.70, 400),
        candidate(2, 0.80, 20_000),
    ];
    let choice = |dial| {
        order(
            &Balanced::new(BalancedConfig {
                dial,
                ..BalancedConfig::default()
            }),
            &candidates,
        )[0]
    };
    assert_eq!([choice(0.0), choice(0.5), choice(1.0)], [2, 1, 0]);
}

#[test]
fn speed_and_health_break_near_ties() {
    let mut fast = candidate(0, 0.70, 400);
    fast.latency_ms = 500.0;
    let mut shaky = candidate(2, 0.70, 400);
    shaky.failure_share = 0.5;
    assert_eq!(
        order(
            &Balanced::default(),
            &[shaky, candidate(1, 0.70, 400), fast]
        ),
        [2, 1, 0]
    );
}

#[test]
fn quality_is_paid_what_it_is_said_to_be_worth() {
    let policy = Balanced::new(BalancedConfig {
        dollars_per_quality: Some(0.02),
        ..BalancedConfig::default()
    });
    // A tenth of quality is worth a fifth of a cent, however cheap the other is.
    for base in [0, 50_000] {
        let usual = candidate(0, 0.50, base);
        let worth_it = candidate(1, 0.60, base + 1_900);
        let too_dear = candidate(1, 0.60, base + 2_100);
        assert_eq!(order(&policy, &[usual, worth_it])[0], 1, "{base}");
        assert_eq!(order(&policy, &[usual, too_dear])[0], 0, "{base}");
    }
}
