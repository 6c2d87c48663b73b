//! The pages beside inference, in front of the simulator.

mod endpoints;
mod feedback;
mod generations;
mod members;
mod models;
mod money;
mod plans;

use axum::Extension;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::net::TcpListener;
use tollgate::{CallerId, Gateway, Loader, UsageQuery};
use tollgate_server::router;
use tollgate_sim::{Fault, NanoUsd, Rule, Scenario, Simulator};

use crate::support::{JSON, MODEL, OTHER, Server, chat, send};

/// A direct lane beside OpenRouter; nothing listens there.
const LOCAL: &str = r#"
[providers.local]
base_url = "http://127.0.0.1:9/v1"
api_key = "none"
[providers.local.models]
"openai/gpt-4o-mini" = "small"
"home/made" = "made"
"#;

async fn simulator() -> Simulator {
    Simulator::builder().seed(7).start().await.unwrap()
}

async fn gateway(simulator: &Simulator, toml: &str) -> Gateway {
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-not-a-real-key-000")
        .with_key("openrouter.base_url", simulator.base_url())
        .with_text("test.toml", toml)
        .load()
        .unwrap();
    let builder = Gateway::builder(config).seed(7);
    builder.build().await.unwrap()
}

async fn server(simulator: &Simulator, toml: &str) -> Server {
    Server::start(gateway(simulator, toml).await).await
}

async fn get_at(address: &str, path: &str) -> (u16, Value) {
    let reply = send(address, "GET", path, "host: localhost\r\n", "").await;
    let reply = reply.rest().await;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {reply}"));
    (head[9..12].parse().unwrap(), body)
}

async fn get(server: &Server, path: &str) -> Value {
    let (status, body) = get_at(server.address(), path).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// Sends a chat and returns a header of its answer.
async fn chat_header(server: &Server, name: &str) -> String {
    header(&server.chat(false).await, name)
}

fn header(reply: &str, name: &str) -> String {
    let prefix = format!("{name}: ");
    let line = reply.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {name} in {reply}"))
        .to_owned()
}

/// How many requests for a path the upstream has seen.
fn asked(simulator: &Simulator, path: &str) -> usize {
    let log = simulator.log();
    let asked = log
        .iter()
        .filter_map(|seen| seen.path.split('?').next())
        .filter(|asked| asked.ends_with(path));
    asked.count()
}

fn ids(list: &Value) -> Vec<&str> {
    let rows = list["data"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap()).collect()
}

/// Makes a call over a router that knows its caller, and returns its id.
async fn call_at(address: &str) -> String {
    let reply = send(address, "POST", "/v1/chat/completions", JSON, &chat(false)).await;
    header(&reply.rest().await, "x-request-id")
}

/// The router as a program mounts it that knows its callers.
async fn mounted(gateway: &Gateway, caller: Option<&str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut router = router(gateway.clone(), &tollgate::ServerConfig::default());
    if let Some(caller) = caller {
        router = router.layer(Extension(CallerId::new(caller).unwrap()));
    }
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}
