//! What the contract asks of the connection.

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_core::{Billed, Delivery, FailureKind, LlmProvider};
use tollgate_provider_openrouter_rs::{OpenRouterRs, OpenRouterRsConfig};
use tollgate_sim::{Fault, Scenario};

use crate::setup::{Both, KEY, MODEL, attempt, text, theirs_at};

#[tokio::test]
async fn one_attempt_is_one_request_with_the_key_and_the_model() {
    let both = Both::before(Scenario::default()).await;
    both.theirs.send(&attempt(Delivery::Whole)).await.unwrap();
    let log = both.simulator.log();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].key.as_deref(), Some(KEY));
    assert_eq!(log[0].requested_model.as_deref(), Some(MODEL));
    assert_eq!(log[0].header("x-openrouter-metadata"), Some("enabled"));
}

#[tokio::test]
async fn redirects_are_not_followed_and_nothing_is_sent_twice() {
    for fault in [
        Fault::status(307).with_header("location", "/api/v1/models"),
        Fault::status(503),
        Fault::named("reset").unwrap(),
    ] {
        let both = Both::struck_by(fault).await;
        assert!(both.theirs.send(&attempt(Delivery::Stream)).await.is_err());
        assert_eq!(both.simulator.log().len(), 1);
    }
}

#[tokio::test]
async fn nobody_listening_is_known_to_be_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let theirs = theirs_at(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let failure = theirs.send(&attempt(Delivery::Stream)).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.rule().billed),
        (FailureKind::Connect, Billed::No)
    );
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let both = Both::before(Scenario::default()).await;
    let theirs = OpenRouterRs::new(OpenRouterRsConfig {
        base_url: both.simulator.base_url(),
        ..OpenRouterRsConfig::default()
    });
    let failure = theirs.unwrap().send(&attempt(Delivery::Whole)).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Auth);
    assert!(failure.hint().is_some());
    assert!(both.simulator.log().is_empty());
}

#[tokio::test]
async fn a_key_that_the_upstream_repeats_is_in_no_text() {
    let body = format!(r#"{{"error":{{"code":401,"message":"no such key: {KEY}"}}}}"#);
    let both = Both::told(401, "application/json", &body).await;
    let (_, theirs) = both.plain(Delivery::Whole).await;
    let failure = theirs.failure();
    assert_eq!(failure.detail(), Some("no such key: ***"));
    assert!(!format!("{failure} {failure:?}").contains(KEY));
}

/// A server that sends the head and one event, and then waits until the client leaves.
async fn one_event(listener: TcpListener) -> usize {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 1 << 16];
    let mut length = 0;
    while !request[..length].ends_with(b"]}") && !request[..length].ends_with(b"}") {
        length += stream.read(&mut request[length..]).await.unwrap();
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let event = format!("{head}data: {}\n\n", text("a"));
    stream.write_all(event.as_bytes()).await.unwrap();
    // The end, or a reset: either way nobody is there any more.
    stream.read(&mut request).await.unwrap_or(0)
}

#[tokio::test]
async fn the_head_and_each_event_come_as_they_are_sent_and_leaving_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let theirs = theirs_at(&format!("http://{}", listener.local_addr().unwrap()));
    let server = tokio::spawn(one_event(listener));
    let mut reply = theirs.send(&attempt(Delivery::Stream)).await.unwrap();
    let first = reply.frames.next().await.unwrap().unwrap();
    assert!(first.facts.semantic);
    drop(reply);
    assert_eq!(server.await.unwrap(), 0);
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up() {
    let both = Both::struck_by(Fault::named("stall=1").unwrap()).await;
    let theirs = OpenRouterRs::new(OpenRouterRsConfig {
        api_key: Some(tollgate_core::ApiKey::new(KEY)),
        base_url: both.simulator.base_url(),
        idle: std::time::Duration::from_millis(50),
        ..OpenRouterRsConfig::default()
    });
    let outcome = crate::setup::Outcome::of(&theirs.unwrap(), &attempt(Delivery::Stream)).await;
    // On a busy machine the head may be what comes too late.
    let given_up = [FailureKind::Silent, FailureKind::Interrupted].map(Some);
    assert!(given_up.contains(&outcome.kind()), "{outcome:?}");
}
