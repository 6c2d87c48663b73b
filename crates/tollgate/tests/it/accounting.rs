//! Receipts, and what the store says afterwards.

use tollgate::{Billing, CostSource, Dimension, Gateway, StreamMode, UsageQuery, Usd};
use tollgate_sim::Scenario;

use crate::support::{chat, config, gateway, simulator};

const MODEL: &str = "anthropic/claude-3-haiku";

#[tokio::test]
async fn streamed_and_whole_answers_cost_what_the_simulator_bills() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    let mut sum = Usd::ZERO;
    for mode in [StreamMode::Stream, StreamMode::Whole] {
        let answer = gateway
            .chat(chat(MODEL, "Name a colour.", mode))
            .await
            .unwrap();
        let collected = answer.collect().await.unwrap();
        let cost = collected.receipt.cost().unwrap();
        assert_eq!(cost.source, CostSource::Reported);
        assert!(!collected.response.text().is_empty());
        assert_eq!(collected.receipt.attempts.len(), 1);
        sum += cost.amount();
    }
    assert_eq!(sum.to_string(), simulator.bill().total().to_string());
    assert!(sum > Usd::ZERO);
}

#[tokio::test]
async fn byok_and_credits_are_kept_apart() {
    let simulator = simulator(Scenario {
        byok_fee_percent: 5,
        ..Scenario::default()
    })
    .await;
    let mut own_key = config(&simulator, "[openrouter]\nmode = \"byok\"\n");
    own_key.openrouter.api_key = Some(tollgate::ApiKey::new("sk-or-byok-not-a-real-key-000"));
    let gateway = Gateway::from_config(own_key).await.unwrap();
    let answer = gateway
        .chat(chat(MODEL, "Name a colour.", StreamMode::Whole))
        .await
        .unwrap();
    let receipt = answer.collect().await.unwrap().receipt;
    let cost = receipt.cost().unwrap();
    assert_eq!(receipt.served().unwrap().billing, Billing::Byok);
    assert_eq!(
        cost.credits.to_string(),
        simulator.bill().fees().to_string()
    );
    assert_eq!(
        cost.provider.to_string(),
        simulator.bill().provider_cost().to_string()
    );

    let query = UsageQuery {
        by: vec![Dimension::Billing],
        ..UsageQuery::default()
    };
    let rows = gateway.usage(&query).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].key, ["byok"]);
    assert_eq!(
        (rows[0].credits, rows[0].provider),
        (cost.credits, cost.provider)
    );
}

#[tokio::test]
async fn a_sqlite_ledger_outlives_the_gateway() {
    let simulator = simulator(Scenario::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let toml = format!(
        "[ledger]\nstore = \"sqlite\"\npath = {:?}\n",
        path.display().to_string()
    );
    let config = config(&simulator, &toml);
    let gateway = Gateway::from_config(config.clone()).await.unwrap();
    let answer = gateway
        .chat(chat(MODEL, "Name a colour.", StreamMode::Stream))
        .await
        .unwrap();
    let receipt = answer.collect().await.unwrap().receipt;
    gateway.shutdown().await;

    let query = UsageQuery {
        by: vec![
            Dimension::Model,
            Dimension::Provider,
            Dimension::Task,
            Dimension::Policy,
            Dimension::Day,
        ],
        ..UsageQuery::default()
    };
    let rows = tollgate::usage(&config, &query).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].calls, 1);
    assert_eq!(rows[0].cost(), receipt.cost().unwrap().amount());
    assert_eq!(rows[0].tokens, receipt.tokens());
}

#[tokio::test]
async fn a_ceiling_no_model_can_keep_is_refused_before_anything_is_sent() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(
        &simulator,
        "[openrouter.optimization]\nmax_cost_per_request = 0.000000001\n",
    )
    .await;
    let error = gateway
        .chat(chat(MODEL, "Name a colour.", StreamMode::Whole))
        .await
        .unwrap_err();
    assert!(error.receipt().is_none());
    assert_eq!(
        simulator
            .log()
            .iter()
            .filter(|seen| seen.method == "POST")
            .count(),
        0
    );
}
