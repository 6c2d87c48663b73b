//! Budgets, before and behind the whole gateway.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate::{Error, FailureKind, Gateway, StreamMode, UsageQuery, Usd};
use tollgate_sim::{Catalog, Scenario, Simulator};

use crate::support::{chat, config};

const MODEL: &str = "test/one";

/// A simulator with one model that costs a cent a call, whatever is said, and
/// one without a price.
async fn simulator() -> Simulator {
    let model = |id: &str, pricing: Value| {
        json!({
            "id": id,
            "canonical_slug": id,
            "name": id,
            "created": 1_700_000_000,
            "context_length": 100_000,
            "architecture": {
                "modality": "text->text",
                "input_modalities": ["text"],
                "output_modalities": ["text"],
                "tokenizer": "Other",
                "instruct_type": null
            },
            "pricing": pricing,
            "top_provider": {
                "context_length": 100_000,
                "max_completion_tokens": 1_000,
                "is_moderated": false
            },
            "per_request_limits": null,
            "supported_parameters": ["max_tokens"]
        })
    };
    let a_cent = json!({"prompt": "0", "completion": "0", "request": "0.01"});
    let unknown = json!({"prompt": "-1", "completion": "-1"});
    let list = json!({"data": [model(MODEL, a_cent), model("test/unpriced", unknown)]});
    let catalog = Catalog::from_json(&list.to_string()).unwrap();
    let simulator = Simulator::builder().seed(7).catalog(catalog);
    simulator
        .scenario(Scenario::default())
        .start()
        .await
        .unwrap()
}

async fn gateway(simulator: &Simulator, budgets: &str) -> Gateway {
    let toml = format!("[catalog]\nmax_shrink = 1.0\n{budgets}");
    Gateway::from_config(config(simulator, &toml))
        .await
        .unwrap()
}

/// How many were answered, and the others.
async fn ask(gateway: &Gateway, calls: usize) -> (usize, Vec<Error>) {
    let asked = (0..calls).map(|number| async move {
        let mode = [StreamMode::Whole, StreamMode::Stream][number % 2];
        gateway
            .chat(chat(MODEL, "Hello.", mode))
            .await?
            .collect()
            .await
    });
    let (mut answered, mut refused) = (0, Vec::new());
    for result in join_all(asked).await {
        match result {
            Ok(_) => answered += 1,
            Err(error) => refused.push(error),
        }
    }
    (answered, refused)
}

fn chats(simulator: &Simulator) -> usize {
    let log = simulator.log();
    log.iter()
        .filter(|seen| seen.path.ends_with("/chat/completions"))
        .count()
}

#[tokio::test]
async fn of_a_thousand_calls_at_once_a_dollar_serves_a_hundred_of_a_cent() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, "[budgets.pocket]\nlimit = 1.00\n").await;
    let (answered, refused) = ask(&gateway, 1_000).await;
    assert_eq!(
        (answered, refused.len()),
        (100, 900),
        "{:?}",
        refused.first()
    );
    let named = refused.iter().filter(|error| {
        error.kind() == FailureKind::BudgetExceeded && error.to_string().contains("\"pocket\"")
    });
    assert_eq!(named.count(), 900, "the first: {:?}", refused[0]);
    assert_eq!(chats(&simulator), 100, "what was refused was not sent");
    let rows = gateway.usage(&UsageQuery::default()).await.unwrap();
    assert_eq!(rows[0].cost().to_string(), "1");
    assert_eq!(simulator.bill().total().to_string(), "1");
    let (_, spent, held) = &gateway.budgets()[0];
    assert_eq!((spent.to_string(), *held), ("1".to_owned(), Usd::ZERO));
}

#[tokio::test]
async fn callers_with_a_budget_each_do_not_spend_each_others() {
    let simulator = simulator().await;
    let toml = "[budgets.each]\nlimit = 0.02\nper = \"tag.user\"\n";
    let gateway = gateway(&simulator, toml).await;
    let mut served = HashSet::new();
    for user in ["ann", "bob"] {
        for number in 0..4 {
            let order = tollgate::ChatOrder::from(chat(MODEL, "Hello.", StreamMode::Whole));
            let answer = gateway.chat(order.with_tag("user", user)).await;
            if let Ok(answer) = answer {
                answer.collect().await.unwrap();
                served.insert((user, number));
            }
        }
    }
    let expected = [("ann", 0), ("ann", 1), ("bob", 0), ("bob", 1)];
    assert_eq!(served, HashSet::from(expected));
}

#[tokio::test]
async fn a_model_without_a_price_is_never_sent_to() {
    let simulator = simulator().await;
    let gateway = gateway(&simulator, "[budgets.pocket]\nlimit = 1.00\n").await;
    for _ in 0..100 {
        let refused = gateway
            .chat(chat("test/unpriced", "Hello.", StreamMode::Whole))
            .await;
        let refused = refused.unwrap_err();
        assert!(refused.kind().rule().status < 500, "{refused}");
        assert!(refused.to_string().contains("price"), "{refused}");
    }
    assert_eq!(chats(&simulator), 0);
}
