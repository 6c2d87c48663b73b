//! Trouble that must end with its cause, and must not spread.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, advance, sleep};
use tollgate_core::{Breaker, Failure, FailureKind, LaneCheck, LaneId, Scope, Standing};
use tollgate_testkit::providers::{Script, ScriptedProvider, finish_frame, text_frame};

use crate::{Rig, call, fault, refuses, secs};

#[tokio::test(start_paused = true)]
async fn one_refused_list_is_not_the_hosts_trouble() {
    for (kind, status) in [
        (FailureKind::RateLimited, 429),
        (FailureKind::NotFound, 404),
        (FailureKind::Upstream, 503),
    ] {
        let once = fault(kind).status(status).retry_after(secs(5));
        let provider = ScriptedProvider::new()
            .on("openrouter", "a/one", Script::refuse(once))
            .on("openrouter", "d/four", Script::answer(&["Hello"]));
        let lanes = [
            "openrouter a/one",
            "openrouter b/two",
            "openrouter c/three",
            "openrouter d/four",
        ];
        let rig = Rig::new(&lanes, provider);
        assert_eq!(call(&rig).await, 3, "{kind}");
        assert_eq!(rig.breaker("authority openrouter"), Breaker::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn dead_models_do_not_take_a_host_with_them_that_answers_others() {
    let dead = || refuses(FailureKind::Upstream, 503);
    let provider = ScriptedProvider::new()
        .on("host", "h/1", dead())
        .on("host", "h/2", dead())
        .on("host", "h/3", Script::answer(&["Hello"]))
        .on("other", "z/9", Script::answer(&["Hello"]));
    let rig = Rig::new(&["host h/1", "host h/2", "host h/3", "other z/9"], provider);
    let mut places = [0; 4];
    for _ in 0..3_000 {
        places[call(&rig).await] += 1;
        advance(Duration::from_millis(20)).await;
    }
    assert_eq!(places, [0, 0, 3_000, 0]);
    let dead = |sent: &&String| !sent.ends_with("h/3");
    let tried = rig.sent().iter().filter(dead).count();
    assert!(
        tried <= 30,
        "{tried} attempts at two dead models in a minute"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_spell_is_forgotten() {
    let quick = || Script::answer(&["Hello"]).delayed(Duration::from_millis(300));
    let slow = Script::new()
        .wait(secs(20))
        .frame(text_frame("Hello"))
        .frame(finish_frame());
    let provider = ScriptedProvider::new()
        .on("first", "a/one", slow)
        .on("first", "a/one", quick())
        .on("second", "a/one", quick());
    let rig = Rig::new(&["first a/one", "second a/one"], provider);
    let mut places = [0; 2];
    for _ in 0..600 {
        places[call(&rig).await] += 1;
        sleep(secs(1)).await;
    }
    assert!(places.iter().all(|count| *count > 100), "{places:?}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_pays_again_is_used_again_although_callers_leave_early() {
    let slow = Script::new()
        .frame(text_frame("Hel"))
        .wait(secs(90))
        .frame(finish_frame());
    let provider = ScriptedProvider::new()
        .on("first", "a/one", refuses(FailureKind::Payment, 402))
        .on("first", "a/one", slow)
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    assert_eq!(call(&rig).await, 1);
    advance(secs(61)).await;
    for _ in 0..10 {
        assert_eq!(rig.run().await.unwrap().place, 0);
    }
    assert_eq!(rig.breaker("account first"), Breaker::Closed);
}

/// An upstream that does not tell this key anything but answers.
struct Forbids;

#[async_trait]
impl LaneCheck for Forbids {
    async fn check(&self, _: &LaneId) -> Result<Standing, Failure> {
        let forbidden = fault(FailureKind::Auth).status(403).scope(Scope::KeyModel);
        Err(forbidden.failure())
    }
}

/// An upstream whose desk is broken.
struct Broken;

#[async_trait]
impl LaneCheck for Broken {
    async fn check(&self, _: &LaneId) -> Result<Standing, Failure> {
        Err(fault(FailureKind::Upstream).status(500).failure())
    }
}

async fn back_after_one_refusal(check: impl LaneCheck + 'static) -> Duration {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", Script::answer(&["Hello"]))
        .on("first", "a/one", refuses(FailureKind::Auth, 401))
        .on("first", "a/one", Script::answer(&["Hello"]))
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider).checked_by(check);
    assert_eq!((call(&rig).await, call(&rig).await), (0, 1));
    let start = Instant::now();
    while call(&rig).await == 1 {
        sleep(secs(1)).await;
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_asked_about_comes_back_by_a_call() {
    let restricted = back_after_one_refusal(Forbids).await;
    assert!(restricted <= secs(6), "{restricted:?}");
    let broken = back_after_one_refusal(Broken).await;
    assert!(broken <= secs(60), "{broken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_evidence_although_the_callers_time_is_short() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", Script::unreachable())
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::new(&["first a/one", "second b/two"], provider).timeout(secs(45));
    for _ in 0..5 {
        assert_eq!(call(&rig).await, 1);
    }
    assert_eq!(rig.breaker("endpoint first a/one"), Breaker::Open);
}
