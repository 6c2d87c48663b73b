//! The choice among the endpoints of a model, through the whole gateway.

use async_trait::async_trait;
use tollgate::{Failure, Gateway, ModelId, Order, StreamMode};
use tollgate_catalog::EndpointSource;
use tollgate_sim::{Scenario, Simulator};
use tollgate_transport::{OpenRouterConfig, OpenRouterProvider};
use tollgate_wire::Bytes;

use crate::support::{chat, collected, gateway, simulator};

/// Has several endpoints in the simulated world, and the first is not the fastest.
const MODEL: &str = "openai/gpt-4o-mini";

struct Network(OpenRouterProvider);

#[async_trait]
impl EndpointSource for Network {
    async fn fetch_endpoints(&self, model: &ModelId) -> Result<Bytes, Failure> {
        self.0.endpoints_raw(model).await
    }
}

/// Looks at the model's endpoints, as the background task does for those in use.
async fn look(gateway: &Gateway, simulator: &Simulator) {
    let config = OpenRouterConfig {
        base_url: simulator.base_url(),
        ..OpenRouterConfig::default()
    };
    let network = Network(OpenRouterProvider::new(config).unwrap());
    let models = [ModelId::new(MODEL).unwrap()];
    let catalog = gateway.models().unwrap();
    let taken = catalog.refresh_endpoints(&network, &models).await;
    assert_eq!(taken.unwrap(), 1);
}

fn order() -> Order {
    chat(MODEL, "Say hello.", StreamMode::Whole).into()
}

/// Who has served the last chat, and the order in which it asked for endpoints.
fn last_chat(simulator: &Simulator) -> (String, serde_json::Value) {
    let log = simulator.log();
    let mut chats = log
        .iter()
        .filter(|seen| seen.path.ends_with("/chat/completions"));
    let last = chats.next_back().unwrap();
    let body: serde_json::Value = serde_json::from_str(&last.body_text()).unwrap();
    let provider = last.provider.clone().unwrap();
    (provider, body["provider"]["order"].clone())
}

#[tokio::test]
async fn the_endpoint_that_the_plan_prefers_is_asked_and_serves() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    collected(&gateway, order()).await;
    assert!(last_chat(&simulator).1.is_null());

    look(&gateway, &simulator).await;
    let plan = serde_json::to_value(gateway.plan(order()).unwrap()).unwrap();
    let preferred = &plan["candidates"][0]["endpoints"];
    assert_eq!(preferred["why"], "better", "{preferred}");
    collected(&gateway, order()).await;
    let (provider, asked) = last_chat(&simulator);
    assert_eq!(asked, preferred["order"]);
    // The simulated slugs are made of the names.
    let slug = provider.to_lowercase().replace(' ', "-");
    assert_eq!(preferred["first"], slug);
}

#[tokio::test]
async fn no_endpoint_is_asked_for_where_the_configuration_says_so() {
    let simulator = simulator(Scenario::default()).await;
    let off = "[openrouter.routing]\nendpoint_preferences = false\n";
    let gateway = gateway(&simulator, off).await;
    look(&gateway, &simulator).await;
    collected(&gateway, order()).await;
    assert!(last_chat(&simulator).1.is_null());
}

#[tokio::test]
async fn a_conversation_goes_on_with_the_order_that_its_first_turn_had() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    look(&gateway, &simulator).await;
    let question = format!("Why? {}", "It matters much. ".repeat(600));
    let turn = || {
        let order: Order = chat(MODEL, &question, StreamMode::Whole).into();
        order.with_session("talk")
    };
    let send = async || {
        collected(&gateway, turn()).await;
        last_chat(&simulator).1
    };
    let first = send().await;
    assert!(first.is_array(), "{first}");
    let plan = serde_json::to_value(gateway.plan(turn()).unwrap()).unwrap();
    assert_eq!(plan["candidates"][0]["endpoints"]["why"], "warm");
    assert_eq!(send().await, first);
}

#[tokio::test]
async fn the_name_of_a_conversation_travels_to_openrouter() {
    let simulator = simulator(Scenario::default()).await;
    let gateway = gateway(&simulator, "").await;
    collected(&gateway, order().with_session("talk")).await;
    let log = simulator.log();
    let mut chats = log
        .iter()
        .filter(|seen| seen.path.ends_with("/chat/completions"));
    let body = chats.next_back().unwrap().body_text().to_string();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["session_id"], "talk");
}
