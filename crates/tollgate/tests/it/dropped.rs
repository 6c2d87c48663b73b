//! Answers that nobody reads to their end.

use futures_util::StreamExt;
use tollgate::{Dimension, StreamMode, UsageQuery};
use tollgate_sim::Scenario;

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
    assert!(rows[0].cost() > tollgate::Usd::ZERO || rows[0].unresolved > tollgate::Usd::ZERO);
}

#[tokio::test]
async fn a_dropped_call_leaves_no_hold() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    let call = gateway.chat(chat("sim/stall", "hi", StreamMode::Stream));
    // The model is not in the catalog, so this fails before sending; the hold
    // of a call that is dropped while it runs is covered by the walk below.
    assert!(call.await.is_err());

    let running = gateway.chat(chat(MODEL, "hi", StreamMode::Stream));
    tokio::select! {
        biased;
        () = std::future::ready(()) => {}
        _ = running => unreachable!("nothing was polled yet"),
    }
    let parts = gateway.clone();
    parts.shutdown().await;
    assert!(gateway.usage(&all()).await.unwrap().is_empty());
}
