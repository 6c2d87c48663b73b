//! Every surface goes natively to an upstream that speaks it.

use futures_util::StreamExt;
use tollgate_core::{
    Attempt, Billing, Delivery, FailureKind, Finish, Frame, FrameKind, LlmProvider, ModelId, Next,
    Scope,
};
use tollgate_transport::{DirectConfig, DirectProvider, OutputLimitField};
use tollgate_wire::{Object, Surface};

use crate::server::{Server, json, stream};
use crate::setup::{asking, direct, dropped, openrouter, read};

const RESPONSES: &[u8] = include_bytes!("../fixtures/responses-stream.sse");
const MESSAGES: &[u8] = include_bytes!("../fixtures/messages-stream.sse");

#[tokio::test]
async fn a_request_goes_to_the_path_of_its_surface_as_it_came() {
    let check = async |surface: Surface, body: &str, answer: &[u8]| {
        let mut server = Server::start([json(200, answer)]).await;
        let (frames, end) = read(
            &openrouter(&server),
            &asking(surface, body, Delivery::Whole),
        )
        .await;
        assert!(end.is_none(), "{end:?}");
        assert_eq!(frames[0].data, answer, "{surface}");
        assert!(frames[0].facts.usage.is_some(), "{surface}");
        let (_, head, sent) = server.request().await;
        assert!(
            head.starts_with(&format!("post /api/v1/{} ", surface.path())),
            "{head}"
        );
        assert_eq!(sent, body, "{surface}");
    };
    check(
        Surface::Responses,
        r#"{"model":"a/b","input":[{"role":"user","content":"Hi"}],"of_tomorrow":1.10}"#,
        br#"{"id":"gen-1","status":"completed","model":"a/b","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":3,"output_tokens":1,"total_tokens":4,"cost":0.1},"new":1.10}"#,
    )
    .await;
    check(
        Surface::Messages,
        r#"{"model":"a/b","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"cache_control":{"type":"ephemeral"}}"#,
        br#"{"id":"gen-1","type":"message","model":"a/b","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1,"cost":0.1}}"#,
    )
    .await;
    check(
        Surface::Embeddings,
        r#"{"model":"a/b","input":["one","two"]}"#,
        br#"{"object":"list","model":"a/b","data":[{"object":"embedding","index":0,"embedding":[0.10]}],"usage":{"prompt_tokens":2,"total_tokens":2,"cost":3.6e-07}}"#,
    )
    .await;
    check(
        Surface::Completions,
        r#"{"model":"a/b","prompt":"Once"}"#,
        br#"{"id":"gen-1","object":"text_completion","model":"a/b","choices":[{"index":0,"text":" upon","finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"cost":0.1}}"#,
    )
    .await;
}

#[tokio::test]
async fn owned_fields_are_set_where_each_surface_has_them() {
    let check = async |surface: Surface, body: &str, expected: &str| {
        let mut server = Server::start([json(200, b"{}")]).await;
        let attempt = Attempt {
            models: vec![ModelId::new("c/d").unwrap(), ModelId::new("e/f").unwrap()],
            max_output: Some(64),
            ..asking(surface, body, Delivery::Whole)
        };
        drop(openrouter(&server).send(&attempt).await.unwrap());
        assert_eq!(server.request().await.2, expected);
    };
    check(
        Surface::Responses,
        r#"{"model":"a/b","input":"Hi"}"#,
        r#"{"model":"c/d","input":"Hi","models":["e/f"],"max_output_tokens":64}"#,
    )
    .await;
    check(
        Surface::Messages,
        r#"{"model":"a/b","messages":[{"role":"user","content":"Hi"}],"fallbacks":[{"model":"e/f"}],"max_tokens":100}"#,
        r#"{"model":"c/d","messages":[{"role":"user","content":"Hi"}],"max_tokens":64,"models":["e/f"]}"#,
    )
    .await;
    check(
        Surface::Embeddings,
        r#"{"model":"a/b","input":"Hi","stream":true}"#,
        r#"{"model":"c/d","input":"Hi","models":["e/f"]}"#,
    )
    .await;
}

#[tokio::test]
async fn streams_of_other_surfaces_end_with_their_own_end() {
    let check =
        async |surface: Surface, body: &str, sample: &[u8], bytes: usize, tokens: (u64, u64)| {
            let server = Server::start([stream(sample)]).await;
            let (frames, end) = read(
                &openrouter(&server),
                &asking(surface, body, Delivery::Stream),
            )
            .await;
            assert!(end.is_none(), "{end:?}");
            let text = String::from_utf8_lossy(sample);
            let is_verbatim = |frame: &Frame| text.contains(&*String::from_utf8_lossy(&frame.data));
            assert!(frames.iter().all(is_verbatim), "{surface}");
            let seen: u32 = frames.iter().map(|frame| frame.facts.output_bytes).sum();
            assert_eq!(seen as usize, bytes, "{surface}");
            let finish: Vec<_> = frames
                .iter()
                .filter_map(|frame| frame.facts.finish)
                .collect();
            assert_eq!(finish, [Finish::ToolCalls], "{surface}");
            let usage: Vec<_> = frames
                .iter()
                .filter_map(|frame| frame.facts.usage.as_ref())
                .collect();
            assert_eq!(
                usage.len(),
                1,
                "usage is told once, when all of it is known"
            );
            assert_eq!(
                (usage[0].tokens.prompt_total(), usage[0].tokens.output),
                tokens,
                "{surface}"
            );
            let served = frames
                .iter()
                .find_map(|frame| frame.facts.served.as_ref())
                .unwrap();
            assert!(
                served
                    .generation
                    .as_ref()
                    .unwrap()
                    .as_str()
                    .starts_with("gen-")
            );
            let first = frames
                .iter()
                .position(|frame| frame.facts.semantic)
                .unwrap();
            assert!(first > 1, "what only begins an answer does not commit it");
        };
    let said = "Look up the forecast.Checking Oslo.{\"city\":\"Oslo\"}".len();
    check(
        Surface::Responses,
        r#"{"model":"a/b","input":"Hi","stream":true}"#,
        RESPONSES,
        said,
        (300, 90),
    )
    .await;
    let said = "One city asked.Checking Oslo.{\"city\": \"Oslo\"}".len();
    check(
        Surface::Messages,
        r#"{"model":"a/b","messages":[{"role":"user","content":"x"}],"stream":true}"#,
        MESSAGES,
        said,
        (410, 85),
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_stops_before_its_own_end_is_cut() {
    let check = async |surface: Surface, body: &str, sample: &[u8], end: &str| {
        let text = String::from_utf8_lossy(sample);
        let cut = &text[..text.find(end).unwrap()];
        let server = Server::start([stream(cut.as_bytes())]).await;
        let (frames, failure) = read(
            &openrouter(&server),
            &asking(surface, body, Delivery::Stream),
        )
        .await;
        assert!(!frames.is_empty());
        assert_eq!(failure.unwrap().kind(), FailureKind::Truncated, "{surface}");
    };
    check(
        Surface::Responses,
        r#"{"model":"a/b","input":"Hi","stream":true}"#,
        RESPONSES,
        "data: {\"type\":\"response.completed\"",
    )
    .await;
    check(
        Surface::Messages,
        r#"{"model":"a/b","messages":[{"role":"user"}],"stream":true}"#,
        MESSAGES,
        "event: message_delta",
    )
    .await;
}

#[tokio::test]
async fn a_marker_of_chats_before_the_surfaces_own_end_is_a_cut() {
    let check = async |surface: Surface, body: &str, sample: &[u8], end: &str| {
        let text = String::from_utf8_lossy(sample);
        let cut = format!("{}data: [DONE]\n\n", &text[..text.find(end).unwrap()]);
        let server = Server::start([stream(cut.as_bytes())]).await;
        let asked = asking(surface, body, Delivery::Stream);
        let (frames, failure) = read(&openrouter(&server), &asked).await;
        assert!(frames.iter().all(|frame| frame.kind != FrameKind::Done));
        assert_eq!(failure.unwrap().kind(), FailureKind::Truncated, "{surface}");
    };
    check(
        Surface::Responses,
        r#"{"model":"a/b","input":"Hi","stream":true}"#,
        RESPONSES,
        "data: {\"type\":\"response.completed\"",
    )
    .await;
    check(
        Surface::Messages,
        r#"{"model":"a/b","messages":[{"role":"user"}],"stream":true}"#,
        MESSAGES,
        "event: message_delta",
    )
    .await;
}

#[tokio::test]
async fn messages_that_have_said_why_they_end_get_the_last_event_that_their_upstream_left_out() {
    let text = String::from_utf8_lossy(MESSAGES);
    let ended = &text[..text.find("event: message_stop").unwrap()];
    for marker in ["", "data: [DONE]\n\n"] {
        let server = Server::start([stream(format!("{ended}{marker}").as_bytes())]).await;
        let body = r#"{"model":"a/b","messages":[{"role":"user"}],"stream":true}"#;
        let asked = asking(Surface::Messages, body, Delivery::Stream);
        let (frames, end) = read(&openrouter(&server), &asked).await;
        assert!(end.is_none(), "{end:?}");
        let stops = frames
            .iter()
            .filter(|frame| frame.data.ends_with(b"\"message_stop\"}"));
        assert_eq!(stops.count(), 1, "{marker}");
        let last = frames.last().unwrap();
        assert_eq!(
            (last.kind, &last.data[..]),
            (FrameKind::Event, &br#"{"type":"message_stop"}"#[..])
        );
    }
}

#[tokio::test]
async fn what_a_failed_answer_used_is_told_before_its_failure() {
    let usage = r#""usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5,"cost":0.1}"#;
    let failed = format!(
        r#"{{"id":"gen-9","object":"response","status":"failed","error":{{"code":"server_error","message":"down"}},"output":[],{usage}}}"#
    );
    let event = format!(r#"{{"type":"response.failed","response":{failed}}}"#);
    let done = format!(r#"{{"type":"response.done","response":{failed}}}"#);
    let broke_off = r#"{"id":"gen-9","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.1}}"#;
    let responses = r#"{"model":"a/b","input":"Hi"}"#;
    let chat = r#"{"model":"a/b","messages":[{"role":"user","content":"Hi"}]}"#;
    let data = |data: &str| stream(format!("data: {data}\n\n").as_bytes());
    for (surface, body, script, delivery) in [
        (
            Surface::Responses,
            responses,
            data(&event),
            Delivery::Stream,
        ),
        (Surface::Responses, responses, data(&done), Delivery::Stream),
        (
            Surface::Responses,
            responses,
            json(200, failed.as_bytes()),
            Delivery::Whole,
        ),
        (Surface::Chat, chat, data(broke_off), Delivery::Stream),
        (
            Surface::Chat,
            chat,
            json(200, broke_off.replace("delta", "message").as_bytes()),
            Delivery::Whole,
        ),
    ] {
        let server = Server::start([script]).await;
        let (frames, failure) = read(&openrouter(&server), &asking(surface, body, delivery)).await;
        let failure = failure.unwrap();
        assert!(failure.generation().is_some(), "{failure}");
        let [told] = frames.as_slice() else {
            panic!("what it used: {frames:?}")
        };
        assert_eq!(
            (told.kind, told.facts.semantic),
            (FrameKind::KeepAlive, false)
        );
        assert!(told.facts.finish.is_some(), "all of it is known");
        let usage = told.facts.usage.as_ref().unwrap();
        assert_eq!(
            (usage.tokens.input, usage.cost.unwrap().credits.nanos()),
            (3, 100_000_000)
        );
    }
}

#[tokio::test]
async fn errors_inside_of_streams_and_bodies_are_failures() {
    let overloaded = include_bytes!("../fixtures/messages-stream-error.sse");
    let server = Server::start([stream(overloaded)]).await;
    let messages = r#"{"model":"a/b","messages":[{"role":"user"}],"stream":true}"#;
    let (frames, failure) = read(
        &openrouter(&server),
        &asking(Surface::Messages, messages, Delivery::Stream),
    )
    .await;
    let failure = failure.unwrap();
    assert!(!frames.is_empty());
    assert_eq!(failure.kind(), FailureKind::Upstream);
    assert!(failure.generation().is_some());

    let failed = br#"{"id":"gen-9","object":"response","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"},"output":[]}"#;
    let server = Server::start([json(200, failed)]).await;
    let responses = r#"{"model":"a/b","input":"Hi"}"#;
    let asked = asking(Surface::Responses, responses, Delivery::Whole);
    let mut reply = openrouter(&server).send(&asked).await.unwrap();
    let failure = reply.frames.next().await.unwrap().unwrap_err();
    assert_eq!(failure.kind(), FailureKind::RateLimited);
}

#[tokio::test]
async fn tokens_beside_the_input_are_counted_in_classes_of_their_own() {
    let body = br#"{"id":"gen-1","type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"cost":0.25,"is_byok":true,"cost_details":{"upstream_inference_cost":0.5}}}"#;
    let server = Server::start([json(200, body)]).await;
    let asked = r#"{"model":"a/b","messages":[{"role":"user"}]}"#;
    let (frames, _) = read(
        &openrouter(&server),
        &asking(Surface::Messages, asked, Delivery::Whole),
    )
    .await;
    let usage = frames[0].facts.usage.as_ref().unwrap();
    let tokens = usage.tokens;
    assert_eq!(
        (
            tokens.input,
            tokens.cache_read,
            tokens.cache_write,
            tokens.cache_write_1h,
            tokens.output
        ),
        (10, 100, 10, 20, 5)
    );
    let cost = usage.cost.unwrap();
    assert_eq!(
        (cost.credits.nanos(), cost.provider.nanos(), usage.billing),
        (250_000_000, 500_000_000, Some(Billing::Byok))
    );
}

#[tokio::test]
async fn embeddings_go_to_direct_providers_without_what_only_openrouter_knows() {
    let mut server = Server::start([json(200, br#"{"data":[{"index":0,"embedding":[1]}]}"#)]).await;
    let asked = asking(
        Surface::Embeddings,
        r#"{"model":"a/b","input":"x","provider":{"only":["y"]}}"#,
        Delivery::Whole,
    );
    let (frames, end) = read(&direct(&server), &asked).await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(frames[0].kind, FrameKind::Body);
    assert_eq!(server.request().await.2, r#"{"model":"a/b","input":"x"}"#);
}

const CHAT_STREAM: &[u8] = include_bytes!("../fixtures/chat-stream.sse");
const CHAT: &[u8] = include_bytes!("../fixtures/chat.json");

#[tokio::test]
async fn what_a_provider_does_not_speak_goes_to_it_as_a_chat_and_comes_back() {
    let check = async |surface: Surface, body: &str, sent: &str, said: &str| {
        let mut server = Server::start([json(200, CHAT)]).await;
        let attempt = asking(surface, body, Delivery::Whole);
        let (frames, end) = read(&direct(&server), &attempt).await;
        assert!(end.is_none(), "{end:?}");
        let (_, head, chat) = server.request().await;
        assert!(head.starts_with("post /api/v1/chat/completions "), "{head}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&chat), value(sent));
        let answer = String::from_utf8_lossy(&frames[0].data);
        assert!(answer.contains(said), "{answer}");
        assert!(frames[0].facts.usage.is_some() && frames[0].facts.finish.is_some());
    };
    check(
        Surface::Responses,
        r#"{"model":"a/b","instructions":"Be brief.","input":"Hi"}"#,
        r#"{"model":"a/b","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
        r#""object":"response""#,
    )
    .await;
    check(
        Surface::Messages,
        r#"{"model":"a/b","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#,
        r#"{"model":"a/b","messages":[{"role":"user","content":"Hi"}],"max_tokens":9}"#,
        r#""type":"message""#,
    )
    .await;
    check(
        Surface::Completions,
        r#"{"model":"a/b","prompt":"Once"}"#,
        r#"{"model":"a/b","messages":[{"role":"user","content":"Once"}]}"#,
        r#""object":"text_completion""#,
    )
    .await;
}

#[tokio::test]
async fn a_translated_stream_is_metered_as_the_chat_and_ends_as_the_surface_does() {
    let of_chat = {
        let server = Server::start([stream(CHAT_STREAM)]).await;
        let chat = r#"{"model":"a/b","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
        read(
            &direct(&server),
            &asking(Surface::Chat, chat, Delivery::Stream),
        )
        .await
        .0
    };
    let bytes = |frames: &[Frame]| {
        frames
            .iter()
            .map(|frame| frame.facts.output_bytes)
            .sum::<u32>()
    };
    let usage = |frames: &[Frame]| {
        frames
            .iter()
            .find_map(|frame| frame.facts.usage.clone())
            .unwrap()
    };
    for (surface, body, last) in [
        (
            Surface::Responses,
            r#"{"model":"a/b","input":"Hi","stream":true}"#,
            "\"response.completed\"",
        ),
        (
            Surface::Messages,
            r#"{"model":"a/b","messages":[{"role":"user","content":"x"}],"stream":true}"#,
            "\"message_stop\"",
        ),
        (
            Surface::Completions,
            r#"{"model":"a/b","prompt":"x","stream":true}"#,
            "\"usage\"",
        ),
    ] {
        let server = Server::start([stream(CHAT_STREAM)]).await;
        let (frames, end) = read(&direct(&server), &asking(surface, body, Delivery::Stream)).await;
        assert!(end.is_none(), "{end:?}");
        assert_eq!(bytes(&frames), bytes(&of_chat), "{surface}");
        assert_eq!(usage(&frames).tokens, usage(&of_chat).tokens, "{surface}");
        let events: Vec<_> = frames
            .iter()
            .filter(|frame| frame.kind == FrameKind::Event)
            .collect();
        let text = |frame: &Frame| String::from_utf8_lossy(&frame.data).into_owned();
        assert!(text(events[events.len() - 1]).contains(last), "{surface}");
        let reports: Vec<_> = events
            .iter()
            .filter(|frame| frame.facts.usage.is_some())
            .collect();
        assert_eq!(reports.len(), 1, "{surface}");
        assert!(
            text(reports[0]).contains("\"usage\""),
            "{}",
            text(reports[0])
        );
        let finishes: Vec<_> = events
            .iter()
            .filter(|frame| frame.facts.finish.is_some())
            .collect();
        let says_why = ["stop_reason", "finish_reason", "\"status\":\"completed\""];
        assert!(
            says_why.iter().any(|why| text(finishes[0]).contains(why)),
            "{surface}"
        );
    }
}

/// A stream of a chat that says what it used and then is not whole.
const USED: &str = r#"data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"},{"index":1,"delta":{"content":"Ho"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}

"#;

#[tokio::test]
async fn what_a_translated_answer_used_is_told_also_when_no_event_can_tell_it() {
    let server = Server::start([stream(USED.as_bytes())]).await;
    let body = r#"{"model":"a/b","messages":[{"role":"user","content":"x"}],"stream":true}"#;
    let asked = asking(Surface::Messages, body, Delivery::Stream);
    let (frames, end) = read(&direct(&server), &asked).await;
    assert_eq!(end.unwrap().kind(), FailureKind::Truncated);
    let last = frames.last().unwrap();
    assert_eq!(
        (last.kind, last.facts.semantic),
        (FrameKind::KeepAlive, false)
    );
    let usage = last.facts.usage.as_ref().unwrap();
    assert_eq!((usage.tokens.input, usage.tokens.output), (3, 2));
    assert!(last.facts.finish.is_some());
}

#[tokio::test]
async fn an_answer_that_the_surface_has_no_words_for_costs_the_target_no_health() {
    // A call without a member that its surface could read.
    let answer = br#"{"id":"gen-1","choices":[{"index":0,"message":{"content":"Hi","images":[{}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let body = r#"{"model":"a/b","messages":[{"role":"user","content":"x"}]}"#;
    for delivery in [Delivery::Whole, Delivery::Stream] {
        let server = Server::start([json(200, answer)]).await;
        let (frames, end) =
            read(&direct(&server), &asking(Surface::Messages, body, delivery)).await;
        let failure = end.unwrap();
        assert_eq!(
            (failure.kind(), failure.next(), failure.rule().scope),
            (FailureKind::BadReply, Next::Elsewhere, Scope::None)
        );
        let [told] = frames.as_slice() else {
            panic!("what it used: {frames:?}")
        };
        assert_eq!(told.facts.usage.as_ref().unwrap().tokens.output, 2);
        assert!(told.facts.finish.is_some() && !told.facts.semantic);
    }
}

#[tokio::test]
async fn a_translated_stream_that_comes_in_one_piece_is_told_in_events() {
    for (surface, body, last) in [
        (
            Surface::Responses,
            r#"{"model":"a/b","input":"Hi","stream":true}"#,
            "\"response.completed\"",
        ),
        (
            Surface::Messages,
            r#"{"model":"a/b","messages":[{"role":"user","content":"x"}],"stream":true}"#,
            "\"message_stop\"",
        ),
        (
            Surface::Completions,
            r#"{"model":"a/b","prompt":"x","stream":true}"#,
            "\"text_completion\"",
        ),
    ] {
        let server = Server::start([json(200, CHAT)]).await;
        let (frames, end) = read(&direct(&server), &asking(surface, body, Delivery::Stream)).await;
        assert!(end.is_none(), "{end:?}");
        assert!(
            frames.iter().all(|frame| frame.kind == FrameKind::Event),
            "{surface}"
        );
        let data = String::from_utf8_lossy(&frames.last().unwrap().data).into_owned();
        assert!(data.contains(last), "{data}");
        let reports = frames.iter().filter(|frame| frame.facts.usage.is_some());
        assert_eq!(reports.count(), 1, "{surface}");
        let finishes = frames.iter().filter(|frame| frame.facts.finish.is_some());
        assert_eq!(finishes.count(), 1, "{surface}");
        assert!(frames[0].facts.semantic && frames[0].facts.output_bytes > 0);
    }
}

#[tokio::test]
async fn a_translated_limit_has_the_name_that_the_lane_takes() {
    let check = async |surface: Surface, body: &str| {
        for (field, other) in [
            (OutputLimitField::MaxTokens, "max_completion_tokens"),
            (OutputLimitField::MaxCompletionTokens, "max_tokens"),
        ] {
            let mut server = Server::start([json(200, CHAT)]).await;
            let config = DirectConfig {
                base_url: server.url.clone(),
                output_limit: field,
                ..Default::default()
            };
            let provider = DirectProvider::new(config).unwrap();
            let (_, end) = read(&provider, &asking(surface, body, Delivery::Whole)).await;
            assert!(end.is_none(), "{end:?}");
            let sent = Object::parse(server.request().await.2.as_bytes()).unwrap();
            assert_eq!(sent.read(field.as_str()).unwrap(), Some(9), "{surface}");
            assert!(!sent.contains(other), "{surface}");
        }
    };
    check(
        Surface::Responses,
        r#"{"model":"a/b","input":"Hi","max_output_tokens":9}"#,
    )
    .await;
    check(
        Surface::Messages,
        r#"{"model":"a/b","messages":[{"role":"user","content":"Hi"}],"max_tokens":9}"#,
    )
    .await;
    check(
        Surface::Completions,
        r#"{"model":"a/b","prompt":"Hi","max_tokens":9}"#,
    )
    .await;
}

#[tokio::test]
async fn thoughts_of_others_do_not_reach_a_provider_and_are_told_as_lost() {
    let chat = r#"{"model":"a/b","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"a","reasoning_details":[{"type":"reasoning.text","text":"t"}]}]}"#;
    let response = r#"{"model":"a/b","input":[{"role":"user","content":"x"},{"type":"reasoning","summary":[],"signature":"S","format":"anthropic-claude-v1"},{"role":"assistant","content":"a"}]}"#;
    for (surface, body, word, lost) in [
        (
            Surface::Chat,
            chat,
            "reasoning_details",
            "messages[1].reasoning_details",
        ),
        (
            Surface::Responses,
            response,
            "anthropic-claude-v1",
            "input[1]",
        ),
    ] {
        let mut server = Server::start([json(200, b"{}"), json(200, b"{}")]).await;
        let config = DirectConfig {
            base_url: server.url.clone(),
            surfaces: Some(vec![Surface::Chat, Surface::Responses]),
            ..Default::default()
        };
        let direct = DirectProvider::new(config).unwrap();
        let attempt = asking(surface, body, Delivery::Whole);
        let reply = direct.send(&attempt).await.unwrap();
        assert_eq!(dropped(&reply), Some(lost), "{surface}");
        let sent = server.request().await.2;
        assert!(!sent.contains(word), "{surface}: {sent}");
        // OpenRouter takes them all.
        drop(openrouter(&server).send(&attempt).await.unwrap());
        assert_eq!(server.request().await.2, body, "{surface}");
    }
}

#[tokio::test]
async fn a_translated_stream_that_is_cut_has_no_end() {
    let text = String::from_utf8_lossy(CHAT_STREAM);
    let cut = &text[..text.find("\"finish_reason\":\"").unwrap()];
    let cut = &cut[..cut.rfind("data: ").unwrap()];
    let server = Server::start([stream(cut.as_bytes())]).await;
    let body = r#"{"model":"a/b","input":"Hi","stream":true}"#;
    let (frames, end) = read(
        &direct(&server),
        &asking(Surface::Responses, body, Delivery::Stream),
    )
    .await;
    assert_eq!(end.unwrap().kind(), FailureKind::Truncated);
    let is_end =
        |frame: &Frame| String::from_utf8_lossy(&frame.data).contains("response.completed");
    assert!(!frames.is_empty() && !frames.iter().any(is_end));
}

#[tokio::test]
async fn what_a_translation_loses_is_told_or_refused() {
    let body = r#"{"model":"a/b","input":"Hi","truncation":"auto","provider":{"only":["x"]}}"#;
    let server = Server::start([json(200, CHAT)]).await;
    let attempt = asking(Surface::Responses, body, Delivery::Whole);
    let reply = direct(&server).send(&attempt).await.unwrap();
    assert_eq!(dropped(&reply), Some("truncation, provider"));

    let strict = Attempt {
        strict: true,
        ..attempt
    };
    let failure = direct(&server).send(&strict).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.next(), failure.rule().scope),
        (FailureKind::NotFound, Next::Elsewhere, Scope::None),
        "nothing was sent, so the next call is welcome here"
    );
    assert!(
        failure.to_string().contains("truncation, provider"),
        "{failure}"
    );

    let kept = r#"{"model":"a/b","input":"Hi","previous_response_id":"r1"}"#;
    let failure = direct(&server)
        .send(&asking(Surface::Responses, kept, Delivery::Whole))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.next(), failure.rule().scope),
        (Next::Elsewhere, Scope::None),
        "{failure}"
    );
    assert!(
        failure.to_string().contains("previous_response_id"),
        "{failure}"
    );
}
