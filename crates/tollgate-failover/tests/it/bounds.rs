//! What must not go beyond its bounds.

use tokio::time::{Instant, sleep};
use tollgate_core::{
    AttemptEnd, AttemptRecord, Failover, FailureKind, Origin, Trip, UpstreamStream, Usd,
};
use tollgate_testkit::providers::{
    Script, ScriptedProvider, finish_frame, served_text_frame, text_frame,
};

use crate::{Rig, fault, hear, kinds, secs};
use futures_util::StreamExt;

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_collected_ends_at_the_calls_ceiling() {
    let big = "x".repeat(4_000);
    let endless = (0..1_000).fold(Script::new(), |script, _| script.frame(text_frame(&big)));
    let provider = ScriptedProvider::new().on("only", "a/one", endless.frame(finish_frame()));
    let mut rig = Rig::with(&["only a/one"], provider, |config| {
        config.upstream_stream = UpstreamStream::Always;
    })
    .whole();
    let mut profile = (*rig.plan.profile).clone();
    profile.ceiling = Some(Usd::from_nanos(10_000_000));
    rig.plan.profile = profile.into();
    let exhausted = rig.run().await.unwrap_err();
    assert_eq!(kinds(&exhausted.failed), [FailureKind::CostLimit]);
    assert!(!exhausted.failure.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_bounded() {
    let big = "x".repeat(1 << 20);
    let endless = (0..100).fold(Script::new(), |script, _| script.frame(text_frame(&big)));
    let provider = ScriptedProvider::new()
        .on("first", "a/one", endless.frame(finish_frame()))
        .on("second", "b/two", Script::answer(&["Hello"]));
    let rig = Rig::with(&["first a/one", "second b/two"], provider, |config| {
        config.upstream_stream = UpstreamStream::Always;
    })
    .whole();
    let won = rig.run().await.unwrap();
    assert_eq!(kinds(&won.failed), [FailureKind::BadReply]);
    assert_eq!(hear(won).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_prolong_a_call() {
    let script = (0..100).fold(Script::new(), |script, _| script.frame(text_frame("x")));
    let provider = ScriptedProvider::new().on("only", "a/one", script.frame(finish_frame()));
    let rig = Rig::new(&["only a/one"], provider).timeout(secs(100));
    let start = Instant::now();
    let mut frames = rig.run().await.unwrap().reply.frames;
    let mut broke = None;
    while let Some(frame) = frames.next().await {
        broke = frame.err();
        sleep(secs(9)).await;
    }
    assert_eq!(broke.unwrap().kind(), FailureKind::Deadline);
    assert!(start.elapsed() <= secs(120), "{:?}", start.elapsed());
    assert_eq!(rig.provider.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_walk_leaves_the_member_of_a_list_alone_that_broke() {
    let cut = Script::new()
        .frame(served_text_frame("Hel", "b/two"))
        .cut(fault(FailureKind::Interrupted));
    let provider = ScriptedProvider::new().on("openrouter", "a/one", cut).on(
        "openrouter",
        "c/three",
        Script::answer(&["Hello"]),
    );
    let lanes = ["openrouter a/one", "openrouter b/two", "openrouter c/three"];
    let rig = Rig::new(&lanes, provider);
    let won = rig.run().await.unwrap();
    let end = AttemptEnd::Cut {
        kind: FailureKind::Truncated,
        message: String::new(),
    };
    let earlier = [AttemptRecord {
        end,
        ..won.running.clone()
    }];
    assert!(hear(won).await.broke.is_some());
    let mut hold = rig.hold();
    let trip = Trip {
        earlier: &earlier,
        used: secs(1),
        ..Trip::new(&rig.call, &rig.plan, &mut hold, &rig.ledger, &rig.provider)
    };
    rig.manager.run(trip).await.unwrap();
    assert_eq!(rig.sent()[1], "openrouter c/three");
}

#[tokio::test(start_paused = true)]
async fn a_moderations_cut_is_nobody_elses_turn() {
    let moderated = Script::new()
        .frame(text_frame("Hel"))
        .cut(fault(FailureKind::ContentPolicy));
    let provider = ScriptedProvider::new().on("only", "a/one", moderated);
    let rig = Rig::new(&["only a/one"], provider);
    let broke = hear(rig.run().await.unwrap()).await.broke.unwrap();
    assert_eq!(
        (broke.kind(), broke.origin()),
        (FailureKind::Truncated, Origin::Caller)
    );
}
