//! Every promise, with fewer calls than the trials make in full.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use tollgate_trials::{TRIALS, find};

/// Runs a trial with so many calls; the report is the message where it does not pass.
fn holds(name: &str, calls: u32) {
    let report = find(name).unwrap().run(7, calls).unwrap();
    assert!(report.passes(), "{report}");
}

/// One test for each trial, and a list of what is tested.
macro_rules! trials {
    ($($test:ident: $name:literal, $calls:literal;)*) => {
        $(#[test] fn $test() { holds($name, $calls); })*
        const TESTED: &[&str] = &[$($name),*];
    };
}

trials! {
    flaky: "flaky", 1_000;
    three_flaky: "three-flaky", 1_000;
    outage: "outage", 760;
    blackout: "blackout", 600;
    bad_401: "bad-401", 780;
    credit: "credit", 730;
    cut: "cut", 150;
    silence: "silence", 60;
    stall: "stall", 60;
    retry_after: "retry-after", 18;
    flapping: "flapping", 900;
    context: "context", 40;
    hedge: "hedge", 600;
    client_gone: "client-gone", 400;
    billed_on: "billed-on", 500;
    roads: "roads", 36;
    openrouter_down: "openrouter-down", 1_500;
    pool: "pool", 2_400;
    seeds: "seeds", 60;
}

#[test]
fn every_trial_is_tested() {
    let all: BTreeSet<_> = TRIALS.iter().map(|trial| trial.name).collect();
    assert_eq!(all, TESTED.iter().copied().collect());
}
