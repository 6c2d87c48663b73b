//! Against OpenRouter itself, with a real key; costs a fraction of a cent:
//!
//! ```text
//! OPENROUTER_API_KEY=… cargo test openrouter_integration -- --ignored
//! ```

use tollgate::{ChatOrder, CostSource, Dimension, Gateway, Loader, StreamMode, UsageQuery, Usd};

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
fn cheapest(prompt: &str, mode: StreamMode) -> ChatOrder {
    ChatOrder::from(chat("tollgate/cheapest", prompt, mode).with_max_tokens(64))
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

#[tokio::test]
#[ignore = "needs OPENROUTER_API_KEY and the network"]
async fn openrouter_integration_falls_over_to_a_second_model() {
    // The first model may only run at a provider that does not exist.
    let gateway = real("[failover]\ngroup_models = false\n").await;
    let request = chat("tollgate/cheapest", "Say: hello", StreamMode::Stream).with_max_tokens(64);
    let (_, plan) = gateway.decide(request.clone()).unwrap();
    let order = ChatOrder::from(
        request
            .with_model(plan.first().model.as_str())
            .with_models(plan.candidates().skip(1).take(2).map(|c| c.model.as_str())),
    );
    let receipt = gateway
        .chat(order)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap()
        .receipt;
    assert!(receipt.served().is_some());
}
