//! Against OpenRouter itself, with a real key; costs a fraction of a cent:
//!
//! ```text
//! OPENROUTER_API_KEY=… cargo test openrouter_integration -- --ignored
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tollgate::{
    Attempt, CostSource, Dimension, Failure, FailureKind, Gateway, LlmProvider, Loader,
    OpenRouterConfig, OpenRouterProvider, Order, Reply, StreamMode, UsageQuery, Usd,
};

use crate::support::chat;

const WHY: &str = "needs OPENROUTER_API_KEY and the network";

async fn real(toml: &str) -> Gateway {
    let config = Loader::new()
        .with_text("integration.toml", toml)
        .load()
        .unwrap();
    assert!(
        config
            .openrouter
            .api_key
            .as_ref()
            .is_some_and(|key| !key.is_empty()),
        "{WHY}"
    );
    Gateway::from_config(config).await.unwrap()
}

/// The cheapest model of the live catalog, whatever it is at the moment.
fn cheapest(prompt: &str, mode: StreamMode) -> Order {
    Order::from(chat("tollgate/cheapest", prompt, mode).with_max_tokens(64))
        .with_max_cost("0.01".parse().unwrap())
}

#[tokio::test]
#[ignore = "needs OPENROUTER_API_KEY and the network"]
async fn openrouter_integration_catalog_has_400_models() {
    let gateway = real("").await;
    let report = gateway.models().unwrap().refresh().await.unwrap();
    assert!(gateway.catalog().view().models().len() >= 400, "{report:?}");
}

#[tokio::test]
#[ignore = "needs OPENROUTER_API_KEY and the network"]
async fn openrouter_integration_chat_and_stream_cost_what_the_ledger_says() {
    let gateway = real("").await;
    let mut sum = Usd::ZERO;
    for mode in [StreamMode::Whole, StreamMode::Stream] {
        let answer = gateway.chat(cheapest("Say: hello", mode)).await.unwrap();
        let collected = answer.collect().await.unwrap();
        let cost = collected.receipt.cost().unwrap();
        assert_eq!(cost.source, CostSource::Reported);
        let reported = collected.response.usage().unwrap().cost.unwrap();
        assert_eq!(
            Usd::parse_rounded(reported.as_str()).unwrap(),
            cost.amount()
        );
        sum += cost.amount();
    }
    let query = UsageQuery {
        by: vec![Dimension::Lane],
        ..UsageQuery::default()
    };
    let rows = gateway.usage(&query).await.unwrap();
    assert_eq!(rows[0].cost(), sum);
}

/// Refuses the first attempt of all, as a dead upstream would; the rest goes
/// to OpenRouter.
struct FirstFails {
    inner: OpenRouterProvider,
    attempts: AtomicU32,
}

#[async_trait]
impl LlmProvider for FirstFails {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        match self.attempts.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Failure::new(FailureKind::Connect, "made to fail by the test").not_here()),
            _ => self.inner.send(attempt).await,
        }
    }
}

#[tokio::test]
#[ignore = "needs OPENROUTER_API_KEY and the network"]
async fn openrouter_integration_falls_over_to_a_second_model() {
    let config = Loader::new()
        .with_text("integration.toml", "[failover]\ngroup_models = false\n")
        .load()
        .unwrap();
    let key = config.openrouter.api_key.clone();
    let inner = OpenRouterProvider::new(OpenRouterConfig {
        api_key: key,
        ..OpenRouterConfig::default()
    });
    let provider = FirstFails {
        inner: inner.unwrap(),
        attempts: AtomicU32::new(0),
    };
    let gateway = Gateway::builder(config)
        .provider(Arc::new(provider))
        .build()
        .await
        .unwrap();
    let answer = gateway
        .chat(cheapest("Say: hello", StreamMode::Stream))
        .await
        .unwrap();
    let receipt = answer.collect().await.unwrap().receipt;
    assert_eq!(receipt.attempts.len(), 2);
    assert_ne!(receipt.attempts[0].requested, receipt.attempts[1].requested);
}
