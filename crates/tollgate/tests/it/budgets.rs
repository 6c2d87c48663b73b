//! Budgets, before and behind the whole gateway.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate::{ChatRequest, Error, FailureKind, Gateway, StreamMode, UsageQuery, Usd};
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
            let order = tollgate::Order::from(chat(MODEL, "Hello.", StreamMode::Whole));
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

/// Two nodes whose budget is in a database, with the real wiring.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test that needs a service asks for it"
)]
async fn nodes_that_share_a_database_share_a_dollar() {
    let Ok(url) = std::env::var("TOLLGATE_TEST_POSTGRES") else {
        println!("skipped: nodes that share a budget need a server; set TOLLGATE_TEST_POSTGRES");
        return;
    };
    let simulator = simulator().await;
    // A schema of its own in each run; the database is for tests.
    let schema = format!("gateways_{}", std::process::id());
    let node = |name: &str| {
        format!(
            "[ledger]\nstore = \"postgres\"\nurl = {url:?}\nschema = {schema:?}\nnode = {name:?}\n\
             [budgets.pocket]\nlimit = 1.00\nwindow = \"lifetime\"\n"
        )
    };
    let one = gateway(&simulator, &node("one")).await;
    let two = gateway(&simulator, &node("two")).await;
    let (first, second) = tokio::join!(ask(&one, 150), ask(&two, 150));
    let answered = first.0 + second.0;
    assert!(
        (98..=100).contains(&answered),
        "{} and {}",
        first.0,
        second.0
    );
    assert_eq!(chats(&simulator), answered);
    for error in first.1.iter().chain(&second.1) {
        assert_eq!(error.kind(), FailureKind::BudgetExceeded, "{error}");
    }
    one.shutdown().await;
    two.shutdown().await;
    // What neither could use is there for the next.
    let three = gateway(&simulator, &node("three")).await;
    let (rest, refused) = ask(&three, 5).await;
    assert_eq!((answered + rest, refused.len()), (100, 5 - rest));
    three.shutdown().await;
    assert_eq!(simulator.bill().total().to_string(), "1");
}

#[tokio::test]
async fn a_gateway_that_is_dropped_lets_go_of_its_ledger() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let toml = format!(
        "[ledger]\nstore = \"sqlite\"\npath = {:?}\n[budgets.pocket]\nlimit = 1.00\n",
        path.display().to_string()
    );
    let first = gateway(&simulator, &toml).await;
    ask(&first, 1).await;
    drop(first);
    let second = gateway(&simulator, &toml).await;
    let (_, spent, _) = &second.budgets()[0];
    assert_eq!(spent.to_string(), "0.01");
    second.shutdown().await;

    // Nor does one that was never finished.
    let typo = format!("{toml}on_soft = \"policy:cheapst\"\n");
    let refused = Gateway::from_config(config(&simulator, &typo))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Configuration, "{refused}");
    assert!(
        refused.to_string().contains("budgets.pocket.on_soft"),
        "{refused}"
    );
    gateway(&simulator, &toml).await.shutdown().await;
}

#[tokio::test]
async fn the_requests_user_is_a_tag_and_tags_are_short() {
    let simulator = simulator().await;
    let toml = "[budgets.each]\nlimit = 0.01\nper = \"user\"\n";
    let gateway = gateway(&simulator, toml).await;
    let ask = |user: &str| {
        let body = json!({
            "model": MODEL,
            "messages": [{"role": "user", "content": "Hello."}],
            "user": user,
        });
        gateway.chat(ChatRequest::parse(body.to_string().as_bytes()).unwrap())
    };
    ask("ann").await.unwrap().collect().await.unwrap();
    ask("ann").await.unwrap_err();
    ask("bob").await.unwrap().collect().await.unwrap();
    let order = tollgate::Order::from(chat(MODEL, "Hello.", StreamMode::Whole));
    let refused = gateway
        .chat(order.with_tag("team", "x".repeat(300)))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), FailureKind::InvalidRequest);
}
