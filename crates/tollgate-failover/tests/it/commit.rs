use std::error::Error;

use futures_util::StreamExt;
use tokio::time::Instant;
use tollgate_core::{Failure, FailureKind, Frame, Next};
use tollgate_testkit::providers::{
    Script, ScriptedProvider, body_frame, finish_frame, role_frame, text_frame,
};

use super::{Rig, fault, hear, kinds, secs};

fn cause(failure: &Failure) -> FailureKind {
    failure
        .source()
        .and_then(|source| source.downcast_ref::<Failure>())
        .unwrap()
        .kind()
}

#[tokio::test(start_paused = true)]
async fn tokens_followed_by_comments_for_ever_are_cut_when_progress_is_due() {
    let texts = ["a", "b", "c", "d", "e"].map(text_frame);
    let script = Script::new().frames(texts).keep_alives(10_000, secs(5));
    let provider = ScriptedProvider::new().on("only", "a/one", script);
    let rig = Rig::new(&["only a/one", "other b/two"], provider);
    let start = Instant::now();
    let heard = hear(rig.run().await.unwrap()).await;
    assert_eq!(start.elapsed(), secs(60));
    assert_eq!(heard.text, "abcde");
    let broke = heard.broke.unwrap();
    assert_eq!(
        (broke.kind(), broke.next()),
        (FailureKind::Truncated, Next::Stop)
    );
    assert_eq!(cause(&broke), FailureKind::Silent);
    assert_eq!(
        rig.sent().len(),
        1,
        "never elsewhere after the commit point"
    );
    assert_eq!(rig.provider.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_after_its_first_token_never_ends_cleanly() {
    for kind in [
        FailureKind::Interrupted,
        FailureKind::Upstream,
        FailureKind::Truncated,
    ] {
        let script = Script::new()
            .frame(role_frame())
            .frame(text_frame("Hel"))
            .cut(fault(kind));
        let provider = ScriptedProvider::new().on("first", "a/one", script).on(
            "second",
            "b/two",
            Script::answer(&["other"]),
        );
        let rig = Rig::new(&["first a/one", "second b/two"], provider);
        let heard = hear(rig.run().await.unwrap()).await;
        assert_eq!(heard.text, "Hel");
        let broke = heard.broke.unwrap();
        assert_eq!(
            (broke.kind(), broke.next()),
            (FailureKind::Truncated, Next::Stop)
        );
        assert_eq!(rig.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_that_breaks_is_taken_from_elsewhere() {
    let cut = Script::new()
        .frame(text_frame("Hel"))
        .cut(fault(FailureKind::Truncated));
    let provider = ScriptedProvider::new().on("first", "a/one", cut).on(
        "second",
        "b/two",
        Script::body("Hello"),
    );
    let rig = Rig::new(&["first a/one", "second b/two"], provider).whole();
    let won = rig.run().await.unwrap();
    assert_eq!(kinds(&won.failed), [FailureKind::Interrupted]);
    assert_eq!(won.failed[0].tokens.output, 1, "what went past is booked");
    let heard = hear(won).await;
    assert_eq!((heard.text.as_str(), heard.frames.len()), ("Hello", 1));
    assert!(heard.broke.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_has_more_time_than_the_first_event_of_a_stream() {
    let provider = ScriptedProvider::new()
        .on(
            "first",
            "a/one",
            Script::new().wait(secs(100)).frame(body_frame("Hello")),
        )
        .on("second", "b/two", Script::body("other"));
    let rig = Rig::new(&["first a/one", "second b/two"], provider).whole();
    assert_eq!(hear(rig.run().await.unwrap()).await.text, "Hello");
    assert_eq!(rig.sent().len(), 1);
    assert_eq!(
        rig.health("endpoint first a/one").unwrap().first_token_ms,
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_collected_answer_that_falls_silent_is_taken_from_elsewhere() {
    let provider = ScriptedProvider::new()
        .on(
            "first",
            "a/one",
            Script::new().frame(text_frame("Hel")).stall(),
        )
        .on("second", "b/two", Script::body("Hello"));
    let rig = Rig::new(&["first a/one", "second b/two"], provider).whole();
    let start = Instant::now();
    assert_eq!(hear(rig.run().await.unwrap()).await.text, "Hello");
    assert_eq!(start.elapsed(), secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_model_may_have_nothing_to_say_if_it_says_so() {
    let silent = Script::new()
        .frame(role_frame())
        .frame(finish_frame())
        .frame(Frame::done());
    let provider = ScriptedProvider::new().on("first", "a/one", silent);
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let heard = hear(rig.run().await.unwrap()).await;
    assert_eq!((heard.text.as_str(), heard.frames.len()), ("", 3));
    assert_eq!(rig.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_neither_content_nor_finish_is_none() {
    let empty = Script::new().frame(role_frame()).frame(Frame::done());
    let provider = ScriptedProvider::new().on("first", "a/one", empty).on(
        "second",
        "b/two",
        Script::answer(&["Hello"]),
    );
    let rig = Rig::new(&["first a/one", "second b/two"], provider);
    let won = rig.run().await.unwrap();
    assert_eq!(kinds(&won.failed), [FailureKind::BadReply]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_no_silent_upstream() {
    let script = Script::new()
        .frame(text_frame("Hel"))
        .wait(secs(50))
        .frame(text_frame("lo"))
        .frame(finish_frame());
    let provider = ScriptedProvider::new().on("only", "a/one", script);
    let rig = Rig::new(&["only a/one"], provider);
    let mut frames = rig.run().await.unwrap().reply.frames;
    let mut read = 0;
    while let Some(frame) = frames.next().await {
        assert!(frame.is_ok(), "{frame:?}");
        read += 1;
        tokio::time::sleep(secs(100)).await;
    }
    assert_eq!(read, 3);
}

#[tokio::test(start_paused = true)]
async fn the_calls_total_time_ends_a_running_answer() {
    let tokens = (0..1000).fold(Script::new(), |script, _| {
        script.frame(text_frame("x")).wait(secs(1))
    });
    let provider = ScriptedProvider::new().on("only", "a/one", tokens);
    let rig = Rig::new(&["only a/one"], provider).timeout(secs(20));
    let start = Instant::now();
    let broke = hear(rig.run().await.unwrap()).await.broke.unwrap();
    assert_eq!(start.elapsed(), secs(20));
    assert_eq!(
        (broke.kind(), broke.next()),
        (FailureKind::Deadline, Next::Stop),
        "the upstream did not cut it"
    );
    assert_eq!(rig.health("endpoint only a/one").unwrap().attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_an_answer_closes_its_upstream_and_is_no_evidence() {
    let provider = ScriptedProvider::new().on(
        "only",
        "a/one",
        Script::new().frame(text_frame("Hel")).stall(),
    );
    let rig = Rig::new(&["only a/one"], provider);
    let mut won = rig.run().await.unwrap();
    assert!(won.reply.frames.next().await.unwrap().is_ok());
    assert_eq!(rig.provider.open(), 1);
    drop(won);
    assert_eq!(rig.provider.open(), 0);
    let health = rig.health("endpoint only a/one").unwrap();
    assert_eq!((health.attempts, health.in_flight), (0, 0));
}
