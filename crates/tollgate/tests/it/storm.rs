//! A thousand mixed requests with faults on the first choice.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::Instant;
use tollgate::{
    Dimension, FrameKind, Gateway, Order, Receipt, StreamMode, Task, UsageQuery, UsageRow, Usd,
};
use tollgate_sim::{Fault, Rule, Scenario};

use crate::support::{chat, gateway, simulator};

const CALLS: usize = 1_000;

/// Faults before the first token: nothing of them is billed, and another
/// candidate can take over unseen.
const FAULTS: [&str; 12] = [
    "unavailable",
    "internal",
    "edge-timeout",
    "error-200",
    "empty-answer",
    "html-200",
    "stall",
    "comments",
    "malformed=1",
    "no-headers",
    "reset",
    "rate-limited=1",
];

/// One in five attempts at a first choice fails, each in another way.
fn scenario(first_choices: &[String]) -> Scenario {
    let mut scenario = Scenario::default();
    for model in first_choices {
        for fault in FAULTS {
            let Ok(fault) = Fault::named(fault) else {
                panic!("no fault {fault}")
            };
            // 1 − (1 − p)¹² = 0.2
            let rule = Rule::new(fault).for_model(model).with_probability(0.0184);
            scenario = scenario.with_rule(rule);
        }
    }
    scenario
}

fn order(number: usize) -> Order {
    let policy = ["cheapest", "balanced", "quality"][number % 3];
    let task = Task::ALL[number / 3 % 3];
    let mode = if number.is_multiple_of(4) {
        StreamMode::Whole
    } else {
        StreamMode::Stream
    };
    let prompt = format!("Request {number}: say something short.");
    Order::from(chat(&format!("tollgate/{policy}:{task}"), &prompt, mode).with_max_tokens(60))
}

async fn one(gateway: &Gateway, number: usize) -> Result<Receipt, String> {
    let mut answer = gateway
        .chat(order(number))
        .await
        .map_err(|error| format!("{error:?}"))?;
    let mut ended = false;
    while let Some(frame) = answer.next().await {
        let frame = frame.map_err(|failure| format!("cut: {failure:?}"))?;
        ended |= frame.facts.finish.is_some() || frame.kind == FrameKind::Body;
    }
    assert!(ended, "a clean end without a finish reason");
    answer
        .receipt()
        .cloned()
        .ok_or_else(|| "no receipt".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_where_a_healthy_candidate_exists_and_every_nano_is_accounted_for() {
    let calm = simulator(Scenario::default()).await;
    // Short timers, so that silent targets cost seconds; not shorter, as what a
    // busy machine is late with is billed without a name to ask by. Breakers
    // closed, so that the faulty first choices keep being chosen.
    let toml = r#"
        [failover]
        group_models = false
        attempts = 6
        first_event_ms = 4000
        first_event_reasoning_ms = 4000
        whole_ms = 6000
        whole_reasoning_ms = 6000
        min_attempt_ms = 100
        [failover.breaker]
        failures = 1000
        min_success_percent = 0
        [failover.retries]
        share_percent = 100
        per_second = 1000
    "#;
    let planner = gateway(&calm, toml).await;
    // Routing turns away from what fails, so the next choices become first
    // ones: they fail as often. The fourth of each plan is always healthy.
    let mut first_choices: Vec<String> = (0..9)
        .flat_map(|number| {
            planner
                .plan(order(number))
                .unwrap()
                .candidates
                .into_iter()
                .take(3)
        })
        .map(|candidate| candidate.model.to_string())
        .collect();
    first_choices.sort();
    first_choices.dedup();

    let simulator = simulator(scenario(&first_choices)).await;
    let gateway = gateway(&simulator, toml).await;
    let results: Vec<_> = stream::iter(0..CALLS)
        .map(|number| one(&gateway, number))
        .buffer_unordered(64)
        .collect()
        .await;
    simulator.idle().await;

    let failed: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .collect();
    assert!(
        failed.is_empty(),
        "{} failed, the first: {}",
        failed.len(),
        failed[0]
    );
    let receipts: Vec<_> = results.into_iter().flatten().collect();
    let failovers: usize = receipts.iter().map(Receipt::failovers).sum();
    assert!(
        failovers > CALLS / 20,
        "only {failovers} failovers: the faults did not bite"
    );

    // What the receipts say, plus what was learned afterwards of attempts that
    // broke off after the upstream had named a generation, is what was billed.
    let bill = simulator.bill().total().to_string();
    let total = settled(&gateway, &bill).await;
    let known: Usd = receipts
        .iter()
        .filter_map(Receipt::cost)
        .map(|cost| cost.amount())
        .sum();
    assert!(known <= total);

    // The store agrees, whatever it is broken down by.
    for by in [
        Dimension::Model,
        Dimension::Task,
        Dimension::Policy,
        Dimension::Provider,
    ] {
        let rows = gateway
            .usage(&UsageQuery {
                by: vec![by.clone()],
                ..UsageQuery::default()
            })
            .await
            .unwrap();
        assert_eq!(
            rows.iter().map(UsageRow::cost).sum::<Usd>(),
            total,
            "{by:?}"
        );
        assert_eq!(
            rows.iter().map(|row| row.calls).sum::<u64>(),
            CALLS as u64,
            "{by:?}"
        );
    }
}

/// Waits until the ledger's total is the simulator's bill: the reconciler asks
/// two seconds after a call has ended.
async fn settled(gateway: &Gateway, bill: &str) -> Usd {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let rows = gateway.usage(&UsageQuery::default()).await.unwrap();
        if rows[0].cost().to_string() == bill {
            return rows[0].cost();
        }
        assert!(
            Instant::now() < deadline,
            "{} is not {bill}",
            rows[0].cost()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Streams that are cut after their first token: none of them ends clean, and
/// what they cost is settled by asking afterwards.
#[tokio::test]
async fn no_cut_stream_ends_clean_and_its_cost_is_learned_afterwards() {
    let mut scenario = Scenario::default().with_output_tokens(40);
    for fault in ["cut-event=3", "error-mid-stream=3", "reset-event=4"] {
        let fault = Fault::named(fault).unwrap();
        scenario = scenario.with_rule(Rule::new(fault).with_probability(0.5));
    }
    let simulator = simulator(scenario).await;
    let gateway = gateway(
        &simulator,
        "[failover.breaker]\nfailures = 1000\nmin_success_percent = 0\n",
    )
    .await;
    let mut cut = 0;
    for number in 0..40 {
        let request = chat(
            "anthropic/claude-3-haiku",
            &format!("story {number}"),
            StreamMode::Stream,
        );
        let mut answer = gateway.chat(request).await.unwrap();
        let mut failed = false;
        while let Some(frame) = answer.next().await {
            failed |= frame.is_err();
        }
        let receipt = answer.receipt().unwrap();
        let complete = receipt.ended == tollgate::Ended::Complete;
        assert_eq!(complete, !failed, "{receipt:?}");
        cut += usize::from(failed);
    }
    assert!(cut > 20, "only {cut} streams were cut");
    simulator.idle().await;
    let bill = simulator.bill().total().to_string();
    settled(&gateway, &bill).await;
    let rows = gateway.usage(&UsageQuery::default()).await.unwrap();
    assert_eq!(rows[0].unresolved, Usd::ZERO);
}
