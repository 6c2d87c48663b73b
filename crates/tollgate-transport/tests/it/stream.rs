//! Answers that are streamed.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::Notify;
use tollgate_core::{Billed, Delivery, FailureKind, Finish, Frame, FrameKind, LlmProvider};
use tollgate_transport::OpenRouterProvider;

use crate::server::{Act, Server, event, finish, json, open_stream, stream, text};
use crate::setup::{attempt, collect, config, failure, openrouter};

const DONE: &str = "data: [DONE]\n\n";

async fn outcome(bytes: &str) -> (Vec<Frame>, Option<FailureKind>) {
    let server = Server::start([stream(bytes.as_bytes())]).await;
    let (frames, end) = collect(&openrouter(&server), Delivery::Stream).await;
    (frames, end.map(|failure| failure.kind()))
}

#[tokio::test]
async fn events_and_comments_become_frames_with_the_upstreams_bytes() {
    let sample = include_bytes!("../fixtures/chat-stream-text.sse");
    let server = Server::start([stream(sample)]).await;
    let (frames, end) = collect(&openrouter(&server), Delivery::Stream).await;
    assert!(end.is_none(), "{end:?}");
    let kinds: Vec<FrameKind> = frames.iter().map(|frame| frame.kind).collect();
    use FrameKind::{Done, Event, KeepAlive};
    assert_eq!(kinds, [KeepAlive, Event, Event, Event, Event, Event, Done]);
    let sample = String::from_utf8_lossy(sample);
    assert!(
        frames
            .iter()
            .all(|frame| sample.contains(&*String::from_utf8_lossy(&frame.data)))
    );
    assert_eq!(frames[1].facts.output_bytes, "Grüße".len() as u32);
    let semantic: Vec<bool> = frames.iter().map(|frame| frame.facts.semantic).collect();
    assert_eq!(semantic, [false, true, true, true, false, false, false]);
    let served = frames
        .iter()
        .filter_map(|frame| frame.facts.served.as_ref())
        .collect::<Vec<_>>();
    assert_eq!(served.len(), 1, "who serves is told once");
    assert_eq!(
        served[0].provider.as_ref().unwrap().as_str(),
        "Example Labs"
    );
    assert_eq!(frames[4].facts.finish, Some(Finish::Stop));
    assert_eq!(frames[5].facts.usage.as_ref().unwrap().tokens.output, 7);
}

#[tokio::test]
async fn the_recorded_form_of_usage_reports_reasoning_and_cost() {
    let server = Server::start([stream(include_bytes!("../fixtures/chat-stream.sse"))]).await;
    let (frames, end) = collect(&openrouter(&server), Delivery::Stream).await;
    assert!(end.is_none(), "{end:?}");
    let usage: Vec<_> = frames
        .iter()
        .filter_map(|frame| frame.facts.usage.as_ref())
        .collect();
    assert_eq!(usage.len(), 1);
    assert!(usage[0].cost.is_some_and(|cost| cost.credits.nanos() > 0));
    let bytes: u32 = frames.iter().map(|frame| frame.facts.output_bytes).sum();
    assert!(bytes > 0);
}

#[tokio::test]
async fn an_end_without_the_marker_is_good_only_after_a_finish_reason() {
    for (bytes, expected) in [
        (text("a") + &finish("stop") + DONE, None),
        (text("a") + &finish("stop"), None),
        (text("a"), Some(FailureKind::Truncated)),
        // An empty reason is none.
        (text("a") + &finish(""), Some(FailureKind::Truncated)),
        (
            text("a") + &finish("") + &finish("stop") + &finish(""),
            None,
        ),
        (text("a") + "data: {\"id\":", Some(FailureKind::Truncated)),
        (
            ": OPENROUTER PROCESSING\n\n".to_owned(),
            Some(FailureKind::BadReply),
        ),
        (String::new(), Some(FailureKind::BadReply)),
        (DONE.to_owned(), Some(FailureKind::BadReply)),
        // Without the empty line after it, but complete.
        (text("a") + finish("stop").trim_end(), None),
        (text("a") + DONE.trim_end(), None),
    ] {
        assert_eq!(outcome(&bytes).await.1, expected, "{bytes}");
    }
}

#[tokio::test]
async fn an_empty_finish_reason_on_each_chunk_does_not_end_the_answer() {
    let chunk = text("a").replace(r#""delta""#, r#""finish_reason":"","delta""#);
    let server = Server::start([stream((chunk.repeat(2) + DONE).as_bytes())]).await;
    let (frames, end) = collect(&openrouter(&server), Delivery::Stream).await;
    assert!(end.is_none(), "{end:?}");
    // From the reason on, the cost line cuts no more.
    let finishes: Vec<_> = frames.iter().map(|frame| frame.facts.finish).collect();
    assert_eq!(finishes, [None; 3]);
}

#[tokio::test]
async fn what_follows_the_marker_is_nobodys() {
    let (frames, end) =
        outcome(&(text("a") + &finish("stop") + DONE + &event(r#"{"error":{"message":"late"}}"#)))
            .await;
    assert_eq!((frames.len(), end), (3, None));
}

#[tokio::test]
async fn what_cannot_be_read_is_a_bad_reply() {
    for bytes in [
        text("a") + &event("{"),
        text("a") + &event("<html>"),
        text("a") + &finish("error"),
    ] {
        let (frames, end) = outcome(&bytes).await;
        assert_eq!(
            (frames.len(), end),
            (1, Some(FailureKind::BadReply)),
            "{bytes}"
        );
    }
}

#[tokio::test]
async fn a_blank_event_only_keeps_the_connection_alive() {
    for blank in ["data:\n\n", "data:  \n\n", "event: ping\ndata:\ndata:\n\n"] {
        let bytes = [blank, &text("a"), blank, &finish("stop"), blank, DONE].concat();
        let (frames, end) = outcome(&bytes).await;
        assert_eq!(end, None, "{blank:?}");
        let kinds: Vec<FrameKind> = frames.iter().map(|frame| frame.kind).collect();
        use FrameKind::{Done, Event, KeepAlive};
        let expected = [KeepAlive, Event, KeepAlive, Event, KeepAlive, Done];
        assert_eq!(kinds, expected, "{blank:?}");
        assert!(frames[2].data.is_empty(), "a comment is one line");
    }
}

#[tokio::test]
async fn an_index_that_is_null_is_the_first() {
    let null = |event: String| event.replace(r#""index":0"#, r#""index":null"#);
    let (frames, end) = outcome(&(null(text("a")) + &null(finish("stop")))).await;
    assert_eq!((frames.len(), end), (2, None));
}

#[tokio::test]
async fn an_error_first_is_free_and_an_error_later_may_not_be() {
    let server = Server::start([stream(include_bytes!(
        "../fixtures/chat-stream-error-first.sse"
    ))])
    .await;
    let first = failure(&openrouter(&server), Delivery::Stream).await;
    assert_eq!(
        (first.kind(), first.status(), first.rule().billed),
        (FailureKind::Upstream, Some(503), Billed::No)
    );

    let server = Server::start([stream(include_bytes!("../fixtures/chat-stream-error.sse"))]).await;
    let (frames, later) = collect(&openrouter(&server), Delivery::Stream).await;
    let later = later.unwrap();
    assert_eq!(
        frames.iter().filter(|frame| frame.facts.semantic).count(),
        2
    );
    assert_eq!(
        (later.kind(), later.status(), later.rule().billed),
        (FailureKind::Upstream, Some(502), Billed::Unknown)
    );
    assert!(
        later
            .context()
            .contains(&("provider", "DeepSeek".to_owned())),
        "{later}"
    );
    assert!(
        later.context().contains(&("events", "2".to_owned())),
        "{later}"
    );
}

#[tokio::test]
async fn a_broken_stream_names_its_generation_by_the_head_or_a_chunk() {
    let head = Act::Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec());
    let error = r#"{"id":"gen-1","error":{"code":502,"message":""},"choices":[]}"#;
    for (open, bytes, expected) in [
        (open_stream(), String::new(), Some("gen-1")),
        (open_stream(), text("a"), Some("gen-1")),
        (head.clone(), text("a"), Some("gen-1")),
        (head.clone(), text("a") + &event("{"), Some("gen-1")),
        (head.clone(), event(error), Some("gen-1")),
        (head.clone(), ": wait\n\n".to_owned(), None),
    ] {
        let script = vec![open, Act::Send(bytes.clone().into()), Act::Close];
        let server = Server::start([script]).await;
        let failure = failure(&openrouter(&server), Delivery::Stream).await;
        let generation = failure.generation().map(|id| id.as_str());
        assert_eq!(generation, expected, "{bytes}");
    }
}

#[tokio::test]
async fn a_prompt_that_fills_the_window_is_told_before_anything_is_shown() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":0}}"#;
    assert_eq!(
        outcome(&(finish("length") + &event(usage) + DONE)).await.1,
        Some(FailureKind::ContextLength)
    );
    // All of the limit went into thinking: an answer, and paid for.
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5}}"#;
    assert_eq!(
        outcome(&(finish("length") + &event(usage) + DONE)).await.1,
        None
    );
}

#[tokio::test]
async fn a_stream_may_be_answered_by_one_body() {
    let server = Server::start([json(200, include_bytes!("../fixtures/chat.json"))]).await;
    let (frames, end) = collect(&openrouter(&server), Delivery::Stream).await;
    assert!(end.is_none() && frames[0].kind == FrameKind::Body && frames.len() == 1);

    let server =
        Server::start([json(200, include_bytes!("../fixtures/error-200-body.json"))]).await;
    assert_eq!(
        failure(&openrouter(&server), Delivery::Stream)
            .await
            .status(),
        Some(502)
    );
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let cases = [
        (String::new(), Some(FailureKind::Silent)),
        (
            ": OPENROUTER PROCESSING\n\n".to_owned(),
            Some(FailureKind::Silent),
        ),
        (text("a"), Some(FailureKind::Truncated)),
        (text("a") + &finish("stop"), None),
    ];
    for (bytes, expected) in cases {
        let mut server = Server::start([vec![
            open_stream(),
            Act::Send(bytes.clone().into()),
            Act::Hold,
        ]])
        .await;
        let mut config = config(&server);
        config.timers.idle_ms = Some(250);
        let provider = OpenRouterProvider::new(config).unwrap();
        let end = collect(&provider, Delivery::Stream).await.1;
        assert_eq!(end.map(|failure| failure.kind()), expected, "{bytes}");
        server.request().await;
        assert!(matches!(server.seen().await, crate::server::Seen::Closed));
    }
}

#[tokio::test]
async fn a_tool_call_counts_towards_the_meter() {
    let call = event(
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":1}"}}]}}]}"#,
    );
    let (frames, end) = outcome(&(call + &finish("tool_calls") + DONE)).await;
    assert_eq!(end, None);
    assert_eq!(
        (frames[0].facts.semantic, frames[0].facts.output_bytes),
        (true, 7)
    );
    assert_eq!(frames[1].facts.finish, Some(Finish::ToolCalls));
}

#[tokio::test]
async fn text_in_parts_counts_towards_the_meter() {
    let chunk = |parts: &str| {
        event(&format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":{parts}}}}}]}}"#
        ))
    };
    for (parts, bytes) in [
        (r#"[{"type":"text","text":"Gr\u00fc\u00dfe"}]"#, 7),
        (
            r#"[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]},{"type":"text","text":"Hi"}]"#,
            4,
        ),
        (r#"[{"type":"thinking","thinking":"Hm"}]"#, 2),
        (r#"[{"type":"reference","reference_ids":[1]}]"#, 0),
        // What cannot be read, by its length.
        (r#"[{"type":"text","text":7},"ab"]"#, 28),
        (r#"{"text":"Hi"}"#, 13),
        (r#"[{"type":"thinking","thinking":[{"thinking":[]}]}]"#, 15),
    ] {
        // After one that is alike, too.
        let bytes_of = chunk(parts).repeat(2) + &finish("stop") + DONE;
        let (frames, end) = outcome(&bytes_of).await;
        assert_eq!(end, None, "{parts}");
        for frame in &frames[..2] {
            assert_eq!(frame.facts.output_bytes, bytes, "{parts}");
        }
    }
}

#[tokio::test]
async fn an_event_over_the_limit_ends_the_stream() {
    let server = Server::start([stream(text("far too long").as_bytes())]).await;
    let mut config = config(&server);
    config.connection.max_event_bytes = 64;
    let failure = failure(&OpenRouterProvider::new(config).unwrap(), Delivery::Stream).await;
    assert_eq!(failure.kind(), FailureKind::BadReply);
}

#[tokio::test]
async fn a_connection_is_used_again_although_the_body_ends_after_the_marker() {
    let chunk = |bytes: &str| Act::Send(format!("{:x}\r\n{bytes}\r\n", bytes.len()).into());
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let gate = Arc::new(Notify::new());
    let script = vec![
        Act::Send(head.into()),
        chunk(&text("a")),
        chunk(&finish("stop")),
        chunk(DONE),
        Act::Gate(Arc::clone(&gate)),
        Act::Send(b"0\r\n\r\n".to_vec()),
    ];
    let mut server = Server::start([script.clone(), script]).await;
    let provider = openrouter(&server);
    for _ in 0..2 {
        let mut reply = provider.send(&attempt(Delivery::Stream)).await.unwrap();
        while reply.frames.next().await.unwrap().unwrap().kind != FrameKind::Done {}
        gate.notify_one();
        assert!(reply.frames.next().await.is_none());
        assert_eq!(server.request().await.0, 0);
    }
}

#[tokio::test]
async fn an_end_is_good_only_when_each_choice_has_ended() {
    let both = event(
        r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
    );
    let second = event(r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#);
    let usage = event(
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":null}],"usage":{"prompt_tokens":1}}"#,
    );
    assert_eq!(
        outcome(&(both.clone() + &finish("stop"))).await.1,
        Some(FailureKind::Truncated)
    );
    assert_eq!(
        outcome(&(both + &finish("stop") + &second + &usage))
            .await
            .1,
        None
    );
}
