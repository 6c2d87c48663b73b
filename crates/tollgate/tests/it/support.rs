//! A gateway in front of a simulator.

use tollgate::{ChatRequest, Collected, Config, Gateway, Loader, Message, Order, StreamMode};
use tollgate_sim::{Scenario, Simulator};

pub(crate) const MISSION: &str = include_str!("../../../../config/example.toml");

pub(crate) async fn simulator(scenario: Scenario) -> Simulator {
    Simulator::builder()
        .seed(7)
        .scenario(scenario)
        .start()
        .await
        .unwrap()
}

/// The configuration of a gateway in front of a simulator, with more TOML on top.
pub(crate) fn config(simulator: &Simulator, toml: &str) -> Config {
    Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("openrouter.base_url", simulator.base_url())
        .with_text("test.toml", toml)
        .load()
        .unwrap()
}

pub(crate) async fn gateway(simulator: &Simulator, toml: &str) -> Gateway {
    Gateway::builder(config(simulator, toml))
        .seed(7)
        .build()
        .await
        .unwrap()
}

/// The whole answer to a chat.
pub(crate) async fn collected(gateway: &Gateway, order: impl Into<Order>) -> Collected {
    let answer = gateway.chat(order).await.unwrap();
    answer.collect().await.unwrap()
}

pub(crate) fn chat(model: &str, prompt: &str, mode: StreamMode) -> ChatRequest {
    ChatRequest::new([Message::user(prompt)])
        .unwrap()
        .with_model(model)
        .with_stream(mode)
}
