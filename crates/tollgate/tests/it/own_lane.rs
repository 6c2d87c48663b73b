//! One lane that the program sends for, beside lanes of the configuration.

use std::sync::Arc;

use tollgate::{Config, FailureKind, Gateway, LaneId, Loader, StreamMode};
use tollgate_sim::{Fault, Host, Rule, Scenario, Simulator};
use tollgate_testkit::providers::{Script, ScriptedProvider};

use crate::support::chat;

const MODEL: &str = "openai/gpt-4o-mini";

fn config(address: &str, more: &str) -> Config {
    let text = format!(
        r#"
        [providers.openai]
        base_url = "{address}"
        api_key = "sk-simulated-key-0000001"
        api_keys = ["sk-simulated-key-0000002"]
        {more}
        "#
    );
    Loader::new()
        .with_environment(Vec::new())
        .with_key("catalog.offline", "true")
        .with_text("test.toml", text)
        .load()
        .unwrap()
}

fn lane(name: &str) -> LaneId {
    LaneId::new(name).unwrap()
}

#[tokio::test]
async fn the_program_sends_for_its_lane_and_the_gateway_for_the_others() {
    let down = Rule::new(Fault::named("unavailable").unwrap());
    let simulator = Simulator::builder()
        .host(Host::OpenAi)
        .scenario(Scenario::default().with_rule(down));
    let simulator = simulator.start().await.unwrap();
    let script = Script::answer(&["mine"]);
    let own = Arc::new(ScriptedProvider::new().on("openai-2", "gpt-4o-mini", script));
    let gateway = Gateway::builder(config(&simulator.base_url(), ""))
        .lane(lane("openai-2"), own.clone())
        .seed(7)
        .build()
        .await
        .unwrap();
    for _ in 0..5 {
        let answer = gateway.chat(chat(MODEL, "Hello", StreamMode::Stream)).await;
        let answer = answer.unwrap().collect().await.unwrap();
        assert_eq!(answer.response.text(), "mine");
        assert_eq!(answer.receipt.served().unwrap().lane.as_str(), "openai-2");
    }
    gateway.shutdown().await;
    assert_eq!(own.sent().len(), 5);
    let keys = simulator.log().into_iter().filter_map(|seen| seen.key);
    let keys: Vec<String> = keys.collect();
    assert!(!keys.is_empty(), "the other key has its share");
    assert!(keys.iter().all(|key| key == "sk-simulated-key-0000001"));
}

#[tokio::test]
async fn the_limits_of_the_lane_stay_in_front_of_it() {
    let limit = "rate_limit = { requests_per_minute = 1, burst = 2 }";
    let simulator = Simulator::builder()
        .host(Host::OpenAi)
        .start()
        .await
        .unwrap();
    let own = ScriptedProvider::new().on("openai", "gpt-4o-mini", Script::answer(&["mine"]));
    let own = Arc::new(own.on("openai-2", "gpt-4o-mini", Script::answer(&["mine"])));
    let gateway = Gateway::builder(config(&simulator.base_url(), limit))
        .lane(lane("openai"), own.clone())
        .lane(lane("openai-2"), own.clone())
        .build()
        .await
        .unwrap();
    let mut refused = Vec::new();
    for _ in 0..6 {
        match gateway.chat(chat(MODEL, "Hello", StreamMode::Stream)).await {
            Ok(answer) => assert_eq!(answer.collect().await.unwrap().response.text(), "mine"),
            Err(error) => refused.push(error.kind()),
        }
    }
    // Two for each lane; the next turn of each is almost a minute away.
    assert_eq!(own.sent().len(), 4);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(refused[0], FailureKind::RateLimited);
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_lane_that_is_not_configured_stops_the_start_and_a_reload() {
    let address = "http://127.0.0.1:1/v1";
    let own = || Arc::new(ScriptedProvider::new());
    let builder = Gateway::builder(config(address, ""));
    let failure = builder
        .lane(lane("openai-3"), own())
        .build()
        .await
        .unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Configuration);
    let text = format!("{failure} {:?}", failure.hint());
    for part in ["openai-3", "openai-2", "openrouter"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let gateway = Gateway::builder(config(address, ""))
        .lane(lane("openai-2"), own())
        .build()
        .await
        .unwrap();
    let without = Loader::new()
        .with_environment(Vec::new())
        .with_key("catalog.offline", "true")
        .load()
        .unwrap();
    assert_eq!(
        gateway.reload(without).await.unwrap_err().kind(),
        FailureKind::Configuration
    );
    gateway.shutdown().await;
}
