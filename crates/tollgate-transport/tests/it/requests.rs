//! What goes out.

use std::sync::Arc;

use tollgate_core::{ApiKey, Delivery, LlmProvider};
use tollgate_transport::{DirectConfig, DirectProvider, OpenRouterProvider};
use tollgate_wire::{ChatRequest, Plugin, Raw};

use crate::server::{Server, json};
use crate::setup::{KEY, attempt, config, dropped, openrouter};

const CHAT: &[u8] = include_bytes!("../fixtures/chat.json");

#[tokio::test]
async fn a_request_carries_the_key_and_who_we_are_and_the_callers_bytes() {
    let mut server = Server::start([json(200, CHAT)]).await;
    let mut config = config(&server);
    config.app_url = Some("https://example.com".into());
    config.app_title = Some("Example".into());
    config.app_categories = vec!["cli-agent".into(), "game".into()];
    let provider = OpenRouterProvider::new(config).unwrap();
    provider.send(&attempt(Delivery::Whole)).await.unwrap();

    let (_, head, body) = server.request().await;
    assert!(
        head.starts_with("post /api/v1/chat/completions http/1.1\r\n"),
        "{head}"
    );
    for line in [
        &format!("authorization: bearer {KEY}") as &str,
        "content-type: application/json",
        "http-referer: https://example.com",
        "x-openrouter-title: example",
        "x-openrouter-categories: cli-agent,game",
        "x-openrouter-metadata: enabled",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    assert!(!head.contains("accept-encoding"), "{head}");
    assert_eq!(
        body,
        r#"{"model":"a/b","messages":[{"role":"user","content":"the prompt"}]}"#
    );
}

#[tokio::test]
async fn connections_are_kept_between_requests() {
    let mut server = Server::start([json(200, CHAT), json(429, b"{}"), json(200, CHAT)]).await;
    let provider = openrouter(&server);
    for _ in 0..3 {
        let _ = crate::setup::collect(&provider, Delivery::Whole).await;
        assert_eq!(server.request().await.0, 0);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut other = Server::start([json(200, CHAT)]).await;
    let headers = format!("location: {}\r\n", other.url);
    let server = Server::start([crate::server::answer(307, &headers, b"")]).await;
    let failure = crate::setup::failure(&openrouter(&server), Delivery::Whole).await;
    assert_eq!(failure.status(), Some(307));
    // The other server's first request is this one.
    openrouter(&other).get("probe", &[]).await.unwrap();
    assert!(other.request().await.1.starts_with("get /api/v1/probe"));
}

#[tokio::test]
async fn a_direct_provider_gets_its_own_dialect_and_tells_what_it_dropped() {
    let mut server = Server::start([json(200, CHAT)]).await;
    let config = DirectConfig {
        base_url: server.url.clone(),
        api_key: Some(ApiKey::new("direct-key")),
        key_header: Some("api-key".into()),
        headers: [("x-version".to_owned(), "7".to_owned())].into(),
        ..Default::default()
    };
    let provider = DirectProvider::new(config).unwrap();
    let mut attempt = attempt(Delivery::Stream);
    let request = ChatRequest::from_object(attempt.request.object().clone()).unwrap();
    let plugin = Plugin::parse(br#"{"id":"web"}"#).unwrap();
    let request = request
        .with_plugin(&plugin)
        .unwrap()
        .with_option("route", &Raw::parse("\"fallback\"").unwrap())
        .unwrap();
    attempt.request = Arc::new(request.into());
    let reply = provider.send(&attempt).await.unwrap();

    assert_eq!(provider.dropped(&attempt.request), ["plugins", "route"]);
    assert_eq!(dropped(&reply), Some("plugins, route"));
    let (_, head, body) = server.request().await;
    assert!(
        head.contains("\r\napi-key: direct-key\r\n") && head.contains("\r\nx-version: 7\r\n"),
        "{head}"
    );
    assert!(
        !head.contains("authorization") && !head.contains("openrouter"),
        "{head}"
    );
    assert!(
        body.ends_with(r#""stream":true,"stream_options":{"include_usage":true}}"#),
        "{body}"
    );
}
