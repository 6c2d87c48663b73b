//! Providers and attempts for the tests.

use std::sync::Arc;

use futures_util::StreamExt;
use tollgate_core::{
    ApiKey, Attempt, CallId, Delivery, Failure, Frame, LaneId, LlmProvider, ModelId, Timestamp, Usd,
};
use tollgate_transport::{DirectConfig, DirectProvider, OpenRouterConfig, OpenRouterProvider};
use tollgate_wire::ChatRequest;

use crate::server::Server;

pub(crate) const KEY: &str = "sk-or-v1-0123456789abcdef";

/// 2026-08-08T12:00:00Z
pub(crate) const NOON: Timestamp = Timestamp::from_secs(1_786_190_400);

pub(crate) fn config(server: &Server) -> OpenRouterConfig {
    let mut config = OpenRouterConfig {
        api_key: Some(ApiKey::new(KEY)),
        base_url: server.url.clone(),
        ..Default::default()
    };
    config.timers.idle_ms = Some(10_000);
    config
}

pub(crate) fn openrouter(server: &Server) -> OpenRouterProvider {
    OpenRouterProvider::new(config(server))
        .unwrap()
        .with_clock(Arc::new(|| NOON))
}

pub(crate) fn direct(server: &Server) -> DirectProvider {
    let config = DirectConfig {
        api_key: Some(ApiKey::new(KEY)),
        base_url: server.url.clone(),
        ..Default::default()
    };
    DirectProvider::new(config)
        .unwrap()
        .with_clock(Arc::new(|| NOON))
}

pub(crate) fn attempt(delivery: Delivery) -> Attempt {
    let request = br#"{"model":"a/b","messages":[{"role":"user","content":"the prompt"}]}"#;
    Attempt {
        call: CallId::from_u128(1),
        number: 1,
        lane: LaneId::new("openrouter").unwrap(),
        models: vec![ModelId::new("a/b").unwrap()],
        planned: vec![ModelId::new("a/b").unwrap()],
        request: Arc::new(ChatRequest::parse(request).unwrap().into()),
        delivery,
        strict: false,
        session: None,
        max_output: None,
        max_price: None,
        endpoints: Default::default(),
        worst: Usd::ZERO,
        key: None,
    }
}

/// All frames up to the end or the failure.
pub(crate) async fn collect(
    provider: &impl LlmProvider,
    delivery: Delivery,
) -> (Vec<Frame>, Option<Failure>) {
    let mut reply = match provider.send(&attempt(delivery)).await {
        Ok(reply) => reply,
        Err(failure) => return (Vec::new(), Some(failure)),
    };
    let mut frames = Vec::new();
    while let Some(frame) = reply.frames.next().await {
        match frame {
            Ok(frame) => frames.push(frame),
            Err(failure) => {
                assert!(
                    reply.frames.next().await.is_none(),
                    "a failure is the last item"
                );
                return (frames, Some(failure));
            }
        }
    }
    (frames, None)
}

/// The failure that this exchange must be.
pub(crate) async fn failure(provider: &impl LlmProvider, delivery: Delivery) -> Failure {
    collect(provider, delivery)
        .await
        .1
        .expect("the exchange fails")
}
