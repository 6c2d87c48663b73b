//! The typed calls beside chat.

use tollgate_core::{
    ApiKey, Billing, CostLookup, CostSource, FailureKind, GenerationId, LaneId, ModelId,
};
use tollgate_transport::{NewByokKey, usage_report};
use tollgate_wire::EmbeddingsRequest;

use crate::server::{Server, json};
use crate::setup::openrouter;

#[tokio::test]
async fn each_call_asks_its_own_path() {
    let mut server = Server::start([
        json(200, br#"{"data":[{"id":"a/b"}]}"#),
        json(200, include_bytes!("../fixtures/endpoints.json")),
        json(200, include_bytes!("../fixtures/providers.json")),
        json(200, include_bytes!("../fixtures/key.json")),
        json(200, include_bytes!("../fixtures/credits.json")),
        json(200, include_bytes!("../fixtures/embeddings.json")),
        json(200, b"{}"),
    ])
    .await;
    let provider = openrouter(&server);
    assert_eq!(provider.models().await.unwrap().data.len(), 1);
    assert!(
        !provider
            .endpoints(&ModelId::new("a/b:free").unwrap())
            .await
            .unwrap()
            .endpoints
            .is_empty()
    );
    assert!(!provider.providers().await.unwrap().data.is_empty());
    assert!(provider.key().await.unwrap().label.is_some());
    assert!(provider.credits().await.unwrap().total_credits.is_some());
    let answer = provider
        .embeddings(&EmbeddingsRequest::new("a/b", ["one"]))
        .await
        .unwrap();
    assert!(
        usage_report(&answer.usage().unwrap(), Billing::Credits)
            .tokens
            .input
            > 0
    );
    provider
        .get("models/count", &[("output_modalities", "all")])
        .await
        .unwrap();
    for expected in [
        "get /api/v1/models?output_modalities=text%2cimage%2caudio%2cembeddings ",
        "get /api/v1/models/a/b:free/endpoints ",
        "get /api/v1/providers ",
        "get /api/v1/key ",
        "get /api/v1/credits ",
        "post /api/v1/embeddings ",
        "get /api/v1/models/count?output_modalities=all ",
    ] {
        let (_, head, _) = server.request().await;
        assert!(head.starts_with(expected), "{expected} in {head}");
        assert!(head.contains("\r\nauthorization: bearer "));
    }
}

#[tokio::test]
async fn a_generation_is_looked_up_until_it_is_there() {
    let missing = br#"{"error":{"code":404,"message":"Generation not found"}}"#;
    let mut server = Server::start([
        json(404, missing),
        json(200, include_bytes!("../fixtures/generation.json")),
        json(401, b"{}"),
    ])
    .await;
    let provider = openrouter(&server);
    let lane = LaneId::new("openrouter").unwrap();
    let id = GenerationId::new("gen-1").unwrap();
    assert_eq!(provider.look_up(&lane, &id).await.unwrap(), None);
    let found = provider.look_up(&lane, &id).await.unwrap().unwrap();
    assert_eq!(
        (
            found.cost.credits.nanos(),
            found.cost.provider.nanos(),
            found.cost.source
        ),
        (2_405_000, 0, CostSource::Reconciled)
    );
    assert_eq!(
        (
            found.tokens.input,
            found.tokens.output,
            found.tokens.reasoning
        ),
        (420, 188, 128)
    );
    assert_eq!(found.served.provider.unwrap().as_str(), "Azure");
    assert_eq!(
        provider.look_up(&lane, &id).await.unwrap_err().kind(),
        FailureKind::Auth
    );
    assert!(
        server
            .request()
            .await
            .1
            .starts_with("get /api/v1/generation?id=gen-1 ")
    );
}

#[tokio::test]
async fn an_error_with_status_200_is_no_empty_list() {
    let server = Server::start([
        json(200, br#"{"error":{"code":503,"message":"later"}}"#),
        json(200, b"<html>"),
    ])
    .await;
    let provider = openrouter(&server);
    assert_eq!(provider.models().await.unwrap_err().status(), Some(503));
    assert_eq!(
        provider.models().await.unwrap_err().kind(),
        FailureKind::BadReply
    );
}

#[tokio::test]
async fn provider_keys_are_managed_at_their_own_paths() {
    let stored =
        br#"{"data":{"id":"k1","provider":"openai","label":"sk-p...1234","disabled":true}}"#;
    let full: Vec<_> = (0..100).map(|at| format!(r#"{{"id":"k{at}"}}"#)).collect();
    let full = format!(r#"{{"data":[{}],"total_count":101}}"#, full.join(","));
    let mut server = Server::start([
        json(201, stored),
        json(200, full.as_bytes()),
        json(200, br#"{"data":[{"id":"k100"}],"total_count":101}"#),
        json(200, stored),
        json(200, stored),
        json(200, br#"{"deleted":true}"#),
        json(404, br#"{"error":{"code":404,"message":"not found"}}"#),
    ])
    .await;
    let provider = openrouter(&server);
    let mut new = NewByokKey::new("openai", ApiKey::new("sk-provider-key-1234"));
    new.allowed_models = vec!["openai/*".into()];
    let key = provider.add_byok_key(&new).await.unwrap();
    assert_eq!(key.label.as_deref(), Some("sk-p...1234"));
    let keys = provider.byok_keys().await.unwrap();
    assert_eq!((keys.len(), keys[100].id.as_deref()), (101, Some("k100")));
    assert!(provider.disable_byok_key("k1").await.unwrap().disabled);
    provider.enable_byok_key("k1").await.unwrap();
    provider.remove_byok_key("k1").await.unwrap();
    let missing = provider.remove_byok_key("k2").await.unwrap_err();
    assert_eq!(missing.kind(), FailureKind::NotFound);
    // Nothing is sent for an id that would lead elsewhere.
    let elsewhere = provider.remove_byok_key("../keys/k1").await.unwrap_err();
    assert_eq!(elsewhere.kind(), FailureKind::InvalidRequest);
    for (start, body) in [
        (
            "post /api/v1/byok ",
            r#"{"provider":"openai","key":"sk-provider-key-1234","name":null,"allowed_models":["openai/*"],"is_fallback":false,"is_required":false}"#,
        ),
        ("get /api/v1/byok?offset=0&limit=100 ", ""),
        ("get /api/v1/byok?offset=100&limit=100 ", ""),
        ("patch /api/v1/byok/k1 ", r#"{"disabled":true}"#),
        ("patch /api/v1/byok/k1 ", r#"{"disabled":false}"#),
        ("delete /api/v1/byok/k1 ", ""),
        ("delete /api/v1/byok/k2 ", ""),
    ] {
        let (_, head, sent) = server.request().await;
        assert!(head.starts_with(start), "{start} in {head}");
        assert_eq!(sent, body, "{start}");
    }
}

#[tokio::test]
async fn a_failure_to_store_a_key_does_not_hold_it() {
    let key = "sk-provider-key-1234";
    let body = format!(r#"{{"error":{{"code":400,"message":"cannot use {key}"}}}}"#);
    let server = Server::start([json(400, body.as_bytes())]).await;
    let new = NewByokKey::new("openai", ApiKey::new(key));
    let failure = openrouter(&server).add_byok_key(&new).await.unwrap_err();
    assert!(failure.detail().unwrap().contains("cannot use ***"));
    assert!(!format!("{failure:?} {failure}").contains(key));
}
