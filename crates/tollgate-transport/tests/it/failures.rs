//! Every failure is classified where it is seen.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tollgate_core::{Billed, Delivery, FailureKind, LlmProvider, ModelId, Next, Scope};
use tollgate_transport::{Mode, OpenRouterProvider};
use tollgate_wire::ChatRequest;

use crate::server::{Act, Server, answer, json};
use crate::setup::{attempt, config, direct, failure, openrouter};

/// Status, body; kind, scope, and seconds to wait, rounded up.
type Case = (u16, &'static [u8], FailureKind, Scope, Option<u64>);

#[tokio::test]
async fn the_documented_errors() {
    use FailureKind::{
        ContentPolicy, ContextLength, InvalidRequest, NotFound, Payment, RateLimited, Upstream,
    };
    let cases: [Case; 11] = [
        (
            400,
            include_bytes!("../fixtures/error-400-context.json"),
            ContextLength,
            Scope::None,
            None,
        ),
        (
            400,
            include_bytes!("../fixtures/error-400-zod.json"),
            InvalidRequest,
            Scope::None,
            None,
        ),
        (
            402,
            include_bytes!("../fixtures/error-402.json"),
            RateLimited,
            Scope::Account,
            Some(120),
        ),
        (
            402,
            include_bytes!("../fixtures/error-402-credits.json"),
            Payment,
            Scope::None,
            None,
        ),
        (
            403,
            include_bytes!("../fixtures/error-403-guardrail.json"),
            ContentPolicy,
            Scope::None,
            None,
        ),
        (
            403,
            include_bytes!("../fixtures/error-moderation-403.json"),
            ContentPolicy,
            Scope::None,
            None,
        ),
        (
            404,
            include_bytes!("../fixtures/error-404-routing.json"),
            NotFound,
            Scope::None,
            None,
        ),
        (
            429,
            include_bytes!("../fixtures/error-429.json"),
            RateLimited,
            Scope::KeyModel,
            Some(600),
        ),
        (
            429,
            include_bytes!("../fixtures/error-429-upstream.json"),
            RateLimited,
            Scope::KeyModel,
            Some(17),
        ),
        (
            502,
            include_bytes!("../fixtures/error-502.json"),
            Upstream,
            Scope::Endpoint,
            None,
        ),
        (
            401,
            br#"{"error":{"code":401,"message":"User not found."}}"#,
            FailureKind::Auth,
            Scope::Key,
            None,
        ),
    ];
    for (status, body, kind, scope, seconds) in cases {
        for delivery in [Delivery::Whole, Delivery::Stream] {
            let server = Server::start([json(status, body)]).await;
            let failure = failure(&openrouter(&server), delivery).await;
            assert_eq!(
                (failure.kind(), failure.rule().scope),
                (kind, scope),
                "{status} {failure}"
            );
            assert_eq!(failure.status(), Some(status));
            // The figure with a fraction goes before the rounded one.
            assert_eq!(
                failure
                    .retry_after()
                    .map(|delay| delay.as_secs_f64().ceil() as u64),
                seconds,
                "{failure}"
            );
        }
    }
}

#[tokio::test]
async fn a_constraint_of_the_caller_is_evidence_of_nobodys_health() {
    let scope = async |request: &str, is_direct: bool| {
        let server = Server::start([json(404, b"{}")]).await;
        let mut attempt = attempt(Delivery::Whole);
        attempt.request = Arc::new(ChatRequest::parse(request.as_bytes()).unwrap().into());
        let sent = if is_direct {
            direct(&server).send(&attempt).await
        } else {
            openrouter(&server).send(&attempt).await
        };
        let failure = sent.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::NotFound);
        assert_eq!(failure.next(), Next::Elsewhere);
        failure.rule().scope
    };
    let plain = r#"{"model":"a/b","messages":[{}],"provider":null}"#;
    assert_eq!(scope(plain, false).await, Scope::Endpoint);
    let constrained = r#"{"model":"a/b","messages":[{}],"provider":{"only":["x"]}}"#;
    assert_eq!(scope(constrained, false).await, Scope::None);
    // A direct provider never sees the constraint.
    assert_eq!(scope(constrained, true).await, Scope::Endpoint);
}

#[tokio::test]
async fn a_failure_names_its_generation_by_the_head_or_the_body() {
    let in_body = include_bytes!("../fixtures/error-200-body.json");
    let header = "content-type: application/json\r\nx-generation-id: gen-head\r\n";
    let cases: [(u16, &str, &[u8], Option<&str>); 6] = [
        (502, header, b"{}", Some("gen-head")),
        (502, header, in_body, Some("gen-head")),
        (
            502,
            "",
            in_body,
            Some("gen-1795000200-Aa1Ss2Dd3Ff4Gg5Hh6Jj"),
        ),
        (200, header, b"<html>", Some("gen-head")),
        (
            200,
            "",
            br#"{"id":"gen-empty","choices":[{"message":{"role":"assistant","content":""}}]}"#,
            Some("gen-empty"),
        ),
        (502, "x-generation-id: \r\n", b"{}", None),
    ];
    for (status, headers, body, expected) in cases {
        let server = Server::start([answer(status, headers, body)]).await;
        let failure = failure(&openrouter(&server), Delivery::Whole).await;
        let generation = failure.generation().map(|id| id.as_str());
        assert_eq!(generation, expected, "{status} {headers} {failure}");
    }
}

#[tokio::test]
async fn the_daily_cap_is_no_reason_to_wait_here() {
    let server = Server::start([json(429, include_bytes!("../fixtures/error-429.json"))]).await;
    assert_eq!(
        failure(&openrouter(&server), Delivery::Whole).await.next(),
        Next::Elsewhere
    );
}

#[tokio::test]
async fn a_429_counts_against_whoever_is_limited() {
    let told =
        "x-ratelimit-limit: 20\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1786190407000\r\n";
    let repeated = br#"{"error":{"code":429,"message":"","metadata":{"headers":{"X-RateLimit-Reset":"1786190407000"}}}}"#;
    let behind = br#"{"error":{"code":429,"message":"","metadata":{"provider_name":"Alpha","headers":{"X-RateLimit-Reset":"1786190407000"}}}}"#;
    let cases: [(&str, &[u8], &str, Scope); 6] = [
        ("", b"{}", "a/b", Scope::KeyModel),
        (told, b"{}", "a/b", Scope::Key),
        ("", repeated, "a/b", Scope::Key),
        // Caps on free models leave the others alone, and so do those of a provider behind.
        (told, b"{}", "a/b:free", Scope::KeyModel),
        ("", repeated, "a/b:free", Scope::KeyModel),
        ("", behind, "a/b", Scope::KeyModel),
    ];
    for (headers, body, model, scope) in cases {
        let server = Server::start([answer(429, headers, body)]).await;
        let mut attempt = attempt(Delivery::Whole);
        attempt.models = vec![ModelId::new(model).unwrap()];
        let failure = openrouter(&server).send(&attempt).await.unwrap_err();
        assert_eq!(failure.rule().scope, scope, "{headers} {failure}");
        let limited = headers.len() + body.len() > 2;
        let wait = limited.then(|| Duration::from_secs(7));
        assert_eq!(failure.retry_after(), wait, "{headers} {failure}");
    }
    // Nobody says whose limit it is that a direct provider tells of.
    let server = Server::start([answer(429, told, b"{}")]).await;
    let failure = failure(&direct(&server), Delivery::Whole).await;
    assert_eq!(failure.rule().scope, Scope::KeyModel);
}

#[tokio::test]
async fn the_insurance_covers_own_envelopes_on_credits_only() {
    let body = include_bytes!("../fixtures/error-502.json");
    let billed = async |mode: Mode, body: &[u8], request: &str| {
        let server = Server::start([json(502, body)]).await;
        let provider = OpenRouterProvider::new(tollgate_transport::OpenRouterConfig {
            mode,
            ..config(&server)
        })
        .unwrap();
        let mut attempt = attempt(Delivery::Whole);
        attempt.request = Arc::new(ChatRequest::parse(request.as_bytes()).unwrap().into());
        provider.send(&attempt).await.unwrap_err().rule().billed
    };
    let plain = r#"{"model":"a/b","messages":[{}]}"#;
    assert_eq!(billed(Mode::Credits, body, plain).await, Billed::No);
    assert_eq!(billed(Mode::Byok, body, plain).await, Billed::Unknown);
    assert_eq!(
        billed(Mode::Credits, b"<html>bad gateway</html>", plain).await,
        Billed::Unknown
    );
    let searching = r#"{"model":"a/b","messages":[{}],"plugins":[{"id":"web"}]}"#;
    assert_eq!(
        billed(Mode::Credits, body, searching).await,
        Billed::Unknown
    );
}

#[tokio::test]
async fn an_error_page_stays_in_the_detail_and_keeps_its_status() {
    let page = format!("<html>{}</html>", "x".repeat(5000));
    let server = Server::start([answer(524, "retry-after: 3\r\n", page.as_bytes())]).await;
    let failure = failure(&openrouter(&server), Delivery::Whole).await;
    assert_eq!(
        (failure.kind(), failure.status()),
        (FailureKind::Upstream, Some(524))
    );
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(failure.detail().map(str::len), Some(2048));
    assert!(!format!("{failure} {failure:?}").contains("html"));
}

#[tokio::test]
async fn dates_are_read_by_the_answers_own_when_no_clock_is_given() {
    let headers =
        "date: Sat, 08 Aug 2026 12:00:00 GMT\r\nretry-after: Sat, 08 Aug 2026 12:00:30 GMT\r\n";
    let server = Server::start([
        answer(503, headers, b""),
        answer(503, &headers[headers.find("retry").unwrap()..], b""),
    ])
    .await;
    let provider = OpenRouterProvider::new(config(&server)).unwrap();
    let delay = failure(&provider, Delivery::Whole)
        .await
        .retry_after()
        .unwrap();
    assert!(
        delay <= Duration::from_secs(30) && delay > Duration::from_secs(20),
        "{delay:?}"
    );
    assert_eq!(
        failure(&provider, Delivery::Whole).await.retry_after(),
        None
    );
}

#[tokio::test]
async fn nobody_listening_is_known_to_be_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&Server::start([]).await);
    config.base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = failure(&OpenRouterProvider::new(config).unwrap(), Delivery::Stream).await;
    assert_eq!(
        (failure.kind(), failure.rule().billed),
        (FailureKind::Connect, Billed::No)
    );
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_no_request() {
    let server = Server::start([]).await;
    let mut config = config(&server);
    config.base_url = server.url.replace("http://", "https://");
    config.timers.connect_ms = 50;
    let failure = failure(&OpenRouterProvider::new(config).unwrap(), Delivery::Stream).await;
    assert_eq!(
        (failure.kind(), failure.rule().billed),
        (FailureKind::Connect, Billed::No)
    );
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_is_ambiguous() {
    for delivery in [Delivery::Whole, Delivery::Stream] {
        let server = Server::start([vec![Act::Close]]).await;
        let failure = failure(&openrouter(&server), delivery).await;
        assert_eq!(
            (failure.kind(), failure.rule().billed),
            (FailureKind::Interrupted, Billed::Unknown)
        );
        assert_eq!(failure.next(), Next::Elsewhere);
    }
}

#[tokio::test]
async fn a_request_is_never_sent_twice() {
    // The second connection would answer, were the request sent again.
    let mut server = Server::start([
        vec![Act::Close],
        json(200, include_bytes!("../fixtures/chat.json")),
    ])
    .await;
    let provider = openrouter(&server);
    failure(&provider, Delivery::Whole).await;
    server.request().await;
    provider.get("probe", &[]).await.unwrap();
    assert!(server.request().await.1.starts_with("get /api/v1/probe"));
}

#[tokio::test]
async fn no_head_in_time_is_an_interruption_and_closes_the_connection() {
    let mut server = Server::start([vec![Act::Hold]]).await;
    let mut config = config(&server);
    config.timers.idle_ms = Some(50);
    let failure = failure(&OpenRouterProvider::new(config).unwrap(), Delivery::Stream).await;
    assert_eq!(failure.kind(), FailureKind::Interrupted);
    server.request().await;
    assert!(matches!(server.seen().await, crate::server::Seen::Closed));
}
