//! Upstreams that speak no chat: Anthropic's Messages and Google's Gemini.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{
    ApiKey, Attempt, Delivery, FailureKind, Finish, Frame, FrameKind, LaneCheck, LaneId,
    LlmProvider, ModelId, Next, Scope,
};
use tollgate_testkit::builders::NOON;
use tollgate_transport::{DirectConfig, DirectProvider, Speech, Thinking};
use tollgate_wire::{ChatReply, ChunkMerger, StreamEvent, Surface};

use crate::server::{Act, Server, json as body, open_stream, stream};
use crate::setup::{KEY, asking, dropped, read};

const MESSAGES: &[u8] = include_bytes!("../fixtures/messages-stream.sse");
const MESSAGE: &[u8] = br#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"thinking","thinking":"Hm.","signature":"S"},{"type":"text","text":"Hello"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1.0}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"cache_read_input_tokens":100,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_1h_input_tokens":20},"output_tokens":9}}"#;
const GEMINI: &[u8] = br#"{"candidates":[{"content":{"parts":[{"text":"Hm.","thought":true},{"text":"Hello"},{"functionCall":{"name":"f","args":{"a":1.0}},"thoughtSignature":"S"}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":120,"cachedContentTokenCount":100,"candidatesTokenCount":6,"thoughtsTokenCount":3,"totalTokenCount":129},"modelVersion":"gemini-x","responseId":"r1"}"#;
const GEMINI_STREAM: &str = concat!(
    r#"data: {"candidates":[{"content":{"parts":[{"text":"Hm.","thought":true}]}}],"usageMetadata":{"promptTokenCount":120},"modelVersion":"gemini-x","responseId":"r1"}"#,
    "\r\n\r\n",
    r#"data: {"candidates":[{"content":{"parts":[{"text":"Hello"},{"functionCall":{"id":"c1","name":"f","args":{"a":1.0}},"thoughtSignature":"S"}]}}],"usageMetadata":{"promptTokenCount":120,"candidatesTokenCount":2},"modelVersion":"gemini-x","responseId":"r1"}"#,
    "\r\n\r\n",
    r#"data: {"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":120,"cachedContentTokenCount":100,"candidatesTokenCount":6,"thoughtsTokenCount":3,"totalTokenCount":129},"modelVersion":"gemini-x","responseId":"r1"}"#,
    "\r\n\r\n",
);

const CHAT: &str = r#"{"model":"a/b","messages":[{"role":"user","content":"Hi"}]}"#;

fn config(server: &Server, dialect: Speech) -> DirectConfig {
    DirectConfig {
        api_key: Some(ApiKey::new(KEY)),
        base_url: server.url.clone(),
        dialect,
        ..DirectConfig::default()
    }
}

fn provider(server: &Server, dialect: Speech) -> DirectProvider {
    let provider = DirectProvider::new(config(server, dialect)).unwrap();
    provider.with_clock(Arc::new(|| NOON))
}

fn value(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

/// The chat that a whole answer or a stream of chunks is.
fn chat(frames: &[Frame]) -> Value {
    if frames[0].kind == FrameKind::Body {
        let ChatReply::Answer(answer) = ChatReply::parse(&frames[0].data).unwrap() else {
            panic!("an answer")
        };
        return value(&answer.to_vec());
    }
    let mut merger = ChunkMerger::new();
    for frame in frames.iter().filter(|frame| frame.kind == FrameKind::Event) {
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(&frame.data).unwrap() else {
            panic!("{frame:?}")
        };
        merger.push(&chunk).unwrap();
    }
    value(&merger.finish().to_vec())
}

// === requests ===

#[tokio::test]
async fn a_chat_goes_to_anthropic_as_a_message_with_its_headers_and_a_limit() {
    let mut server = Server::start([body(200, MESSAGE)]).await;
    let asked = r#"{"model":"a/b","messages":[{"role":"system","content":"s"},{"role":"user","content":"Hi"}],"provider":{"order":["x"]},"user":"u"}"#;
    let attempt = asking(Surface::Chat, asked, Delivery::Whole);
    let reply = provider(&server, Speech::Messages)
        .send(&attempt)
        .await
        .unwrap();
    assert_eq!(dropped(&reply), Some("provider"));
    let (_, head, sent) = server.request().await;
    assert!(head.starts_with("post /api/v1/messages "), "{head}");
    assert!(
        head.contains(&format!("\r\nx-api-key: {}\r\n", KEY.to_lowercase())),
        "{head}"
    );
    assert!(
        head.contains("\r\nanthropic-version: 2023-06-01\r\n"),
        "{head}"
    );
    assert!(!head.contains("authorization"), "{head}");
    assert_eq!(
        value(sent.as_bytes()),
        json!({"model":"a/b","system":"s","messages":[{"role":"user","content":"Hi"}],"max_tokens":8192,"metadata":{"user_id":"u"}})
    );
}

#[tokio::test]
async fn the_limit_of_the_attempt_holds_and_leaves_room_to_think() {
    let check = async |dialect, asked: &str, expected: Value, path: &str| {
        let mut server = Server::start([body(200, b"{}")]).await;
        let attempt = Attempt {
            max_output: Some(2000),
            ..asking(Surface::Chat, asked, Delivery::Whole)
        };
        drop(provider(&server, dialect).send(&attempt).await.unwrap());
        let sent = value(server.request().await.2.as_bytes());
        assert_eq!(sent.pointer(path), Some(&expected), "{sent}");
    };
    let asked = r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":9000,"max_completion_tokens":8000,"reasoning":{"max_tokens":4000}}"#;
    check(Speech::Messages, asked, json!(2000), "/max_tokens").await;
    check(
        Speech::Messages,
        asked,
        json!(1600),
        "/thinking/budget_tokens",
    )
    .await;
    check(
        Speech::Gemini,
        asked,
        json!(2000),
        "/generationConfig/maxOutputTokens",
    )
    .await;
    check(Speech::Messages, CHAT, json!(2000), "/max_tokens").await;
    let lower = r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":70}"#;
    check(Speech::Messages, lower, json!(70), "/max_tokens").await;
}

#[tokio::test]
async fn a_chat_goes_to_gemini_at_the_address_of_the_model_and_the_delivery() {
    for (model, delivery, path) in [
        (
            "gemini-x",
            Delivery::Whole,
            "/api/v1/models/gemini-x:generatecontent ",
        ),
        (
            "gemini-x",
            Delivery::Stream,
            "/api/v1/models/gemini-x:streamgeneratecontent?alt=sse ",
        ),
        (
            "tunedModels/mine",
            Delivery::Whole,
            "/api/v1/tunedmodels/mine:generatecontent ",
        ),
    ] {
        let mut server = Server::start([body(200, GEMINI)]).await;
        let attempt = Attempt {
            models: vec![ModelId::new(model).unwrap()],
            ..asking(Surface::Chat, CHAT, delivery)
        };
        drop(
            provider(&server, Speech::Gemini)
                .send(&attempt)
                .await
                .unwrap(),
        );
        let (_, head, sent) = server.request().await;
        assert!(head.starts_with(&format!("post {path}")), "{head}");
        assert!(
            head.contains(&format!("\r\nx-goog-api-key: {}\r\n", KEY.to_lowercase())),
            "{head}"
        );
        assert_eq!(
            sent,
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#
        );
    }
}

#[tokio::test]
async fn headers_and_fields_of_the_configuration_go_before_those_of_the_dialect() {
    let mut server = Server::start([body(200, MESSAGE), body(200, GEMINI)]).await;
    let messages = DirectProvider::new(DirectConfig {
        key_header: Some("authorization".into()),
        headers: [("anthropic-version".to_owned(), "2030-01-01".to_owned())].into(),
        unlimited_output: 5000,
        thinking: Thinking::Budget,
        ..config(&server, Speech::Messages)
    });
    let asked =
        r#"{"messages":[{"role":"user","content":"x"}],"reasoning":{"effort":"high"},"seed":1}"#;
    let attempt = asking(Surface::Chat, asked, Delivery::Whole);
    drop(messages.unwrap().send(&attempt).await.unwrap());
    let (_, head, sent) = server.request().await;
    assert!(
        head.contains("\r\nanthropic-version: 2030-01-01\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nauthorization: sk-or"), "{head}");
    let sent = value(sent.as_bytes());
    assert_eq!(
        sent["thinking"],
        json!({"type":"enabled","budget_tokens":4000})
    );
    let gemini = DirectProvider::new(DirectConfig {
        drops: vec!["seed".into()],
        ..config(&server, Speech::Gemini)
    });
    let reply = gemini.unwrap().send(&attempt).await.unwrap();
    assert_eq!(dropped(&reply), Some("seed"));
    assert!(!server.request().await.2.contains("seed"));
}

#[tokio::test]
async fn a_message_goes_to_anthropic_as_it_came() {
    let mut server = Server::start([body(200, MESSAGE), body(200, MESSAGE)]).await;
    let asked = r#"{"model":"a/b","max_tokens": 9,"messages":[{"role":"user","content":[{"type":"text","text":"é \u00e9", "cache_control":{"type":"ephemeral"}}]}],"cache_control":{"type":"ephemeral"},"new":1.10}"#;
    let attempt = asking(Surface::Messages, asked, Delivery::Whole);
    let provider = provider(&server, Speech::Messages);
    let (frames, end) = read(&provider, &attempt).await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(frames[0].data, MESSAGE);
    let sent = server.request().await.2;
    assert_eq!(sent.replace("\"max_tokens\":9", "\"max_tokens\": 9"), asked);

    let asked = r#"{"model":"a/b","messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"","detail":{"type":"reasoning.text"}},{"type":"text","text":"y"}]},{"role":"user","content":"z"}],"user":"u","plugins":[{"id":"web"}],"fallbacks":[{"model":"c/d"}],"max_tokens":9}"#;
    let attempt = asking(Surface::Messages, asked, Delivery::Whole);
    let reply = provider.send(&attempt).await.unwrap();
    assert_eq!(
        dropped(&reply),
        Some("messages[1].content[0], plugins, user")
    );
    assert_eq!(
        server.request().await.2,
        r#"{"model":"a/b","messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"text","text":"y"}]},{"role":"user","content":"z"}],"max_tokens":9}"#
    );
}

#[tokio::test]
async fn every_surface_reaches_every_dialect() {
    let image = "data:image/png;base64,AA";
    for (surface, asked, said, ended) in [
        (Surface::Chat, CHAT.to_owned(), "chat.completion", "usage"),
        (
            Surface::Responses,
            format!(
                r#"{{"model":"a/b","input":[{{"role":"user","content":[{{"type":"input_text","text":"Hi"}},{{"type":"input_image","image_url":"{image}"}}]}}]}}"#
            ),
            r#""object":"response""#,
            "response.completed",
        ),
        (
            Surface::Messages,
            r#"{"model":"a/b","max_tokens":99,"messages":[{"role":"user","content":"Hi"}]}"#
                .to_owned(),
            r#""type":"message""#,
            "message_stop",
        ),
        (
            Surface::Completions,
            r#"{"model":"a/b","prompt":"Once"}"#.to_owned(),
            "text_completion",
            "text_completion",
        ),
    ] {
        for (dialect, whole, streamed) in [
            (Speech::Messages, MESSAGE, MESSAGES),
            (Speech::Gemini, GEMINI, GEMINI_STREAM.as_bytes()),
        ] {
            let server =
                Server::start([body(200, whole), stream(streamed), body(200, whole)]).await;
            let provider = provider(&server, dialect);
            let (frames, end) = read(&provider, &asking(surface, &asked, Delivery::Whole)).await;
            assert!(end.is_none(), "{surface} {dialect:?}: {end:?}");
            let text = String::from_utf8_lossy(&frames[0].data).into_owned();
            assert!(text.contains(said) && text.contains("Hello"), "{text}");
            let facts = &frames[0].facts;
            assert!(facts.semantic && facts.usage.is_some() && facts.finish.is_some());

            // A stream, and one that comes in one piece all the same, which natively stays one.
            let is_native = (surface, dialect) == (Surface::Messages, Speech::Messages);
            for _ in 0..if is_native { 1 } else { 2 } {
                let attempt = asking(surface, &asked, Delivery::Stream);
                let (frames, end) = read(&provider, &attempt).await;
                assert!(end.is_none(), "{surface} {dialect:?}: {end:?}");
                let events: Vec<&Frame> = frames
                    .iter()
                    .filter(|frame| frame.kind == FrameKind::Event)
                    .collect();
                let last = String::from_utf8_lossy(&events[events.len() - 1].data).into_owned();
                assert!(last.contains(ended), "{last}");
                let usages = frames.iter().filter(|frame| frame.facts.usage.is_some());
                assert_eq!(usages.count(), 1, "{surface} {dialect:?}");
                let finishes: Vec<Finish> = frames
                    .iter()
                    .filter_map(|frame| frame.facts.finish)
                    .collect();
                assert_eq!(finishes, [Finish::ToolCalls], "{surface} {dialect:?}");
                let is_done = frames.last().unwrap().kind == FrameKind::Done;
                assert_eq!(is_done, surface == Surface::Chat, "{surface} {dialect:?}");
            }
        }
    }
}

// === answers ===

#[tokio::test]
async fn an_answer_of_anthropic_is_a_chat_with_its_thoughts_calls_and_counts() {
    let server = Server::start([body(200, MESSAGE), stream(MESSAGES)]).await;
    let provider = provider(&server, Speech::Messages);
    let (frames, _) = read(&provider, &asking(Surface::Chat, CHAT, Delivery::Whole)).await;
    let answer = chat(&frames);
    assert_eq!(answer["created"], NOON.secs());
    assert_eq!(
        answer["choices"][0]["message"],
        json!({"role":"assistant","content":"Hello","reasoning":"Hm.",
            "reasoning_details":[{"type":"reasoning.text","text":"Hm.","signature":"S","format":"anthropic-claude-v1","index":0}],
            "tool_calls":[{"index":0,"id":"toolu_1","type":"function","function":{"name":"f","arguments":"{\"a\":1.0}"}}]})
    );
    assert_eq!(answer["usage"]["prompt_tokens"], 133);
    let tokens = frames[0].facts.usage.as_ref().unwrap().tokens;
    assert_eq!(
        (
            tokens.input,
            tokens.cache_read,
            tokens.cache_write,
            tokens.cache_write_1h,
            tokens.output
        ),
        (3, 100, 10, 20, 9)
    );
    let served = frames[0].facts.served.as_ref().unwrap();
    assert_eq!(served.model.as_ref().unwrap().as_str(), "claude-x");
    assert_eq!(served.generation.as_ref().unwrap().as_str(), "msg_1");

    let (frames, end) = read(&provider, &asking(Surface::Chat, CHAT, Delivery::Stream)).await;
    assert!(end.is_none(), "{end:?}");
    let choice = &chat(&frames)["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], "Checking Oslo.");
    assert_eq!(
        choice["message"]["tool_calls"][0]["function"]["arguments"],
        "{\"city\": \"Oslo\"}"
    );
    let bytes: u32 = frames.iter().map(|frame| frame.facts.output_bytes).sum();
    assert_eq!(
        bytes as usize,
        "One city asked.Checking Oslo.{\"city\": \"Oslo\"}".len()
    );
    let first = frames
        .iter()
        .position(|frame| frame.facts.semantic)
        .unwrap();
    assert!(first > 0, "what only begins an answer does not commit it");
}

#[tokio::test]
async fn an_answer_of_gemini_is_a_chat_with_its_thoughts_calls_and_counts() {
    let server = Server::start([body(200, GEMINI), stream(GEMINI_STREAM.as_bytes())]).await;
    let provider = provider(&server, Speech::Gemini);
    for (delivery, id) in [(Delivery::Whole, "call_0_r1"), (Delivery::Stream, "c1")] {
        let (frames, end) = read(&provider, &asking(Surface::Chat, CHAT, delivery)).await;
        assert!(end.is_none(), "{end:?}");
        let answer = chat(&frames);
        assert_eq!(
            answer["choices"][0]["message"],
            json!({"role":"assistant","content":"Hello","reasoning":"Hm.","reasoning_details":[
                    {"type":"reasoning.text","text":"Hm.","format":"google-gemini-v1","index":0},
                    {"type":"reasoning.encrypted","data":"S","id":id,"format":"google-gemini-v1","index":1}],
                "tool_calls":[{"index":0,"id":id,"type":"function","function":{"name":"f","arguments":"{\"a\":1.0}"}}]})
        );
        assert_eq!(answer["usage"]["total_tokens"], 129);
        let usages: Vec<_> = frames
            .iter()
            .filter_map(|frame| frame.facts.usage.as_ref())
            .collect();
        assert_eq!(
            usages.len(),
            1,
            "what is told before the end is not all of it"
        );
        let tokens = usages[0].tokens;
        assert_eq!(
            (
                tokens.input,
                tokens.cache_read,
                tokens.output,
                tokens.reasoning
            ),
            (20, 100, 9, 3)
        );
        let bytes: u32 = frames.iter().map(|frame| frame.facts.output_bytes).sum();
        assert_eq!(bytes as usize, "Hm.Hello{\"a\":1.0}".len());
    }
}

#[tokio::test]
async fn what_an_answer_loses_is_told_with_it() {
    let answer = br#"{"candidates":[{"content":{"parts":[{"executableCode":{"code":"1"}},{"text":"One"}]},"finishReason":"STOP"}],"responseId":"r"}"#;
    for delivery in [Delivery::Whole, Delivery::Stream] {
        let server = Server::start([body(200, answer)]).await;
        let attempt = asking(Surface::Chat, CHAT, delivery);
        let (frames, _) = read(&provider(&server, Speech::Gemini), &attempt).await;
        let lost: Vec<&String> = frames.iter().flat_map(|frame| &frame.facts.lost).collect();
        assert_eq!(lost, ["candidates[0].content.parts[0]"]);
    }
}

// === ends that are no ends ===

#[tokio::test]
async fn a_cut_answer_is_never_a_clean_end() {
    let messages = String::from_utf8_lossy(MESSAGES).into_owned();
    let messages = &messages[..messages.find("event: message_delta").unwrap()];
    let gemini = &GEMINI_STREAM[..GEMINI_STREAM.rfind("data: ").unwrap()];
    for (dialect, cut) in [(Speech::Messages, messages), (Speech::Gemini, gemini)] {
        for end in ["", "data: [DONE]\n\n"] {
            let server = Server::start([stream(format!("{cut}{end}").as_bytes())]).await;
            let attempt = asking(Surface::Chat, CHAT, Delivery::Stream);
            let (frames, failure) = read(&provider(&server, dialect), &attempt).await;
            assert_eq!(
                failure.unwrap().kind(),
                FailureKind::Truncated,
                "{dialect:?}"
            );
            assert!(frames.iter().all(|frame| frame.kind != FrameKind::Done));
        }
        // Before anything was said another lane may answer.
        let server = Server::start([vec![open_stream(), Act::Close]]).await;
        let attempt = asking(Surface::Chat, CHAT, Delivery::Stream);
        let (_, failure) = read(&provider(&server, dialect), &attempt).await;
        assert_eq!(
            failure.unwrap().kind(),
            FailureKind::BadReply,
            "{dialect:?}"
        );
    }
}

#[tokio::test]
async fn errors_in_streams_and_bodies_are_failures() {
    let begun = r#"data: {"candidates":[{"content":{"parts":[{"text":"He"}]}}],"responseId":"r1"}"#;
    let overloaded = r#"data: {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    let malformed = r#"data: {"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2},"responseId":"r1"}"#;
    let blocked = r#"data: {"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":9},"responseId":"r1"}"#;
    let anthropic = include_str!("../fixtures/messages-stream-error.sse");
    for (dialect, events, kind, used) in [
        (
            Speech::Messages,
            anthropic.to_owned(),
            FailureKind::Upstream,
            None,
        ),
        (
            Speech::Gemini,
            format!("{overloaded}\n\n"),
            FailureKind::Upstream,
            None,
        ),
        (
            Speech::Gemini,
            format!("{begun}\n\n{overloaded}\n\n"),
            FailureKind::Upstream,
            None,
        ),
        (
            Speech::Gemini,
            format!("{malformed}\n\n"),
            FailureKind::BadReply,
            Some((9, 2)),
        ),
        (
            Speech::Gemini,
            format!("{blocked}\n\n"),
            FailureKind::ContentPolicy,
            Some((9, 0)),
        ),
    ] {
        let server = Server::start([stream(events.as_bytes())]).await;
        let attempt = asking(Surface::Chat, CHAT, Delivery::Stream);
        let (frames, failure) = read(&provider(&server, dialect), &attempt).await;
        assert_eq!(failure.unwrap().kind(), kind, "{events}");
        let told = frames.iter().find_map(|frame| frame.facts.usage.as_ref());
        let told = told.map(|usage| (usage.tokens.input, usage.tokens.output));
        assert_eq!(told, used, "{events}");
        if let (Speech::Gemini, Some(data)) = (dialect, events.trim().strip_prefix("data: ")) {
            if data.contains("\n\n") {
                continue;
            }
            let server = Server::start([body(200, data.as_bytes())]).await;
            let attempt = asking(Surface::Chat, CHAT, Delivery::Whole);
            let (_, failure) = read(&provider(&server, dialect), &attempt).await;
            assert_eq!(failure.unwrap().kind(), kind, "{data}");
        }
    }
}

#[tokio::test]
async fn refusals_are_judged_in_the_words_of_the_dialect() {
    let exhausted = br#"[{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}]"#;
    let credit = br#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."},"request_id":"req_1"}"#;
    let overloaded =
        br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let key = br#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#;
    for (dialect, status, error, kind, delay) in [
        (
            Speech::Gemini,
            429,
            &exhausted[..],
            FailureKind::RateLimited,
            Some(34_500),
        ),
        (Speech::Messages, 400, credit, FailureKind::Payment, None),
        (
            Speech::Messages,
            529,
            overloaded,
            FailureKind::Upstream,
            None,
        ),
        (Speech::Gemini, 400, key, FailureKind::Auth, None),
    ] {
        let server = Server::start([body(status, error)]).await;
        let attempt = asking(Surface::Chat, CHAT, Delivery::Stream);
        let (_, failure) = read(&provider(&server, dialect), &attempt).await;
        let failure = failure.unwrap();
        assert_eq!(failure.kind(), kind);
        assert_eq!(
            failure.retry_after(),
            delay.map(Duration::from_millis),
            "{failure}"
        );
        assert_eq!(failure.status(), Some(status));
    }
}

#[tokio::test]
async fn what_a_dialect_cannot_mean_goes_elsewhere_before_anything_is_sent() {
    let search = r#"{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"openrouter:web_search"}]}"#;
    let vectors = r#"{"model":"a/b","input":"x"}"#;
    for dialect in [Speech::Messages, Speech::Gemini] {
        let server = Server::start([]).await;
        for (surface, asked) in [(Surface::Chat, search), (Surface::Embeddings, vectors)] {
            let attempt = asking(surface, asked, Delivery::Whole);
            let (_, failure) = read(&provider(&server, dialect), &attempt).await;
            let failure = failure.unwrap();
            assert_eq!(
                (failure.kind(), failure.next(), failure.rule().scope),
                (FailureKind::NotFound, Next::Elsewhere, Scope::None),
                "{failure}"
            );
        }
    }
}

#[tokio::test]
async fn a_strict_request_is_refused_rather_than_told_with_losses() {
    let lossy =
        r#"{"messages":[{"role":"user","content":"x"}],"logprobs":true,"logit_bias":{"1":1}}"#;
    for (dialect, answer) in [(Speech::Messages, MESSAGE), (Speech::Gemini, GEMINI)] {
        let server = Server::start([body(200, answer)]).await;
        let strict = |asked: &str| Attempt {
            strict: true,
            ..asking(Surface::Chat, asked, Delivery::Whole)
        };
        let provider = provider(&server, dialect);
        let (_, failure) = read(&provider, &strict(lossy)).await;
        let failure = failure.unwrap();
        assert_eq!(
            (failure.kind(), failure.next()),
            (FailureKind::NotFound, Next::Elsewhere)
        );
        assert!(failure.to_string().contains("logprobs"), "{failure}");
        let (frames, failure) = read(&provider, &strict(CHAT)).await;
        assert!(failure.is_none() && frames.len() == 1);
    }
}

#[tokio::test]
async fn lanes_of_both_dialects_can_be_asked_for_their_models() {
    for (dialect, header) in [
        (Speech::Messages, "x-api-key"),
        (Speech::Gemini, "x-goog-api-key"),
    ] {
        let refused = br#"{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}"#;
        let mut server =
            Server::start([body(200, br#"{"data":[],"models":[]}"#), body(401, refused)]).await;
        let provider = provider(&server, dialect);
        let lane = LaneId::new("one").unwrap();
        provider.check(&lane).await.unwrap();
        let (_, head, _) = server.request().await;
        assert!(head.starts_with("get /api/v1/models "), "{head}");
        assert!(head.contains(&format!("\r\n{header}: ")), "{head}");
        let failure = provider.check(&lane).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Auth);
    }
}

// === what clients insist on ===

/// OpenAI's own way to write what there is not: null in every chunk.
const NULLS: &str = concat!(
    r#"data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","system_fingerprint":null,"choices":[{"index":0,"delta":{"role":"assistant","content":"Hello","tool_calls":null},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","system_fingerprint":null,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","system_fingerprint":null,"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#,
    "\n\ndata: [DONE]\n\n",
);
const NULL: &[u8] = br#"{"id":"c1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;

#[tokio::test]
async fn chats_of_direct_lanes_are_what_strict_clients_of_openrouter_read() {
    let check = async |speech, delivery, answer: Vec<Act>| {
        let server = Server::start([answer]).await;
        let (frames, end) = read(
            &provider(&server, speech),
            &asking(Surface::Chat, CHAT, delivery),
        )
        .await;
        assert!(end.is_none(), "{end:?}");
        let seen = frames
            .iter()
            .filter(|frame| matches!(frame.kind, FrameKind::Event | FrameKind::Body));
        for frame in seen.clone() {
            let said = value(&frame.data);
            assert!(said["system_fingerprint"].is_string(), "{said}");
            assert!(said["provider"].is_string(), "{said}");
            assert!(said.get("usage").is_none_or(Value::is_object), "{said}");
            for choice in said["choices"].as_array().unwrap() {
                let told = choice.get("delta").unwrap_or(&choice["message"]);
                assert!(told.get("tool_calls").is_none_or(Value::is_array), "{said}");
            }
        }
        assert!(seen.count() >= 1);
        assert!(chat(&frames)["usage"].is_object());
    };
    use Delivery::{Stream, Whole};
    check(Speech::Chat, Stream, stream(NULLS.as_bytes())).await;
    check(Speech::Chat, Whole, body(200, NULL)).await;
    check(Speech::Messages, Stream, stream(MESSAGES)).await;
    check(Speech::Messages, Whole, body(200, MESSAGE)).await;
    check(Speech::Gemini, Stream, stream(GEMINI_STREAM.as_bytes())).await;
    check(Speech::Gemini, Whole, body(200, GEMINI)).await;
}

#[tokio::test]
async fn other_surfaces_of_direct_lanes_stay_as_they_came() {
    let asked = r#"{"model":"a/b","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#;
    let server = Server::start([body(200, MESSAGE)]).await;
    let (frames, _) = read(
        &provider(&server, Speech::Messages),
        &asking(Surface::Messages, asked, Delivery::Whole),
    )
    .await;
    assert_eq!(frames[0].data, MESSAGE);
}
