//! What answers use, from the receipt to the plan and the store.

use std::sync::Arc;
use std::time::Duration;

use tollgate::{
    ChatRequest, Explanation, Gateway, HabitRow, LedgerStore, OutputSource, StreamMode, Task,
    Timestamp,
};
use tollgate_ledger::MemoryStore;
use tollgate_sim::Scenario;

use crate::support::{chat, collected, config, simulator};

const MODEL: &str = "openai/gpt-4o-mini";

fn hello() -> ChatRequest {
    chat(MODEL, "Name a colour.", StreamMode::Stream)
}

fn answers_of(tokens: u64) -> Scenario {
    Scenario {
        output_tokens: Some(tokens),
        ..Scenario::default()
    }
}

async fn over(scenario: Scenario, store: &Arc<MemoryStore>) -> Gateway {
    let simulator = simulator(scenario).await;
    let builder = Gateway::builder(config(&simulator, "[catalog]\noffline = true\n"));
    let gateway = builder.seed(7).store(store.clone()).build().await.unwrap();
    // It is listened to as long as the test runs.
    std::mem::forget(simulator);
    gateway
}

/// What is learned from these requests, when answers have so many tokens.
async fn learned(tokens: u64, requests: Vec<ChatRequest>) -> Vec<HabitRow> {
    let store = Arc::new(MemoryStore::new());
    let gateway = over(answers_of(tokens), &store).await;
    for request in requests {
        collected(&gateway, request).await;
    }
    gateway.shutdown().await;
    store.habits(Timestamp::default()).await.unwrap()
}

fn first(plan: &Explanation) -> (u32, OutputSource) {
    let candidate = &plan.candidates[0];
    assert_eq!(candidate.model.as_str(), MODEL);
    (candidate.output_tokens, candidate.output_source)
}

/// The logarithm of so many tokens, in thousandths.
fn log(tokens: f64) -> i64 {
    (tokens.ln() * 1_000.0).round() as i64
}

// === from the receipt to the plan ===

#[tokio::test]
async fn plans_expect_what_answers_had_and_a_new_process_does_too() {
    let store = Arc::new(MemoryStore::new());
    let gateway = over(answers_of(60), &store).await;
    assert_eq!(
        first(&gateway.plan(hello()).unwrap()).1,
        OutputSource::Prior
    );
    for _ in 0..60 {
        collected(&gateway, hello()).await;
    }
    gateway.shutdown().await;
    let again = over(answers_of(60), &store).await;
    let (tokens, source) = first(&again.plan(hello()).unwrap());
    assert_eq!(source, OutputSource::Usage);
    assert!((60..90).contains(&tokens), "{tokens}");
}

#[tokio::test(start_paused = true)]
async fn what_answers_use_is_in_the_catalog_within_seconds() {
    let gateway = over(answers_of(60), &Arc::default()).await;
    collected(&gateway, hello()).await;
    let mut seconds = 0..60;
    while first(&gateway.plan(hello()).unwrap()).1 == OutputSource::Prior {
        assert!(seconds.next().is_some(), "the plan never hears of it");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

// === what is counted ===

#[tokio::test]
async fn an_answer_is_one_row_of_sums_without_a_word_of_it() {
    let [row] = learned(60, vec![hello(), hello()])
        .await
        .try_into()
        .unwrap();
    assert_eq!((row.model.as_str(), row.task), (MODEL, Task::Chat));
    assert_eq!((row.sums.answers, row.sums.log_tokens), (2, 2 * log(60.0)));
}

#[tokio::test]
async fn an_answer_that_a_limit_has_cut_counts_as_longer_than_it_was() {
    let cut = hello().with_max_tokens(20);
    let [row] = learned(60, vec![cut]).await.try_into().unwrap();
    // At least as long as was expected: the median of the assumption.
    assert!(row.sums.log_tokens >= log(349.0), "{row:?}");
}

#[tokio::test]
async fn prompts_are_compared_with_their_estimate_when_they_are_long_and_text() {
    let long = "The quick brown fox jumps over the lazy dog. ".repeat(60);
    let long = || chat(MODEL, &long, StreamMode::Whole);
    let [row] = learned(60, vec![hello(), long(), long()])
        .await
        .try_into()
        .unwrap();
    assert_eq!((row.sums.answers, row.sums.prompts), (3, 2));
    assert!(row.sums.log_factors != 0, "{row:?}");
}

#[tokio::test]
async fn an_answer_that_is_left_teaches_nothing() {
    let store = Arc::new(MemoryStore::new());
    let gateway = over(answers_of(60), &store).await;
    drop(gateway.chat(hello()).await.unwrap());
    gateway.shutdown().await;
    assert_eq!(store.habits(Timestamp::default()).await.unwrap(), []);
}
