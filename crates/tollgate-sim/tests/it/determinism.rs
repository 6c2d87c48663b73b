//! The same seed and the same requests give the same bytes and the same bill.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_sim::{Bill, Scenario, Simulator};

use crate::client::Ask;

const SCENARIO: &str = "[[rules]]\nprobability = 0.3\nfault = 'unavailable'\n[[rules]]\nprobability = 0.2\nfault = 'cut-event=4'";

/// Heads and bodies of all replies, and the bill.
async fn run(seed: u64, requests: &[Value]) -> (Vec<(String, Vec<u8>)>, Bill) {
    let scenario = Scenario::from_toml(SCENARIO).unwrap();
    let sim = Simulator::builder()
        .seed(seed)
        .scenario(scenario)
        .start()
        .await
        .unwrap();
    let first = send_all(&sim, requests).await;
    let bill = sim.bill();
    sim.reset();
    assert_eq!(sim.bill(), Bill::default());
    assert_eq!(send_all(&sim, requests).await, first, "a reset begins anew");
    sim.shutdown().await;
    (first, bill)
}

async fn send_all(sim: &Simulator, requests: &[Value]) -> Vec<(String, Vec<u8>)> {
    let mut replies = Vec::new();
    for fields in requests {
        let reply = Ask::chat(fields.clone()).send(sim).await;
        replies.push((reply.head, reply.body));
    }
    replies
}

fn requests() -> impl Strategy<Value = Vec<Value>> {
    // Few models, so that repeats (and so the prompt cache) occur.
    let model = prop::sample::select(vec![
        "openai/gpt-4o-mini",
        "deepseek/deepseek-r1",
        "openrouter/auto",
        "sim/reset-event",
    ]);
    let request = (model, any::<bool>(), 1..100_u64, "[a-z ]{0,40}").prop_map(|(model, stream, limit, text)| {
        json!({"model": model, "stream": stream, "max_tokens": limit, "messages": [{"role": "user", "content": text}]})
    });
    prop::collection::vec(request, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn same_seed_same_bytes_same_bill(seed in any::<u64>(), requests in requests()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (first, second) = runtime.block_on(async { (run(seed, &requests).await, run(seed, &requests).await) });
        prop_assert_eq!(first, second);
    }
}

#[tokio::test(start_paused = true)]
async fn another_seed_gives_another_answer() {
    let requests = [json!({})];
    assert_ne!(
        run(1, &requests).await.0[0].1,
        run(2, &requests).await.0[0].1
    );
}
