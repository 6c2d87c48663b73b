//! The gateway over somebody else's client.

use std::process::Command;
use std::sync::Arc;

use tollgate::{CostSource, Gateway, Loader, Order, StreamMode};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};
use tollgate_testkit::builders::lane_id;
use tollgate_wire::{ChatRequest, Message};

use crate::setup::{KEY, MODEL, theirs_at};

#[tokio::test]
async fn the_gateway_takes_it_and_books_what_the_simulator_bills() {
    let simulator = Simulator::builder()
        .scenario(Scenario::default())
        .start()
        .await
        .unwrap();
    let config = Loader::new()
        .with_key("openrouter.base_url", simulator.base_url())
        .with_key("openrouter.api_key", KEY)
        .with_key("ledger.store", "memory")
        .load()
        .unwrap();
    let gateway = Gateway::builder(config)
        .provider(Arc::new(theirs_at(&simulator.base_url())))
        .build()
        .await
        .unwrap();
    let mut booked = 0;
    for mode in [StreamMode::Whole, StreamMode::Stream] {
        let request = ChatRequest::new([Message::user("Say hello.")])
            .unwrap()
            .with_model(MODEL)
            .with_stream(mode);
        let answer = gateway
            .chat(request)
            .await
            .unwrap()
            .collect()
            .await
            .unwrap();
        assert!(!answer.response.text().is_empty());
        let cost = answer.receipt.cost().unwrap();
        assert_eq!(cost.source, CostSource::Reported);
        booked += cost.amount().nanos();
    }
    assert_eq!(
        i128::from(booked),
        i128::from(simulator.bill().total().nanos())
    );
    gateway.shutdown().await;
}

#[test]
fn nothing_that_is_shipped_depends_on_it() {
    // Its client brings a second library of cryptography, which the binary must not have.
    let tree = |package: &str| {
        let out = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "--edges", "normal,build"])
            .args(["--prefix", "none", "--package", package])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).unwrap()
    };
    let foreign = |tree: &str| {
        ["openrouter-rs ", "aws-lc-sys "]
            .map(|name| tree.lines().any(|line| line.starts_with(name)))
    };
    assert_eq!(
        foreign(&tree("tollgate-provider-openrouter-rs")),
        [true, true]
    );
    assert_eq!(foreign(&tree("tollgate-cli")), [false, false]);
}

#[tokio::test]
async fn its_failures_lead_the_gateway_to_another_lane() {
    let overloaded = Rule::new(Fault::named("overloaded").unwrap());
    let openrouter = Simulator::builder().scenario(Scenario::default().with_rule(overloaded));
    let openrouter = openrouter.start().await.unwrap();
    let direct = Simulator::builder().start().await.unwrap();
    let text = format!(
        r#"
        [providers.local]
        base_url = "{}"
        api_key = "{KEY}"
        models = {{ "{MODEL}" = "{MODEL}" }}
        prices = {{ "{MODEL}" = {{ base = {{ input = "0", output = "0" }} }} }}
        "#,
        direct.base_url()
    );
    let config = Loader::new()
        .with_text("test.toml", &text)
        .with_key("openrouter.base_url", openrouter.base_url())
        .with_key("openrouter.api_key", KEY)
        .with_key("failover.attempts", "2")
        .load()
        .unwrap();
    // The other lane is the gateway's own.
    let theirs = Arc::new(theirs_at(&openrouter.base_url()));
    let gateway = Gateway::builder(config)
        .lane(lane_id("openrouter"), theirs)
        .build()
        .await
        .unwrap();
    let request = ChatRequest::new([Message::user("Say hello.")]).unwrap();
    let order = Order::from(request.with_model(MODEL));
    let answer = gateway.chat(order).await.unwrap().collect().await.unwrap();
    let lanes: Vec<&str> = answer
        .receipt
        .attempts
        .iter()
        .map(|one| one.lane.as_str())
        .collect();
    assert_eq!(lanes.last(), Some(&"local"), "{lanes:?}");
    assert_eq!(lanes.first(), Some(&"openrouter"), "{lanes:?}");
    gateway.shutdown().await;
}
