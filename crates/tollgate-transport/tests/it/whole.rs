//! Answers that come whole.

use std::time::Duration;

use tollgate_core::{
    Billed, Billing, Delivery, FailureKind, Finish, FrameKind, LimitLeft, LimitUnit, LlmProvider,
    Scope,
};

use crate::server::{Server, answer, json};
use crate::setup::{attempt, collect, config, direct, failure, openrouter};

#[tokio::test]
async fn an_answer_is_one_frame_with_its_facts() {
    let body = include_bytes!("../fixtures/chat.json");
    let server = Server::start([json(200, body)]).await;
    let (frames, end) = collect(&openrouter(&server), Delivery::Whole).await;
    assert!(end.is_none(), "{end:?}");
    let [frame] = frames.as_slice() else {
        panic!("one frame, not {}", frames.len())
    };
    assert_eq!((frame.kind, &frame.data[..]), (FrameKind::Body, &body[..]));
    assert!(frame.facts.semantic);
    assert_eq!(frame.facts.finish, Some(Finish::Stop));
    let served = frame.facts.served.as_ref().unwrap();
    assert_eq!(
        served.model.as_ref().unwrap().as_str(),
        "anthropic/claude-4.5-sonnet-20250929"
    );
    assert_eq!(served.provider.as_ref().unwrap().as_str(), "Anthropic");
    let usage = frame.facts.usage.as_ref().unwrap();
    assert_eq!(
        (
            usage.tokens.prompt_total(),
            usage.tokens.cache_read,
            usage.tokens.output_total()
        ),
        (1180, 1024, 212)
    );
    let cost = usage.cost.unwrap();
    assert_eq!(
        (cost.credits.to_string().as_str(), cost.provider.nanos()),
        ("0.0039552", 0)
    );
    assert_eq!(usage.billing, Some(Billing::Credits));
}

#[tokio::test]
async fn with_own_provider_keys_the_provider_is_owed() {
    let server = Server::start([json(200, include_bytes!("../fixtures/chat-byok.json"))]).await;
    let (frames, _) = collect(&openrouter(&server), Delivery::Whole).await;
    let usage = frames[0].facts.usage.as_ref().unwrap();
    let cost = usage.cost.unwrap();
    assert_eq!(
        (cost.credits.nanos(), cost.provider.nanos(), usage.billing),
        (0, 450_000, Some(Billing::Byok))
    );
}

#[tokio::test]
async fn the_head_shows_the_generation_and_listed_headers_only() {
    let headers = "x-generation-id: gen-7\r\ncf-ray: 1\r\nset-cookie: a=b\r\nx-openrouter-cache-status: HIT\r\n";
    let server = Server::start([answer(
        200,
        headers,
        include_bytes!("../fixtures/chat.json"),
    )])
    .await;
    let head = openrouter(&server)
        .send(&attempt(Delivery::Whole))
        .await
        .unwrap()
        .head;
    assert_eq!(
        (head.status, head.generation.as_ref().map(|id| id.as_str())),
        (200, Some("gen-7"))
    );
    let names: Vec<&str> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["cf-ray", "x-generation-id", "x-openrouter-cache-status"]
    );
}

#[tokio::test]
async fn the_head_tells_what_is_left_of_the_rate_limits() {
    let headers = "content-type: application/json\r\n\
        x-ratelimit-remaining-tokens: 149984\r\nx-ratelimit-reset-tokens: 6ms\r\n\
        x-ratelimit-remaining: 3\r\nx-ratelimit-reset: 1786190407000\r\n";
    let body = include_bytes!("../fixtures/chat.json");
    let server = Server::start([answer(200, headers, body)]).await;
    let reply = openrouter(&server).send(&attempt(Delivery::Whole)).await;
    let left = |scope, counts, remaining, millis| LimitLeft {
        scope,
        counts,
        remaining,
        resets_in: Duration::from_millis(millis),
    };
    assert_eq!(
        reply.unwrap().head.limits,
        [
            left(Scope::KeyModel, LimitUnit::Tokens, 149_984, 6),
            left(Scope::Key, LimitUnit::Requests, 3, 7000),
        ]
    );
}

#[tokio::test]
async fn a_200_that_is_no_answer_is_a_failure() {
    let none = r#"{"id":"gen-1","choices":[{"message":{"content":null},"finish_reason":null}]}"#;
    let cases: [(&[u8], FailureKind, Billed); 8] = [
        (include_bytes!("../fixtures/error-200-body.json"), FailureKind::Upstream, Billed::No),
        // Part of an answer came with it: that part may cost.
        (include_bytes!("../fixtures/error-200-choice.json"), FailureKind::Upstream, Billed::Unknown),
        (none.as_bytes(), FailureKind::BadReply, Billed::No),
        (br#"{"choices":[{"message":{"content":"a"},"finish_reason":"error"}]}"#, FailureKind::BadReply, Billed::Unknown),
        (b"<html>so sorry</html>", FailureKind::BadReply, Billed::Unknown),
        (b"", FailureKind::BadReply, Billed::Unknown),
        (
            br#"{"choices":[{"message":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":0}}"#,
            FailureKind::ContextLength,
            Billed::No,
        ),
        (
            br#"{"choices":[{"message":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":0,"cost":0.5}}"#,
            FailureKind::ContextLength,
            Billed::Unknown,
        ),
    ];
    for (body, kind, billed) in cases {
        let server = Server::start([json(200, body)]).await;
        let failure = failure(&openrouter(&server), Delivery::Whole).await;
        assert_eq!(
            (failure.kind(), failure.rule().billed),
            (kind, billed),
            "{failure} {}",
            String::from_utf8_lossy(body)
        );
    }
}

#[tokio::test]
async fn a_direct_provider_may_charge_for_a_prompt_that_fills_the_window() {
    let body = br#"{"choices":[{"message":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":0}}"#;
    let server = Server::start([json(200, body)]).await;
    let failure = failure(&direct(&server), Delivery::Whole).await;
    assert_eq!(
        (failure.kind(), failure.rule().billed),
        (FailureKind::ContextLength, Billed::Unknown)
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let body = include_bytes!("../fixtures/chat.json");
    for (limit, fits) in [(body.len(), true), (body.len() - 1, false)] {
        let server = Server::start([json(200, body)]).await;
        let mut config = config(&server);
        config.connection.max_body_bytes = limit;
        let provider = tollgate_transport::OpenRouterProvider::new(config).unwrap();
        let (frames, end) = collect(&provider, Delivery::Whole).await;
        assert_eq!((frames.len() == 1, end.is_none()), (fits, fits), "{end:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_is_a_failure() {
    let server = Server::start([vec![
        crate::server::Act::Send(
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":".to_vec(),
        ),
        crate::server::Act::Close,
    ]])
    .await;
    assert_eq!(
        failure(&openrouter(&server), Delivery::Whole).await.kind(),
        FailureKind::Interrupted
    );
}
