//! Streams whose answer is long in coming.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate::{Dimension, FailureKind, Frame, Gateway, UsageQuery};
use tollgate_testkit::providers::{
    Fault, Script, ScriptedProvider, finish_frame, role_frame, text_frame, usage_frame,
};

use crate::support::{JSON, MODEL, Server, chat, gateway_to};

const SECOND: Duration = Duration::from_secs(1);
const PATIENT: &str = "[failover]\nfirst_event_ms = 120000\n";

fn upstream(script: Script) -> Arc<ScriptedProvider> {
    Arc::new(ScriptedProvider::new().on("openrouter", MODEL, script))
}

async fn server(script: Script) -> Server {
    Server::start(gateway_to(upstream(script), PATIENT).await).await
}

fn count(reply: &str, words: &str) -> usize {
    reply.matches(words).count()
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_begins_soon_has_no_comments_and_tells_by_header() {
    let server = server(Script::answer(&["Red."]).delayed(14 * SECOND)).await;
    let reply = server.chat(true).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(
        reply.contains(&format!("x-tollgate-model: {MODEL}")),
        "{reply}"
    );
    assert_eq!(count(&reply, ": waiting"), 0, "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_long_in_coming_is_kept_alive_by_comments() {
    let server = server(Script::answer(&["Red."]).delayed(38 * SECOND)).await;
    let start = Instant::now();
    let reply = server.chat(true).await;
    assert_eq!(start.elapsed().as_secs(), 38);
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    // After 15, 25 and 35 seconds.
    assert_eq!(count(&reply, ": waiting\n\n"), 3, "{reply}");
    assert!(reply.contains("\"Red.\""), "{reply}");
    assert!(reply.contains("data: [DONE]"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn what_no_header_could_say_is_in_the_last_event() {
    for delay in [SECOND, 20 * SECOND] {
        let server = server(Script::answer(&["Red."]).delayed(delay)).await;
        let reply = server.chat(true).await;
        let data: Vec<_> = reply
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect();
        let [.., usage, done] = data.as_slice() else {
            panic!("no events in {reply}");
        };
        assert_eq!(*done, "[DONE]");
        let usage: serde_json::Value = serde_json::from_str(usage).unwrap();
        let told = &usage["tollgate"];
        assert_eq!(usage["usage"]["prompt_tokens"], 10);
        assert_eq!(
            (&told["model"], &told["attempts"]),
            (&MODEL.into(), &1.into())
        );
        assert_eq!(told["cost_source"], "computed");
        assert!(
            told["cost"].is_string() && told["call"].is_string(),
            "{told}"
        );
        assert_eq!(count(&reply, "\"tollgate\""), 1, "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_has_a_status_as_long_as_none_was_sent() {
    let refused = |delay| {
        let fault = Fault::new(FailureKind::ContentPolicy);
        server(Script::new().delayed(delay).cut(fault))
    };
    let early = refused(14 * SECOND).await;
    let early = early.chat(true).await;
    assert!(early.starts_with("HTTP/1.1 403"), "{early}");

    let late = refused(16 * SECOND).await;
    let late = late.chat(true).await;
    assert!(late.starts_with("HTTP/1.1 200"), "{late}");
    assert_eq!(count(&late, ": waiting"), 1, "{late}");
    assert!(late.contains("\"finish_reason\":\"error\""), "{late}");
    assert!(late.contains("\"content_policy\""), "{late}");
    assert!(!late.contains("[DONE]"), "{late}");
}

async fn calls(gateway: &Gateway) -> u64 {
    gateway.clone().shutdown().await;
    let query = UsageQuery {
        by: vec![Dimension::Lane],
        ..UsageQuery::default()
    };
    gateway
        .usage(&query)
        .await
        .unwrap()
        .iter()
        .map(|row| row.calls)
        .sum()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_it_waits_ends_the_call_at_once() {
    for patience in [5 * SECOND, 18 * SECOND] {
        let upstream = upstream(Script::unreachable());
        let gateway = gateway_to(upstream.clone(), PATIENT).await;
        let server = Server::start(gateway.clone()).await;
        let client = server
            .send("POST", "/v1/chat/completions", JSON, &chat(true))
            .await;
        tokio::time::sleep(patience).await;
        assert_eq!(upstream.open(), 1);
        drop(client);
        tokio::time::sleep(SECOND / 10).await;
        assert_eq!(upstream.open(), 0, "after {patience:?}");
        assert_eq!(calls(&gateway).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_in_a_hurry_is_answered_in_time() {
    for (header, stream) in [
        ("x-request-timeout-ms: 5000", true),
        ("x-request-timeout-ms: 5000", false),
        ("x-stainless-read-timeout: 5.0", false),
    ] {
        let server = server(Script::unreachable()).await;
        let headers = format!("{JSON}{header}\r\n");
        let start = Instant::now();
        let client = server
            .send("POST", "/v1/chat/completions", &headers, &chat(stream))
            .await;
        let reply = client.rest().await;
        assert!(reply.starts_with("HTTP/1.1 504"), "{reply}");
        assert_eq!(start.elapsed().as_secs(), 5, "{header}");
    }
    let server = server(Script::answer(&["Red."])).await;
    let headers = format!("{JSON}x-request-timeout-ms: soon\r\n");
    let client = server
        .send("POST", "/v1/chat/completions", &headers, &chat(true))
        .await;
    let reply = client.rest().await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_take_longer_than_its_client_waits_for_a_byte() {
    let script = Script::new()
        .delayed(12 * SECOND)
        .frames([role_frame(), text_frame("Red")])
        .wait(12 * SECOND)
        .frames([text_frame("."), finish_frame(), usage_frame(10, 2)])
        .frame(Frame::done());
    let server = server(script).await;
    let headers = format!("{JSON}x-stainless-read-timeout: 4.0\r\n");
    let start = Instant::now();
    let client = server
        .send("POST", "/v1/chat/completions", &headers, &chat(true))
        .await;
    let reply = client.rest().await;
    assert_eq!(start.elapsed().as_secs(), 24);
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(reply.contains("data: [DONE]"), "{reply}");
    // One every two seconds: what a client waits for is there in half the time.
    assert!(count(&reply, ": waiting") >= 9, "{reply}");
}
