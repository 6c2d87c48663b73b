//! Answers whose beginning is held back, and what a refusal means.

use tokio::time::Instant;
use tollgate_core::{Capabilities, FailureKind};
use tollgate_failover::OnRefusal;
use tollgate_testkit::providers::{Script, ScriptedProvider, finish_frame, role_frame, text_frame};

use crate::{Rig, fault, hear, refuses, secs};

const TWO: [&str; 2] = ["first a/one", "second b/two"];

fn cut_after(texts: &[&str]) -> Script {
    Script::new()
        .frame(role_frame())
        .frames(texts.iter().map(|text| text_frame(text)))
        .cut(fault(FailureKind::Truncated))
}

#[tokio::test(start_paused = true)]
async fn an_early_cut_is_not_seen_when_the_beginning_is_held_back() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", cut_after(&["Twelve bytes", " and more"]))
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::with(&TWO, provider, |config| config.buffer_tokens = 6);
    let won = rig.run().await.unwrap();
    assert_eq!((won.place, hear(won).await.text), (1, "Hello".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_cut_after_what_is_held_back_is_shown() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", cut_after(&["Twelve bytes", " and more"]))
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::with(&TWO, provider, |config| config.buffer_tokens = 5);
    let heard = hear(rig.run().await.unwrap()).await;
    assert_eq!(heard.text, "Twelve bytes and more");
    assert!(heard.broke.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_beginning_is_held_back_for_so_long_at_most() {
    let slow = || {
        Script::new()
            .frame(text_frame("Hel"))
            .wait(secs(10))
            .frame(text_frame("lo"))
            .frame(finish_frame())
    };
    for (tokens, millis) in [(0, 500), (1_000, 500)] {
        let provider = ScriptedProvider::new().on("only", "a/one", slow());
        let rig = Rig::with(&["only a/one"], provider, |config| {
            config.buffer_tokens = tokens;
            config.buffer_for_ms = millis;
        });
        let start = Instant::now();
        let won = rig.run().await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 500);
        assert_eq!(won.seen.frames, 1);
        assert_eq!(hear(won).await.text, "Hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_answer_is_not_held_back_after_its_end() {
    let provider = ScriptedProvider::new().on("only", "a/one", Script::answer(&["Hi"]));
    let rig = Rig::with(&["only a/one"], provider, |config| {
        config.buffer_tokens = 1_000;
        config.buffer_for_ms = 60_000;
    });
    let start = Instant::now();
    let won = rig.run().await.unwrap();
    assert!(won.seen.complete);
    assert_eq!(start.elapsed(), secs(0));
    assert_eq!(hear(won).await.text, "Hi");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_the_answer_unless_the_route_says_otherwise() {
    for (on_refusal, place) in [(OnRefusal::PassOn, None), (OnRefusal::FailOver, Some(1))] {
        let refused = refuses(FailureKind::ContentPolicy, 403);
        let provider = ScriptedProvider::new().on("first", "a/one", refused).on(
            "second",
            "b/two",
            Script::answer(&["Hello"]),
        );
        let rig = Rig::with(&TWO, provider, |config| config.on_refusal = on_refusal);
        let result = rig.run().await;
        assert_eq!(result.as_ref().ok().map(|won| won.place), place);
        if let Err(exhausted) = result {
            assert_eq!(exhausted.failure.kind(), FailureKind::ContentPolicy);
        }
        assert_eq!(rig.health("endpoint first a/one").unwrap().attempts, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_end_after_the_finish_reason_is_complete_unless_there_are_more_answers() {
    let lost = Script::new()
        .frame(text_frame("Hello"))
        .frame(finish_frame())
        .stall();
    for (answers, complete) in [(1, true), (2, false)] {
        let provider = ScriptedProvider::new().on("only", "a/one", lost.clone());
        let mut rig = Rig::new(&["only a/one"], provider);
        let mut profile = (*rig.plan.profile).clone();
        profile.answers = answers;
        profile.needs = Capabilities::TEXT_OUTPUT;
        rig.plan.profile = profile.into();
        let heard = hear(rig.run().await.unwrap()).await;
        assert_eq!(heard.text, "Hello");
        assert_eq!(heard.broke.is_none(), complete);
    }
}
