//! What Anthropic insists on, and its pages.

use serde_json::{Value, json};
use tollgate_sim::{Host, Simulator};

use super::peer::{PEERS, Peer, direct};
use crate::client::Reply;
use crate::surface::{Wish, events, schema};

const PEER: Peer = PEERS[2];

async fn send(sim: &Simulator, fields: Value) -> Reply {
    PEER.ask_with(Wish::Text, false, fields).send(sim).await
}

fn complains(reply: &Reply, part: &str) {
    assert_eq!(reply.status, Some(400), "{part}: {}", reply.text());
    let (kind, message) = PEER.error(&reply.json());
    assert_eq!(kind, "invalid_request_error");
    assert!(message.contains(part), "{part}: {message}");
}

#[tokio::test(start_paused = true)]
async fn the_version_is_required_and_known() {
    let sim = direct(Host::Anthropic).await;
    let ask = PEER.ask(Wish::Text, false);
    complains(
        &ask.clone().without("anthropic-version").send(&sim).await,
        "header is required",
    );
    let future = ask
        .clone()
        .with("anthropic-version", "2999-01-01")
        .send(&sim)
        .await;
    complains(&future, "not a valid version");
    let bearer = ask
        .without("x-api-key")
        .with("authorization", "Bearer sk-ant-simulated-key-0001");
    assert_eq!(bearer.send(&sim).await.status, Some(401));
    let models = PEER
        .get("/v1/models")
        .without("anthropic-version")
        .send(&sim)
        .await;
    complains(&models, "header is required");
}

#[tokio::test(start_paused = true)]
async fn fields_are_required_and_no_others_permitted() {
    let sim = direct(Host::Anthropic).await;
    for key in [
        "provider",
        "models",
        "transforms",
        "reasoning",
        "plugins",
        "usage",
        "seed",
    ] {
        let reply = send(&sim, json!({key: {}})).await;
        complains(&reply, &format!("{key}: Extra inputs are not permitted"));
    }
    let full = json!({"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]});
    for key in ["model", "max_tokens", "messages"] {
        let mut body = full.clone();
        body.as_object_mut().unwrap().remove(key);
        let reply = PEER.post("/v1/messages", &body).send(&sim).await;
        complains(&reply, &format!("{key}: Field required"));
    }
    // A field of a beta is one with its header alone.
    let beta = PEER.ask_with(Wish::Text, false, json!({"context_management": {}}));
    complains(&beta.send(&sim).await, "Extra inputs");
    let allowed = beta.with(
        "anthropic-beta",
        "files-api-2025-04-14, context-management-2025-06-27",
    );
    assert_eq!(allowed.send(&sim).await.status, Some(200));
}

#[tokio::test(start_paused = true)]
async fn requests_that_anthropic_refuses_say_why() {
    let sim = direct(Host::Anthropic).await;
    let user = json!({"role": "user", "content": "hi"});
    let think = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    for (fields, part) in [
        (
            json!({"messages": [{"role": "system", "content": "x"}, user]}),
            "Unexpected role \"system\"",
        ),
        (
            json!({"messages": [{"role": "user", "content": ""}]}),
            "non-empty content",
        ),
        (json!({"messages": []}), "empty"),
        (
            json!({"max_tokens": 9_000_000}),
            "> 64000, which is the maximum",
        ),
        (
            json!({"thinking": think(100)}),
            "greater than or equal to 1024",
        ),
        (
            json!({"thinking": think(4_000)}),
            "`max_tokens` must be greater",
        ),
        (
            json!({"thinking": think(1_024), "temperature": 0.5}),
            "`temperature`",
        ),
        (
            json!({"thinking": think(1_024), "tool_choice": {"type": "any"}, "tools": [{"name": "f", "input_schema": {}}]}),
            "tool_choice forces tool use",
        ),
        (
            json!({"messages": [{"role": "user", "content": "word ".repeat(210_000)}]}),
            "prompt is too long",
        ),
    ] {
        complains(&send(&sim, fields).await, part);
    }
}

/// A question, the answer with its thought and its call, and the result of the tool.
async fn tool_turn(sim: &Simulator) -> Vec<Value> {
    let question = json!({"role": "user", "content": "Please get weather for Oslo"});
    let answer = send(sim, with_thoughts(std::slice::from_ref(&question)))
        .await
        .json();
    let content = answer["content"].clone();
    assert_eq!(
        (&content[0]["type"], &content[1]["type"]),
        (&json!("thinking"), &json!("tool_use"))
    );
    let result = json!({"type": "tool_result", "tool_use_id": content[1]["id"], "content": "rain"});
    vec![
        question,
        json!({"role": "assistant", "content": content}),
        json!({"role": "user", "content": [result]}),
    ]
}

fn with_thoughts(messages: &[Value]) -> Value {
    json!({
        "messages": messages, "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "get_weather", "input_schema": schema()}],
    })
}

#[tokio::test(start_paused = true)]
async fn a_thought_comes_back_as_it_was_signed() {
    let sim = direct(Host::Anthropic).await;
    let turn = tool_turn(&sim).await;
    let reply = send(&sim, with_thoughts(&turn)).await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
    // Any simulator of Anthropic knows the signature of any other.
    let other = Simulator::builder()
        .seed(99)
        .host(Host::Anthropic)
        .start()
        .await
        .unwrap();
    assert_eq!(send(&other, with_thoughts(&turn)).await.status, Some(200));

    let invalid = "messages.1.content.0: Invalid `signature` in `thinking` block";
    for (key, value, part) in [
        ("signature", json!("c2ltdWxhdGVk"), invalid),
        ("thinking", json!("something else"), invalid),
        (
            "signature",
            Value::Null,
            "messages.1.content.0.thinking.signature: Field required",
        ),
        (
            "type",
            json!("redacted_thinking"),
            "Invalid `data` in `redacted_thinking` block",
        ),
    ] {
        let mut changed = turn.clone();
        changed[1]["content"][0][key] = value;
        complains(&send(&sim, with_thoughts(&changed)).await, part);
    }
    let mut without = turn;
    without[1]["content"].as_array_mut().unwrap().remove(0);
    complains(
        &send(&sim, with_thoughts(&without)).await,
        "Expected `thinking`",
    );
}

#[tokio::test(start_paused = true)]
async fn a_streamed_thought_has_the_signature_of_the_whole_one() {
    let sim = direct(Host::Anthropic).await;
    let whole = PEER.ask(Wish::Reasoning, false).send(&sim).await.json();
    let stream = PEER.ask(Wish::Reasoning, true).send(&sim).await;
    let signatures: Vec<Value> = events(&stream)
        .into_iter()
        .filter(|(_, data)| data["delta"]["type"] == "signature_delta")
        .map(|(_, data)| data["delta"]["signature"].clone())
        .collect();
    assert_eq!(signatures, [whole["content"][0]["signature"].clone()]);
}

#[tokio::test(start_paused = true)]
async fn results_of_tools_are_those_of_the_calls_before() {
    let sim = direct(Host::Anthropic).await;
    let turn = tool_turn(&sim).await;
    let id = turn[2]["content"][0]["tool_use_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut other = turn.clone();
    other[2]["content"][0]["tool_use_id"] = json!("toolu_other");
    complains(
        &send(&sim, with_thoughts(&other)).await,
        "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_other",
    );
    let mut silent = turn.clone();
    silent[2]["content"] = json!("thanks");
    let part = format!(
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: {id}"
    );
    complains(&send(&sim, with_thoughts(&silent)).await, &part);
    complains(&send(&sim, with_thoughts(&turn[..2])).await, &part);
    complains(
        &send(&sim, with_thoughts(&turn[2..])).await,
        "unexpected `tool_use_id`",
    );
    let mut odd = turn;
    odd[1]["content"][1]["id"] = json!("call:1");
    odd[2]["content"][0]["tool_use_id"] = json!("call:1");
    complains(
        &send(&sim, with_thoughts(&odd)).await,
        "String should match pattern",
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_begins_with_a_ping_and_tells_no_cost() {
    let sim = direct(Host::Anthropic).await;
    let reply = PEER.ask(Wish::Text, true).send(&sim).await;
    let names: Vec<String> = events(&reply)
        .into_iter()
        .filter_map(|(name, _)| name)
        .collect();
    assert_eq!(names[..3], ["message_start", "ping", "content_block_start"]);
    assert_eq!(names.last().map(String::as_str), Some("message_stop"));
    assert!(
        reply.text().starts_with("event: message_start\n"),
        "no comment comes first"
    );
    let whole = PEER.ask(Wish::Text, false).send(&sim).await.json();
    assert!(whole["id"].as_str().unwrap().starts_with("msg_01"));
    assert_eq!(whole["model"], "claude-haiku-4-5-20251001");
    assert_eq!(
        whole["usage"]["cache_creation"]["ephemeral_5m_input_tokens"],
        0
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_are_counted_without_a_limit_and_for_nothing() {
    let sim = direct(Host::Anthropic).await;
    let body = json!({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "Tell me about rivers"}]});
    let count = PEER
        .post("/v1/messages/count_tokens", &body)
        .send(&sim)
        .await;
    let answer = PEER.ask(Wish::Text, false).send(&sim).await.json();
    assert_eq!(
        count.json()["input_tokens"],
        answer["usage"]["input_tokens"]
    );
    assert_eq!(sim.bill().lines.len(), 1);
    let mut more = body.clone();
    more["max_tokens"] = json!(10);
    let reply = PEER
        .post("/v1/messages/count_tokens", &more)
        .send(&sim)
        .await;
    complains(&reply, "max_tokens: Extra inputs");
    more = body;
    more["model"] = json!("claude-9");
    let reply = PEER
        .post("/v1/messages/count_tokens", &more)
        .send(&sim)
        .await;
    assert_eq!(
        (reply.status, PEER.error(&reply.json()).0.as_str()),
        (Some(404), "not_found_error")
    );
}

#[tokio::test(start_paused = true)]
async fn models_are_listed_page_by_page() {
    let sim = direct(Host::Anthropic).await;
    let page = async |query: &str| {
        PEER.get(&format!("/v1/models{query}"))
            .send(&sim)
            .await
            .json()
    };
    let all = page("?limit=1000").await;
    assert_eq!(all["has_more"], false);
    let mut seen = Vec::new();
    let mut query = "?limit=4".to_owned();
    loop {
        let rows = page(&query).await;
        seen.extend(rows["data"].as_array().unwrap().clone());
        if rows["has_more"] == false {
            break;
        }
        query = format!("?limit=4&after_id={}", rows["last_id"].as_str().unwrap());
    }
    assert_eq!(&seen, all["data"].as_array().unwrap());
    let id = seen[4]["id"].as_str().unwrap();
    let before = page(&format!("?limit=4&before_id={id}")).await;
    assert_eq!(before["data"].as_array().unwrap()[..], seen[..4]);
    let one = page("/claude-haiku-4-5").await;
    assert_eq!(
        (&one["type"], &one["display_name"]),
        (&json!("model"), &json!("Claude Haiku 4.5"))
    );
}
