use tollgate_core::{Breaker, FailureKind, Usd};
use tollgate_testkit::builders::{plan, planned};
use tollgate_testkit::providers::{Script, ScriptedProvider, role_frame, served_text_frame};

use super::{Rig, fault, hear, refuses, secs};

const FIVE: [&str; 5] = [
    "openrouter a/1",
    "openrouter b/2",
    "openrouter c/3",
    "openrouter d/4",
    "direct a/1",
];

#[tokio::test(start_paused = true)]
async fn consecutive_candidates_of_a_lane_that_takes_lists_travel_together() {
    let provider = ScriptedProvider::new().on("openrouter", "a/1", Script::answer(&["Hello"]));
    let rig = Rig::new(&FIVE, provider);
    assert_eq!(rig.run().await.unwrap().place, 0);
    assert_eq!(rig.sent(), ["openrouter a/1+b/2+c/3"]);
}

#[tokio::test(start_paused = true)]
async fn another_lane_ends_a_list_and_a_direct_lane_takes_none() {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/1", refuses(FailureKind::Upstream, 502))
        .on("direct", "a/1", refuses(FailureKind::Upstream, 502))
        .on("direct", "b/2", Script::answer(&["Hello"]));
    let rig = Rig::new(
        &[
            "openrouter a/1",
            "direct a/1",
            "direct b/2",
            "openrouter b/2",
        ],
        provider,
    );
    assert_eq!(rig.run().await.unwrap().place, 2);
    assert_eq!(rig.sent(), ["openrouter a/1", "direct a/1", "direct b/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_has_one_output_limit_and_its_dearest_worst_case() {
    let provider = ScriptedProvider::new().on("openrouter", "a/1", Script::answer(&["Hello"]));
    let mut rig = Rig::new(&FIVE, provider);
    let mut candidates = FIVE.map(|_| planned("x/y", "openrouter"));
    for ((candidate, id), clamp) in candidates
        .iter_mut()
        .zip(["a/1", "b/2", "c/3", "d/4", "e/5"])
        .zip([Some(90), Some(90), Some(80), None, None])
    {
        *candidate = planned(id, "openrouter");
        candidate.candidate.clamp = clamp;
    }
    candidates[1].candidate.worst = Usd::from_nanos(70_000_000);
    rig.plan = plan(candidates.into());
    let won = rig.run().await.unwrap();
    assert_eq!(rig.sent(), ["openrouter a/1+b/2"]);
    assert_eq!(won.worst, Usd::from_nanos(70_000_000));
    assert_eq!(rig.provider.sent()[0].max_output, Some(90));
    assert!(rig.provider.sent()[0].max_price.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_answers_model_tells_which_candidate_answered() {
    let answer = Script::new()
        .frame(role_frame())
        .frame(served_text_frame("Hello", "b/2-20260101"));
    let provider = ScriptedProvider::new().on("openrouter", "a/1", answer);
    let rig = Rig::new(&FIVE, provider);
    let won = rig.run().await.unwrap();
    assert_eq!(won.place, 1);
    assert_eq!(won.running.requested.as_str(), "a/1");
    hear(won).await;
    assert_eq!(rig.health("endpoint openrouter b/2").unwrap().attempts, 1);
    assert_eq!(
        rig.health("endpoint openrouter a/1").unwrap().attempts,
        0,
        "no verdict on who did not answer"
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_with_a_status_is_used_up() {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/1", refuses(FailureKind::Upstream, 502))
        .on("openrouter", "d/4", refuses(FailureKind::Upstream, 502))
        .on("direct", "a/1", Script::answer(&["Hello"]));
    let rig = Rig::new(&FIVE, provider);
    assert_eq!(rig.run().await.unwrap().place, 4);
    assert_eq!(
        rig.sent(),
        ["openrouter a/1+b/2+c/3", "openrouter d/4", "direct a/1"]
    );
    assert_eq!(rig.health("endpoint openrouter c/3").unwrap().attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_with_a_refused_key_counts_once_against_its_lane() {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/1", refuses(FailureKind::Auth, 401))
        .on("direct", "a/1", Script::answer(&["Hello"]));
    let rig = Rig::new(&FIVE, provider);
    rig.run().await.unwrap();
    assert_eq!(rig.sent(), ["openrouter a/1+b/2+c/3", "direct a/1"]);
    assert_eq!(rig.health("key openrouter").unwrap().attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_falls_silent_leaves_the_others_fresh() {
    let provider = ScriptedProvider::new()
        .on(
            "openrouter",
            "a/1",
            Script::new().keep_alives(10_000, secs(5)),
        )
        .on("openrouter", "b/2", Script::answer(&["Hello"]));
    let rig = Rig::new(&FIVE, provider);
    assert_eq!(rig.run().await.unwrap().place, 1);
    assert_eq!(
        rig.sent(),
        ["openrouter a/1+b/2+c/3", "openrouter b/2+c/3+d/4"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_out_of_service_does_not_travel() {
    let down = Script::refuse(fault(FailureKind::Upstream));
    let answer = Script::answer(&["Hello"]);
    let provider = ScriptedProvider::new()
        .on("openrouter", "b/2", down)
        .on("openrouter", "c/3", answer.clone())
        .on("openrouter", "a/1", answer);
    let mut rig = Rig::new(&["openrouter b/2", "openrouter c/3"], provider);
    for _ in 0..5 {
        rig.run().await.unwrap();
    }
    assert_eq!(rig.breaker("endpoint openrouter b/2"), Breaker::Open);
    rig.plan = Rig::new(&FIVE, ScriptedProvider::new()).plan;
    rig.run().await.unwrap();
    assert_eq!(rig.sent().last().unwrap(), "openrouter a/1+c/3+d/4");
}

#[tokio::test(start_paused = true)]
async fn lists_can_be_turned_off() {
    let provider = ScriptedProvider::new().on("openrouter", "a/1", Script::answer(&["Hello"]));
    let rig = Rig::with(&FIVE, provider, |config| config.group_models = false);
    rig.run().await.unwrap();
    assert_eq!(rig.sent(), ["openrouter a/1"]);
}
