use tokio::time::Instant;
use tollgate_core::{Capabilities, FailureKind};
use tollgate_failover::FailoverConfig;
use tollgate_testkit::providers::{Script, ScriptedProvider};

use super::{Rig, fault, kinds, refuses, secs};

fn all_failing(candidates: &[&str]) -> ScriptedProvider {
    candidates
        .iter()
        .fold(ScriptedProvider::new(), |provider, candidate| {
            let (lane, model) = candidate.split_once(' ').unwrap();
            provider.on(lane, model, refuses(FailureKind::Upstream, 502))
        })
}

#[tokio::test(start_paused = true)]
async fn a_call_has_four_attempts() {
    let candidates = ["p a/1", "q b/2", "r c/3", "s d/4", "t e/5", "u f/6"];
    let rig = Rig::new(&candidates, all_failing(&candidates));
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(rig.sent(), candidates[..4]);
    assert_eq!(exhausted.failed.len(), 4);
    assert_eq!(exhausted.failure.kind(), FailureKind::Upstream);
    assert!(
        exhausted
            .failure
            .context()
            .contains(&("attempts", "4".to_owned()))
    );
    assert!(!exhausted.failure.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_candidate_has_two_attempts_and_the_second_only_when_no_other_is_left() {
    let candidates = ["p a/1", "q b/2"];
    let rig = Rig::new(&candidates, all_failing(&candidates));
    assert_eq!(rig.run().await.unwrap_err().failed.len(), 4);
    let sent = rig.sent();
    assert_eq!(sent[..2], candidates);
    assert_eq!(
        sent.iter()
            .filter(|target| **target == candidates[0])
            .count(),
        2
    );

    let rig = Rig::new(&candidates[..1], all_failing(&candidates));
    assert_eq!(rig.run().await.unwrap_err().failed.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_attempt_is_not_repeated_on_the_same_target() {
    let provider = ScriptedProvider::new()
        .on(
            "only",
            "a/one",
            Script::refuse(fault(FailureKind::Interrupted)),
        )
        .on("only", "a/one", Script::answer(&["Hello"]));
    let rig = Rig::new(&["only a/one"], provider);
    assert_eq!(
        rig.run().await.unwrap_err().failure.kind(),
        FailureKind::Interrupted
    );
    assert_eq!(rig.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_retry_budget_shows_the_first_failure() {
    let candidates = ["p a/1", "q b/2"];
    let provider = || {
        ScriptedProvider::new()
            .on("p", "a/1", refuses(FailureKind::Upstream, 502))
            .on("q", "b/2", Script::answer(&["Hello"]))
    };
    let rig = Rig::with(&candidates, provider(), |config| {
        config.retries.share_percent = 50;
        config.retries.per_second = 0;
        config.breaker.failures = 1_000;
        config.breaker.min_success_percent = 0;
    });
    let mut won = 0;
    for _ in 0..100 {
        match rig.run().await {
            Ok(_) => won += 1,
            Err(exhausted) => assert_eq!(kinds(&exhausted.failed), [FailureKind::Upstream]),
        }
    }
    assert_eq!(won, 50);
}

#[tokio::test(start_paused = true)]
async fn repeats_on_the_same_target_have_a_budget_of_their_own() {
    let rig = Rig::with(&["p a/1"], all_failing(&["p a/1"]), |config| {
        config.retries.same_share_percent = 0;
        config.retries.same_per_second = 0;
    });
    assert_eq!(rig.run().await.unwrap_err().failed.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_further_attempt_is_begun_with_less_than_two_seconds() {
    let refuse = || Script::refuse(fault(FailureKind::Connect));
    let provider =
        ScriptedProvider::new()
            .on("p", "a/1", refuse())
            .on("q", "b/2", Script::answer(&["Hello"]));
    let rig = Rig::new(&["p a/1", "q b/2"], provider).timeout(secs(1));
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(exhausted.failure.kind(), FailureKind::Connect);
    assert_eq!(rig.sent(), ["p a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_is_made_however_little_time_there_is() {
    let provider = ScriptedProvider::new().on("p", "a/1", Script::answer(&["Hello"]));
    let rig = Rig::new(&["p a/1"], provider).timeout(secs(1));
    assert!(rig.run().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_leaves_time_for_the_next_one() {
    let candidates = ["p a/1", "q b/2"];
    let provider = ScriptedProvider::new()
        .on("p", "a/1", Script::unreachable())
        .on("q", "b/2", Script::answer(&["Hello"]).delayed(secs(3)));
    let rig = Rig::new(&candidates, provider).timeout(secs(10));
    let won = rig.run().await.unwrap();
    assert_eq!(
        (won.running.started_ms, won.running.first_token_ms),
        (6_000, Some(3_000))
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_may_use_all_that_is_left_and_then_the_time_is_over() {
    let provider = ScriptedProvider::new().on("p", "a/1", Script::unreachable());
    let rig = Rig::new(&["p a/1"], provider).timeout(secs(10));
    let start = Instant::now();
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(start.elapsed(), secs(10));
    assert_eq!(exhausted.failure.kind(), FailureKind::Deadline);
    assert_eq!(kinds(&exhausted.failed), [FailureKind::Deadline]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_need_reasoning_may_think_for_longer() {
    let provider =
        ScriptedProvider::new().on("p", "a/1", Script::answer(&["Hello"]).delayed(secs(100)));
    let mut rig = Rig::new(&["p a/1"], provider);
    let mut profile = tollgate_testkit::builders::profile();
    profile.needs |= Capabilities::REASONING;
    rig.plan.profile = profile.into();
    assert!(rig.run().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn models_that_reason_by_themselves_may_think_for_longer() {
    let provider =
        ScriptedProvider::new().on("p", "a/1", Script::answer(&["Hello"]).delayed(secs(100)));
    let mut rig = Rig::new(&["p a/1"], provider);
    let mut candidate = rig.plan.first().clone();
    candidate.reasons = true;
    rig.plan = tollgate_testkit::builders::plan(vec![candidate]);
    assert!(rig.run().await.is_ok());
}

#[test]
fn configuration_is_read_with_defaults_and_unknown_keys_are_errors() {
    let read = |text| serde_json::from_str::<FailoverConfig>(text);
    let config = read(r#"{"attempts": 2, "breaker": {"failures": 7}}"#).unwrap();
    assert_eq!(
        (config.attempts, config.per_target, config.breaker.failures),
        (2, 2, 7)
    );
    assert_eq!(config.breaker.open_ms, 5_000);
    assert!(
        read(r#"{"atempts": 2}"#)
            .unwrap_err()
            .to_string()
            .contains("atempts")
    );
    assert_eq!(FailoverConfig::default().check(), Ok(()));
    let mut config = FailoverConfig::default();
    config.breaker.close_after = 0;
    assert_eq!(
        config.check().unwrap_err().to_string(),
        "failover.breaker.close_after is 0; it must be from 1 to 1000"
    );
}
