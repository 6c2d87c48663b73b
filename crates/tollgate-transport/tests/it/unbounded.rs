//! What a direct provider would charge beside its list prices, and who is to blame for a refusal.

use serde_json::{Value, json};
use tollgate_core::{Attempt, Delivery, Failure, FailureKind, LlmProvider, Next, Scope};
use tollgate_transport::{DirectConfig, DirectProvider, Speech};
use tollgate_wire::Surface;

use crate::server::{Server, json as body};
use crate::setup::{self, dropped, openrouter};

const SURFACES: &[Surface] = &[
    Surface::Chat,
    Surface::Responses,
    Surface::Messages,
    Surface::Embeddings,
];

fn direct(server: &Server, dialect: Speech, surfaces: Option<&[Surface]>) -> DirectProvider {
    let config = DirectConfig {
        base_url: server.url.clone(),
        dialect,
        surfaces: surfaces.map(<[Surface]>::to_vec),
        ..DirectConfig::default()
    };
    DirectProvider::new(config).unwrap()
}

/// A request of the surface with more members.
fn asking(surface: Surface, more: &str) -> Attempt {
    let said = match surface {
        Surface::Responses | Surface::Embeddings => r#""input":"x""#,
        Surface::Messages => r#""max_tokens":9,"messages":[{"role":"user","content":"x"}]"#,
        _ => r#""messages":[{"role":"user","content":"x"}]"#,
    };
    let comma = if more.is_empty() { "" } else { "," };
    let body = format!(r#"{{"model":"a/b",{said}{comma}{more}}}"#);
    setup::asking(surface, &body, Delivery::Whole)
}

async fn refused(provider: &impl LlmProvider, attempt: &Attempt) -> Failure {
    match provider.send(attempt).await {
        Ok(reply) => panic!("{:?}", reply.head),
        Err(failure) => failure,
    }
}

/// What was sent, and what was told as lost.
async fn sent(
    dialect: Speech,
    surfaces: Option<&[Surface]>,
    attempt: &Attempt,
) -> (Value, Option<String>) {
    let mut server = Server::start([body(200, b"{}")]).await;
    let provider = direct(&server, dialect, surfaces);
    let reply = provider.send(attempt).await.unwrap();
    let lost = dropped(&reply).map(str::to_owned);
    let (_, _, sent) = server.request().await;
    (serde_json::from_str(&sent).unwrap(), lost)
}

// === dearer than the list ===

const DEARER: &str = r#""service_tier":"priority","inference_geo":"us","speed":"fast""#;
const LISTED: &str = r#""service_tier":"auto","inference_geo":"global","speed":"standard""#;

#[tokio::test]
async fn no_native_request_of_a_direct_lane_asks_for_more_than_the_list_prices() {
    for (dialect, surface) in [
        (Speech::Chat, Surface::Chat),
        (Speech::Chat, Surface::Responses),
        (Speech::Chat, Surface::Messages),
        (Speech::Chat, Surface::Embeddings),
        (Speech::Messages, Surface::Messages),
    ] {
        let surfaces = (dialect == Speech::Chat).then_some(SURFACES);
        let (body, lost) = sent(dialect, surfaces, &asking(surface, DEARER)).await;
        for field in ["service_tier", "inference_geo", "speed"] {
            assert_eq!(body.get(field), None, "{dialect:?} {surface}: {body}");
            assert!(lost.as_ref().unwrap().contains(field), "{lost:?}");
        }
        let (body, lost) = sent(dialect, surfaces, &asking(surface, LISTED)).await;
        assert_eq!(
            (&body["service_tier"], &body["inference_geo"]),
            (&json!("auto"), &json!("global")),
            "{dialect:?} {surface}"
        );
        // Anthropic knows the word in a beta alone, whose header does not travel.
        let speed = match dialect {
            Speech::Messages => json!(null),
            _ => json!("standard"),
        };
        assert_eq!(body["speed"], speed, "{dialect:?} {surface}");
        assert_eq!(lost, None, "{dialect:?} {surface}");
    }
}

#[tokio::test]
async fn no_translated_request_does_either() {
    for dialect in [Speech::Chat, Speech::Messages, Speech::Gemini] {
        for surface in [Surface::Chat, Surface::Responses, Surface::Messages] {
            let (body, lost) = sent(dialect, None, &asking(surface, DEARER)).await;
            let body = body.to_string();
            for value in ["priority", r#""us""#, "fast"] {
                assert!(!body.contains(value), "{dialect:?} {surface}: {body}");
            }
            let lost = lost.unwrap();
            assert!(
                lost.contains("service_tier"),
                "{dialect:?} {surface}: {lost}"
            );
        }
    }
}

#[tokio::test]
async fn a_strict_request_goes_where_its_tier_is_had() {
    let server = Server::start([]).await;
    let strict = Attempt {
        strict: true,
        ..asking(Surface::Chat, r#""service_tier":"priority""#)
    };
    let failure = refused(&direct(&server, Speech::Chat, None), &strict).await;
    assert_eq!(failure.next(), Next::Elsewhere);
    assert!(failure.to_string().contains("service_tier"), "{failure}");
}

#[tokio::test]
async fn openrouter_gets_the_tier_that_was_asked_for() {
    let mut server = Server::start([body(200, b"{}")]).await;
    let attempt = asking(Surface::Chat, r#""service_tier":"priority""#);
    drop(openrouter(&server).send(&attempt).await.unwrap());
    assert!(
        server
            .request()
            .await
            .2
            .contains(r#""service_tier":"priority""#)
    );
}

// === tools that providers run ===

#[tokio::test]
async fn a_tool_that_the_provider_runs_is_refused_by_direct_lanes_before_anything_is_sent() {
    // No script: a request would be answered by a closed connection.
    let server = Server::start([]).await;
    for (dialect, surface, kind) in [
        (Speech::Chat, Surface::Chat, "browser_search"),
        (Speech::Chat, Surface::Responses, "web_search"),
        (Speech::Chat, Surface::Responses, "code_interpreter"),
        (Speech::Messages, Surface::Messages, "web_search_20250305"),
        (
            Speech::Messages,
            Surface::Messages,
            "code_execution_20250825",
        ),
    ] {
        let surfaces = (dialect == Speech::Chat).then_some(SURFACES);
        let tools = format!(r#""tools":[{{"type":"{kind}","name":"x"}}]"#);
        let provider = direct(&server, dialect, surfaces);
        let failure = refused(&provider, &asking(surface, &tools)).await;
        assert_eq!(
            (failure.kind(), failure.next(), failure.rule().scope),
            (FailureKind::NotFound, Next::Elsewhere, Scope::None),
            "{failure}"
        );
        let text = failure.to_string();
        assert!(text.contains(&format!("tool: {kind}")), "{text}");
        assert!(text.contains("nothing bounds what that costs"), "{text}");
    }
}

#[tokio::test]
async fn nor_does_a_chat_bring_such_a_tool_to_what_speaks_no_chats() {
    let server = Server::start([]).await;
    for dialect in [Speech::Messages, Speech::Gemini] {
        for kind in ["web_search_20250305", "google_search", "code_execution"] {
            let tools = format!(r#""tools":[{{"type":"{kind}","name":"x"}}]"#);
            let provider = direct(&server, dialect, None);
            let failure = refused(&provider, &asking(Surface::Chat, &tools)).await;
            assert_eq!(
                (failure.kind(), failure.next(), failure.rule().scope),
                (FailureKind::NotFound, Next::Elsewhere, Scope::None),
                "{dialect:?} {failure}"
            );
        }
    }
}

#[tokio::test]
async fn tools_of_the_caller_reach_direct_lanes_and_all_reach_openrouter() {
    for (dialect, surface, kind) in [
        (Speech::Chat, Surface::Chat, "custom"),
        (Speech::Chat, Surface::Responses, "function"),
        (Speech::Messages, Surface::Messages, "bash_20250124"),
        (Speech::Messages, Surface::Messages, "memory_20250818"),
    ] {
        let surfaces = (dialect == Speech::Chat).then_some(SURFACES);
        let tools = format!(r#""tools":[{{"type":"{kind}","name":"x"}}]"#);
        let (body, _) = sent(dialect, surfaces, &asking(surface, &tools)).await;
        assert_eq!(body["tools"][0]["type"], kind);
    }
    let mut server = Server::start([body(200, b"{}")]).await;
    let attempt = asking(Surface::Responses, r#""tools":[{"type":"web_search"}]"#);
    drop(openrouter(&server).send(&attempt).await.unwrap());
    assert!(server.request().await.2.contains("web_search"));
}

// === whose words an upstream refuses ===

const MALFORMED: &[u8] = br#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1: tool_use ids must be unique"}}"#;

async fn refusal(dialect: Speech, surfaces: Option<&[Surface]>, attempt: &Attempt) -> Failure {
    let server = Server::start([body(400, MALFORMED)]).await;
    refused(&direct(&server, dialect, surfaces), attempt).await
}

#[tokio::test]
async fn a_refusal_of_what_the_gateway_wrote_is_no_reason_to_stop() {
    let team = r#""metadata":{"team":"t"}"#;
    for (dialect, surface, more) in [
        // Translated in one step and in two.
        (Speech::Messages, Surface::Chat, ""),
        (Speech::Messages, Surface::Responses, ""),
        (Speech::Gemini, Surface::Chat, ""),
        (Speech::Chat, Surface::Messages, ""),
        // As it came, but for what was left out or written otherwise.
        (Speech::Chat, Surface::Chat, r#""provider":{"order":["x"]}"#),
        (Speech::Messages, Surface::Messages, team),
        (
            Speech::Messages,
            Surface::Messages,
            r#""service_tier":"standard""#,
        ),
    ] {
        let failure = refusal(dialect, None, &asking(surface, more)).await;
        assert_eq!(
            (failure.next(), failure.rule().scope, failure.status()),
            (Next::Elsewhere, Scope::None, Some(400)),
            "{dialect:?} {surface} {more}: {failure}"
        );
        // It is read by the caller when no other lane is left.
        assert_eq!(
            failure.message(),
            "the upstream does not accept the request"
        );
        assert_eq!(
            failure.hint(),
            Some("its reason is in the log at debug level")
        );
    }
}

#[tokio::test]
async fn a_refusal_of_what_the_caller_wrote_is_one() {
    for (dialect, surface, more) in [
        (Speech::Messages, Surface::Messages, ""),
        (
            Speech::Messages,
            Surface::Messages,
            r#""service_tier":"auto""#,
        ),
        (Speech::Chat, Surface::Chat, ""),
        (
            Speech::Chat,
            Surface::Responses,
            r#""reasoning":{"effort":"low"}"#,
        ),
    ] {
        let surfaces = (dialect == Speech::Chat).then_some(SURFACES);
        let failure = refusal(dialect, surfaces, &asking(surface, more)).await;
        assert_eq!(
            (failure.kind(), failure.next()),
            (FailureKind::InvalidRequest, Next::Stop),
            "{dialect:?} {surface} {more}: {failure}"
        );
    }
}

#[tokio::test]
async fn other_failures_of_a_translated_request_stay_what_they_are() {
    let credit = br#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
    let server = Server::start([body(400, credit)]).await;
    let provider = direct(&server, Speech::Messages, None);
    let failure = refused(&provider, &asking(Surface::Chat, "")).await;
    assert_eq!(
        (failure.kind(), failure.rule().scope),
        (FailureKind::Payment, Scope::Account)
    );
}
