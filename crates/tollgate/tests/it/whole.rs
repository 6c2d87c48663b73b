//! Answers in one piece that come in pieces.

use futures_util::StreamExt;
use tollgate::{
    ChatReply, CostSource, Delivery, Ended, FailureKind, FrameKind, Order, StreamMode,
    UpstreamStream,
};
use tollgate_testkit::providers::{
    Fault, Script, ScriptedProvider, body_frame, finish_frame, keep_alive_frame, served_text_frame,
    usage_frame,
};

use crate::rig::{Rig, ask, cut_after, ends};

fn whole() -> Order {
    Order::from(ask(StreamMode::Whole)).with_upstream_stream(UpstreamStream::Always)
}

#[tokio::test(start_paused = true)]
async fn events_become_one_body_with_all_that_they_said() {
    let script = Script::new()
        .frame(keep_alive_frame())
        .frame(served_text_frame("Good ", "a/one-20260101"))
        .frame(served_text_frame("day", "a/one-20260101"))
        .frame(finish_frame())
        .frame(usage_frame(10, 2))
        .frame(tollgate::Frame::done());
    let rig = Rig::new(ScriptedProvider::new().on("openrouter", "a/one", script)).await;
    let mut answer = rig.stream(whole()).await;
    assert_eq!(rig.provider.sent()[0].delivery, Delivery::Stream);

    let body = answer.next().await.unwrap().unwrap();
    assert_eq!(body.kind, FrameKind::Body);
    let ChatReply::Answer(response) = ChatReply::parse(&body.data).unwrap() else {
        panic!("an answer");
    };
    assert_eq!(response.text(), "Good day");
    assert_eq!(response.usage().unwrap().completion_tokens, 2);
    assert!(body.facts.semantic && body.facts.finish.is_some());
    assert_eq!(body.facts.output_bytes, 8);
    assert_eq!(body.facts.usage.unwrap().tokens.output, 2);
    let served = body.facts.served.unwrap().model.unwrap();
    assert_eq!(served.as_str(), "a/one-20260101");
    assert!(answer.next().await.is_none());
    assert_eq!(answer.served().model, Some(served));

    let receipt = rig.receipt().await;
    assert_eq!(receipt.ended, Ended::Complete);
    assert_eq!(receipt.attempts[0].tokens.output, 2);
    assert_eq!(receipt.cost().unwrap().source, CostSource::Computed);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_in_one_piece_is_not_touched() {
    let body = body_frame("Good day");
    let script = Script::new().frame(keep_alive_frame()).frame(body.clone());
    let rig = Rig::new(ScriptedProvider::new().on("openrouter", "a/one", script)).await;
    let mut answer = rig.stream(whole()).await;
    let frame = answer.next().await.unwrap().unwrap();
    assert_eq!((frame.kind, frame.data), (FrameKind::Body, body.data));
    assert!(answer.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cut_behind_a_whole_answer_leads_elsewhere_unseen() {
    let provider = ScriptedProvider::new()
        .on("openrouter", "a/one", cut_after(&["Hel"]))
        .on("second", "a/one", Script::answer(&["Good day"]));
    let rig = Rig::new(provider).await;
    let collected = rig.stream(whole()).await.collect().await.unwrap();
    assert_eq!(collected.response.text(), "Good day");
    assert_eq!(ends(&collected.receipt), [(1, "failed"), (2, "complete")]);
}

#[tokio::test(start_paused = true)]
async fn a_piece_that_cannot_be_read_is_no_answer() {
    let mut broken = served_text_frame("day", "a/one");
    broken.data = (&b"{"[..]).into();
    let script = Script::new().frame(broken).frame(finish_frame());
    let rig = Rig::new(ScriptedProvider::new().on("openrouter", "a/one", script)).await;
    let error = rig.stream(whole()).await.collect().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Internal);
    assert_eq!(ends(error.receipt().unwrap()), [(1, "cut")]);
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_that_nobody_reads_is_complete() {
    let provider = ScriptedProvider::new()
        .on(
            "openrouter",
            "a/one",
            Script::refuse(Fault::new(FailureKind::Upstream)),
        )
        .on("second", "a/one", Script::answer(&["Good day"]));
    let rig = Rig::new(provider).await;
    drop(rig.stream(whole()).await);
    let receipt = rig.receipt().await;
    assert_eq!(receipt.ended, Ended::Complete);
    assert_eq!(ends(&receipt), [(1, "failed"), (2, "complete")]);
}
