//! Providers and attempts for the tests.

use std::sync::Arc;

use futures_util::StreamExt;
use tollgate_core::{ApiKey, Attempt, Delivery, Failure, Frame, LlmProvider, Reply};
use tollgate_testkit::builders::{self, NOON};
use tollgate_transport::{
    DROPPED_HEADER, DirectConfig, DirectProvider, OpenRouterConfig, OpenRouterProvider,
};
use tollgate_wire::{ChatRequest, Request, Surface};

use crate::server::Server;

pub(crate) const KEY: &str = "sk-or-v1-0123456789abcdef";

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
        request: Arc::new(ChatRequest::parse(request).unwrap().into()),
        delivery,
        ..builders::attempt(1, "a/b", "openrouter")
    }
}

/// An attempt to have a request of the surface answered.
pub(crate) fn asking(surface: Surface, body: &str, delivery: Delivery) -> Attempt {
    Attempt {
        request: Arc::new(Request::parse(surface, body.as_bytes()).unwrap()),
        ..attempt(delivery)
    }
}

/// All frames up to the end or the failure.
pub(crate) async fn collect(
    provider: &impl LlmProvider,
    delivery: Delivery,
) -> (Vec<Frame>, Option<Failure>) {
    read(provider, &attempt(delivery)).await
}

/// As [`collect`], for an attempt.
pub(crate) async fn read(
    provider: &impl LlmProvider,
    attempt: &Attempt,
) -> (Vec<Frame>, Option<Failure>) {
    let mut reply = match provider.send(attempt).await {
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

/// The places that were left out of the request, as the head tells them.
pub(crate) fn dropped(reply: &Reply) -> Option<&str> {
    let mut headers = reply.head.headers.iter();
    let header = headers.find(|(name, _)| name == DROPPED_HEADER);
    header.map(|(_, places)| places.as_str())
}

/// The failure that this exchange must be.
pub(crate) async fn failure(provider: &impl LlmProvider, delivery: Delivery) -> Failure {
    collect(provider, delivery)
        .await
        .1
        .expect("the exchange fails")
}
