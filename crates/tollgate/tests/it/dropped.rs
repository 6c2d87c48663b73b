//! Answers that nobody reads to their end.

use std::time::Duration;

use futures_util::StreamExt;
use tollgate::{Dimension, FrameKind, StreamMode, UsageQuery, Usd};
use tollgate_sim::{Fault, Rule, Scenario};

use crate::support::{chat, gateway, simulator};

const MODEL: &str = "anthropic/claude-3-haiku";

fn all() -> UsageQuery {
    UsageQuery {
        by: vec![Dimension::Lane],
        ..UsageQuery::default()
    }
}

#[tokio::test]
async fn a_dropped_answer_is_booked_once_and_closes_the_upstream() {
    let simulator = simulator(Scenario::default().with_output_tokens(2_000)).await;
    let gateway = gateway(&simulator, "").await;
    let mut answer = gateway
        .chat(chat(MODEL, "Tell a long story.", StreamMode::Stream))
        .await
        .unwrap();
    answer.next().await.unwrap().unwrap();
    drop(answer);
    simulator.idle().await;
    let bill = simulator.bill();
    assert_eq!(bill.lines.len(), 1);

    let parts = gateway.clone();
    parts.shutdown().await;
    let rows = gateway.usage(&all()).await.unwrap();
    assert_eq!((rows[0].calls, rows[0].attempts), (1, 1));
    assert!(rows[0].cost() > Usd::ZERO || rows[0].unresolved > Usd::ZERO);
}

#[tokio::test]
async fn a_call_dropped_before_its_first_token_is_booked_at_its_worst_case() {
    let silent = Fault::named("no-headers").unwrap();
    let simulator = simulator(Scenario::default().with_rule(Rule::new(silent))).await;
    let gateway = gateway(&simulator, "").await;
    let call = gateway.chat(chat(MODEL, "hi", StreamMode::Stream));
    let dropped = tokio::time::timeout(Duration::from_millis(300), call).await;
    assert!(dropped.is_err());
    assert_eq!(
        simulator
            .log()
            .iter()
            .filter(|seen| seen.method == "POST")
            .count(),
        1
    );

    gateway.clone().shutdown().await;
    let rows = gateway.usage(&all()).await.unwrap();
    assert_eq!((rows[0].calls, rows[0].attempts), (1, 1));
    assert_eq!(rows[0].cost(), Usd::ZERO);
    assert!(rows[0].unresolved > Usd::ZERO, "nobody knows what it cost");
}

#[tokio::test]
async fn what_failed_before_a_drop_is_booked_for_what_it_was() {
    let refused = Fault::named("unavailable").unwrap();
    let silent = Fault::named("no-headers").unwrap();
    let scenario = Scenario::default()
        .with_rule(Rule::new(refused).for_model(MODEL))
        .with_rule(Rule::new(silent));
    let simulator = simulator(scenario).await;
    let gateway = gateway(
        &simulator,
        "[openrouter.optimization]\nfallback_chain = [\"openai/gpt-4\"]\n[failover]\ngroup_models = false\n",
    )
    .await;
    let call = gateway.chat(chat(MODEL, "hi", StreamMode::Stream));
    assert!(
        tokio::time::timeout(Duration::from_secs(1), call)
            .await
            .is_err()
    );

    gateway.clone().shutdown().await;
    let query = UsageQuery {
        by: vec![Dimension::Model],
        ..UsageQuery::default()
    };
    let rows = gateway.usage(&query).await.unwrap();
    let row = |model: &str| rows.iter().find(|row| row.key == [model]).unwrap();
    assert_eq!(row(MODEL).unresolved, Usd::ZERO, "it surely was not billed");
    assert_eq!(row(MODEL).failed, 1);
    assert!(row("openai/gpt-4").unresolved > Usd::ZERO);
}

#[tokio::test]
async fn a_whole_answer_that_nobody_reads_costs_what_it_says() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    drop(
        gateway
            .chat(chat(MODEL, "Name a colour.", StreamMode::Whole))
            .await
            .unwrap(),
    );
    gateway.clone().shutdown().await;
    let rows = gateway.usage(&all()).await.unwrap();
    assert_eq!(
        rows[0].cost().to_string(),
        simulator.bill().total().to_string()
    );
    assert_eq!(rows[0].unresolved, Usd::ZERO);
}

#[tokio::test]
async fn a_reader_may_leave_at_the_end_marker() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    let mut answer = gateway
        .chat(chat(MODEL, "Name a colour.", StreamMode::Stream))
        .await
        .unwrap();
    while answer.next().await.unwrap().unwrap().kind != FrameKind::Done {}
    let receipt = answer.receipt().unwrap();
    assert_eq!(receipt.ended, tollgate::Ended::Complete);
    assert_eq!(
        receipt.cost().unwrap().amount().to_string(),
        simulator.bill().total().to_string()
    );
}

#[tokio::test]
async fn without_tracking_there_are_totals_and_nothing_else() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "[openrouter]\ntrack_usage = false\n").await;
    let answer = gateway
        .chat(chat(MODEL, "Name a colour.", StreamMode::Whole))
        .await
        .unwrap();
    let cost = answer
        .collect()
        .await
        .unwrap()
        .receipt
        .cost()
        .unwrap()
        .amount();
    assert_eq!(gateway.totals().unwrap().credits, cost);
    assert!(gateway.usage(&all()).await.unwrap().is_empty());
}
