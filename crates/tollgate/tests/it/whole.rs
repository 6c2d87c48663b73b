//! Answers in one piece that come in pieces.

use futures_util::StreamExt;
use tollgate::{
    ChatReply, Collected, CostSource, Delivery, EmbeddingsResponse, Ended, FailureKind, Frame,
    FrameKind, MessagesReply, Order, Request, ResponsesReply, StreamMode, Surface, UpstreamStream,
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

// === other surfaces ===

/// Collects the answer to a request of that surface, which comes in these pieces.
async fn collect(surface: Surface, members: &str, kind: FrameKind, pieces: &[&str]) -> Collected {
    let frames = pieces.iter().map(|piece| Frame {
        kind,
        data: (*piece).to_owned().into(),
        ..finish_frame()
    });
    let script = Script::new().frames(frames);
    let rig = Rig::new(ScriptedProvider::new().on("openrouter", "a/one", script)).await;
    let request = format!(r#"{{"model":"a/one",{members}}}"#);
    let request = Request::parse(surface, request.as_bytes()).unwrap();
    let collected = rig.stream(request).await.collect().await.unwrap();
    assert_eq!(ends(&collected.receipt), [(1, "complete")], "{surface}");
    collected
}

const MESSAGE: &str = r#"{"id":"m","type":"message","content":[{"type":"text","text":"Good day"}],"usage":{"input_tokens":3,"output_tokens":2.0},"stop_reason":"end_turn"}"#;
const RESPONSE: &str = r#"{"id":"r","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Good day"}]}]}"#;
const TURNS: &str = r#""messages":[{"role":"user","content":"Say hello."}],"max_tokens":100"#;

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_surface_that_came_whole_is_collected_as_it_came() {
    let vectors = r#"{"object":"list","data":[{"index":0,"embedding":[0.10]}]}"#;
    let completion = r#"{"choices":[{"index":0,"text":"Good day","finish_reason":"stop"}]}"#;
    for (surface, members, body) in [
        (Surface::Messages, TURNS, MESSAGE),
        (Surface::Responses, r#""input":"Say hello.""#, RESPONSE),
        (Surface::Embeddings, r#""input":"Hello""#, vectors),
        (Surface::Completions, r#""prompt":"Good""#, completion),
    ] {
        let collected = collect(surface, members, FrameKind::Body, &[body]).await;
        assert_eq!(collected.body, body, "{surface}");
        assert_eq!(collected.response.to_vec(), body.as_bytes(), "{surface}");
        match surface {
            Surface::Completions => assert_eq!(collected.response.text(), "Good day"),
            Surface::Embeddings => {
                let vectors = EmbeddingsResponse::parse(&collected.body).unwrap();
                assert_eq!(vectors.data().len(), 1);
            }
            _ => assert_eq!(collected.response.text(), ""),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_messages_is_collected_as_the_message_that_it_makes() {
    let members = format!(r#"{TURNS},"stream":true"#);
    let events = [
        r#"{"type":"message_start","message":{"id":"m","type":"message","content":[],"usage":{"input_tokens":3}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Good "}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"day"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2.0}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let collected = collect(Surface::Messages, &members, FrameKind::Event, &events).await;
    assert_eq!(collected.body, MESSAGE);
    let message = MessagesReply::parse(&collected.body).unwrap().unwrap();
    assert_eq!(message.text_bytes(), "Good day".len());
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_responses_is_collected_as_the_response_that_it_ends_with() {
    let ended = format!(r#"{{"type":"response.completed","response":{RESPONSE}}}"#);
    let events = [
        r#"{"type":"response.created","response":{"id":"r","status":"in_progress","output":[]}}"#,
        r#"{"type":"response.output_text.delta","delta":"Good day"}"#,
        &ended,
    ];
    let members = r#""input":"Say hello.","stream":true"#;
    let collected = collect(Surface::Responses, members, FrameKind::Event, &events).await;
    assert_eq!(collected.body, RESPONSE);
    let response = ResponsesReply::parse(&collected.body).unwrap().unwrap();
    assert_eq!(response.text_bytes(), "Good day".len());
}
