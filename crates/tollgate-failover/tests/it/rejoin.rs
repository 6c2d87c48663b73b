//! A second walk of a call whose answer broke off.

use tollgate_core::{AttemptEnd, AttemptRecord, Failover, FailureKind, Trip, UpstreamStream};
use tollgate_testkit::providers::{Script, ScriptedProvider};

use crate::{Rig, hear, secs};

const THREE: [&str; 3] = ["first a/one", "second b/two", "third c/three"];

async fn cut(rig: &Rig) -> AttemptRecord {
    let won = rig.run().await.unwrap();
    let end = AttemptEnd::Cut {
        kind: FailureKind::Truncated,
        message: "the answer broke off".into(),
    };
    AttemptRecord { end, ..won.running }
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_counting_and_leaves_the_broken_target_alone() {
    let provider = THREE
        .iter()
        .fold(ScriptedProvider::new(), |provider, lane| {
            let (lane, model) = lane.split_once(' ').unwrap();
            provider.on(lane, model, Script::answer(&["Hello"]))
        });
    let rig = Rig::new(&THREE, provider);
    let earlier = [cut(&rig).await];
    let mut hold = rig.hold();
    let trip = Trip {
        earlier: &earlier,
        used: secs(9),
        ..Trip::new(&rig.call, &rig.plan, &mut hold, &rig.ledger, &rig.provider)
    };
    let won = rig.manager.run(trip).await.unwrap();
    assert_eq!((won.place, won.running.number), (1, 2));
    assert_eq!(won.running.started_ms, 9_000);
    assert_eq!(hear(won).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn attempts_and_time_are_shared_with_the_first_walk() {
    let provider = ScriptedProvider::new()
        .on("first", "a/one", Script::answer(&["Hello"]))
        .on("second", "b/two", Script::unreachable())
        .on("third", "c/three", Script::unreachable());
    let rig = Rig::with(&THREE, provider, |config| config.attempts = 2).timeout(secs(20));
    let earlier = [cut(&rig).await];
    let mut hold = rig.hold();
    let trip = Trip {
        earlier: &earlier,
        used: secs(15),
        ..Trip::new(&rig.call, &rig.plan, &mut hold, &rig.ledger, &rig.provider)
    };
    let start = tokio::time::Instant::now();
    let exhausted = rig.manager.run(trip).await.unwrap_err();
    assert_eq!(
        exhausted.failed.len(),
        1,
        "the second and last of two attempts"
    );
    assert_eq!(start.elapsed(), secs(5));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_the_first_walk_used_up_the_attempts() {
    let provider = ScriptedProvider::new().on("first", "a/one", Script::answer(&["Hello"]));
    let rig = Rig::with(&THREE, provider, |config| config.attempts = 1);
    let earlier = [cut(&rig).await];
    let mut hold = rig.hold();
    let trip = Trip {
        earlier: &earlier,
        ..Trip::new(&rig.call, &rig.plan, &mut hold, &rig.ledger, &rig.provider)
    };
    let exhausted = rig.manager.run(trip).await.unwrap_err();
    assert!(exhausted.failed.is_empty(), "{exhausted:?}");
    assert_eq!(hold.dispatched(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_can_be_fetched_as_a_stream() {
    let silent = Script::new().stall();
    let provider = ScriptedProvider::new().on("first", "a/one", silent).on(
        "second",
        "b/two",
        Script::answer(&["Hel", "lo"]),
    );
    let rig = Rig::with(&THREE, provider, |config| {
        config.upstream_stream = UpstreamStream::Always;
    })
    .whole();
    let start = tokio::time::Instant::now();
    let won = rig.run().await.unwrap();
    assert_eq!(
        start.elapsed(),
        secs(30),
        "a silent upstream is found by the first-event timer"
    );
    assert!(won.seen.complete);
    assert_eq!(hear(won).await.text, "Hello");
    let delivery = rig.provider.sent()[0].delivery;
    assert_eq!(delivery, tollgate_core::Delivery::Stream);
}
