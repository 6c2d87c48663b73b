//! What of failures is lost; each test asserts what ours knows and theirs does not.

use std::time::Duration;

use tollgate_core::{Billed, Delivery, FailureKind};
use tollgate_sim::{Fault, Scenario};

use crate::setup::{Both, chunk, stop, text};

const WHOLE_WITH_ERROR: &str = r#"{"id":"gen-1","object":"chat.completion","created":1,"model":"a/b",
    "choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Partial ans"}}],
    "error":{"code":502,"message":"Provider returned error"}}"#;

#[tokio::test]
async fn lost_error_beside_the_choices() {
    let error = r#","error":{"code":502,"message":"Provider returned error"}"#;
    let broken = chunk(r#""delta":{"content":""},"finish_reason":"error""#, error);
    let both = Both::streamed(&[&text("a"), &broken]).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    assert_eq!(
        (ours.kind(), ours.failure().status()),
        (Some(FailureKind::Upstream), Some(502))
    );
    // The finish reason is left: that it failed is known, not how.
    assert_eq!(
        (theirs.kind(), theirs.failure().status()),
        (Some(FailureKind::BadReply), None)
    );
}

#[tokio::test]
async fn lost_failure_of_an_answer_whose_finish_reason_is_good() {
    let both = Both::told(200, "application/json", WHOLE_WITH_ERROR).await;
    let (ours, theirs) = both.plain(Delivery::Whole).await;
    assert_eq!(ours.kind(), Some(FailureKind::Upstream));
    // Half an answer passes for a whole one.
    assert!(theirs.failure.is_none());
    assert!(theirs.data().contains("Partial ans"));
}

#[tokio::test]
async fn lost_delays_in_any_form_but_seconds() {
    let seven = Some(Duration::from_secs(7));
    let both = Both::before(Scenario::default()).await;
    for (fault, kept) in [
        ("rate-limited", true),
        ("retry-after-body", true),
        ("retry-after-date", false),
        ("retry-after-ms", false),
        ("retry-after-nested", false),
        ("retry-after-reset", false),
        ("retry-after-duration", false),
        ("retry-after-rfc3339", false),
        ("retry-after-availability", false),
    ] {
        both.strike(Fault::named(fault).unwrap());
        let (ours, theirs) = both.plain(Delivery::Whole).await;
        assert!(ours.failure().retry_after().is_some(), "{fault}");
        let expected = seven.filter(|_| kept);
        assert_eq!(theirs.failure().retry_after(), expected, "{fault}");
    }
}

#[tokio::test]
async fn lost_codes_that_are_words() {
    let body = r#"{"error":{"code":"context_length_exceeded","message":"too long"}}"#;
    let both = Both::told(400, "application/json", body).await;
    let (ours, theirs) = both.plain(Delivery::Whole).await;
    assert_eq!(ours.kind(), Some(FailureKind::ContextLength));
    assert_eq!(theirs.kind(), Some(FailureKind::InvalidRequest));
}

#[tokio::test]
async fn lost_metadata_beside_a_providers_own_words() {
    let error = |raw: &str| {
        format!(
            r#"{{"error":{{"code":400,"message":"Provider returned error","metadata":{{"provider_name":"Alpha","error_type":"context_length_exceeded"{raw}}}}}}}"#
        )
    };
    for (raw, theirs_is) in [
        ("", FailureKind::ContextLength),
        (r#","raw":"too long""#, FailureKind::InvalidRequest),
    ] {
        let both = Both::told(400, "application/json", &error(raw)).await;
        let (ours, theirs) = both.plain(Delivery::Whole).await;
        assert_eq!(ours.kind(), Some(FailureKind::ContextLength));
        assert_eq!(theirs.kind(), Some(theirs_is), "{raw}");
    }
}

#[tokio::test]
async fn lost_word_on_who_wrote_an_error() {
    // OpenRouter's own envelope promises that nothing was charged; an error page does not. The
    // client shows both alike.
    let billed = async |fault: &str| {
        let both = Both::struck_by(Fault::named(fault).unwrap()).await;
        let (ours, theirs) = both.plain(Delivery::Whole).await;
        (ours.failure().rule().billed, theirs.failure().rule().billed)
    };
    assert_eq!(billed("bad-gateway").await, (Billed::No, Billed::Unknown));
    assert_eq!(billed("html").await, (Billed::Unknown, Billed::Unknown));
}

#[tokio::test]
async fn lost_generation_of_refusals() {
    let both = Both::struck_by(
        Fault::named("bad-gateway")
            .unwrap()
            .with_header("x-generation-id", "gen-head"),
    )
    .await;
    let (ours, theirs) = both.plain(Delivery::Whole).await;
    let generation = ours.failure().generation().map(|id| id.as_str());
    assert_eq!(generation, Some("gen-head"));
    assert!(theirs.failure().generation().is_none());
}

#[tokio::test]
async fn lost_body_where_a_stream_was_asked_for() {
    let body = r#"{"error":{"code":503,"message":"No provider"}}"#;
    let both = Both::told(200, "application/json", body).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    assert_eq!(
        (ours.kind(), ours.failure().status()),
        (Some(FailureKind::Upstream), Some(503))
    );
    // It reads lines that begin with `data:`, and there are none.
    assert_eq!(
        (theirs.kind(), theirs.failure().status()),
        (Some(FailureKind::BadReply), None)
    );
}

#[tokio::test]
async fn kept_error_in_a_choice_and_what_it_used() {
    let broken = chunk(
        r#""delta":{},"finish_reason":"error","error":{"code":502,"message":"gone"}"#,
        r#","usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"cost":0.25}"#,
    );
    let both = Both::streamed(&[&text("a"), &broken, &stop()]).await;
    let (ours, theirs) = both.plain(Delivery::Stream).await;
    for outcome in [ours, theirs] {
        assert_eq!(
            (outcome.kind(), outcome.failure().status()),
            (Some(FailureKind::Upstream), Some(502))
        );
        assert_eq!(outcome.cost().unwrap().to_string(), "0.25");
        assert_eq!(outcome.tokens().unwrap().output, 2);
    }
}
