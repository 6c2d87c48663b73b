//! What only the Messages dialect has.

use serde_json::{Value, json};

use crate::client::{Ask, KEY, sim};
use crate::surface::events;

const CLAUDE: &str = "anthropic/claude-haiku-4.5";

fn ask(fields: Value) -> Ask {
    let mut body = json!({"model": CLAUDE, "max_tokens": 2000, "messages": [{"role": "user", "content": "Tell me about rivers"}]});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    Ask::post("/api/v1/messages", &body)
}

#[tokio::test(start_paused = true)]
async fn events_come_in_the_order_of_the_dialect() {
    let sim = sim("").await;
    let fields = json!({"stream": true, "thinking": {"type": "enabled", "budget_tokens": 1024}});
    let reply = ask(fields).send(&sim).await;
    let events = events(&reply);
    let mut steps: Vec<String> = events
        .iter()
        .map(|(name, body)| {
            let part = body
                .pointer("/delta/type")
                .or_else(|| body.pointer("/content_block/type"));
            [name.as_deref(), part.and_then(Value::as_str)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    steps.dedup();
    assert_eq!(
        steps,
        [
            "message_start",
            "ping",
            "content_block_start thinking",
            "content_block_delta thinking_delta",
            "content_block_delta signature_delta",
            "content_block_stop",
            "content_block_start text",
            "content_block_delta text_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let start = &events[0].1["message"];
    assert_eq!(
        (
            &start["content"],
            &start["stop_reason"],
            &start["usage"]["output_tokens"]
        ),
        (&json!([]), &Value::Null, &json!(0))
    );
    assert!(start["provider"].is_string() && start["usage"]["input_tokens"].as_u64() > Some(0));
    assert!(!reply.text().contains("[DONE]"));
}

#[tokio::test(start_paused = true)]
async fn thinking_is_signed_counted_and_only_for_those_who_ask() {
    let sim = sim("").await;
    for (thinking, thinks) in [
        (json!({"type": "enabled", "budget_tokens": 1024}), true),
        (json!({"type": "adaptive"}), true),
        (json!({"type": "disabled"}), false),
        (Value::Null, false),
    ] {
        let body = ask(json!({"thinking": thinking})).send(&sim).await.json();
        let first = &body["content"][0];
        assert_eq!(first["type"] == "thinking", thinks, "{thinking}");
        assert_eq!(first["signature"].is_string(), thinks, "{thinking}");
        let tokens = body["usage"]["output_tokens_details"]["thinking_tokens"].as_u64();
        assert_eq!(tokens > Some(0), thinks, "{thinking}");
    }
    let short = ask(json!({"thinking": {"type": "enabled", "budget_tokens": 5}}))
        .send(&sim)
        .await
        .json();
    assert_eq!(
        short["usage"]["output_tokens_details"]["thinking_tokens"],
        5
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_has_what_clients_insist_on() {
    let sim = sim("").await;
    let body = ask(json!({})).send(&sim).await.json();
    for key in [
        "id",
        "type",
        "role",
        "model",
        "content",
        "stop_reason",
        "stop_sequence",
        "usage",
    ] {
        assert!(body.get(key).is_some(), "{key}");
    }
    assert_eq!(
        (&body["type"], &body["role"], &body["stop_reason"]),
        (&json!("message"), &json!("assistant"), &json!("end_turn"))
    );
    for key in [
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
    ] {
        assert!(body["usage"][key].is_u64(), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_comes_in_either_header_and_the_bearer_wins() {
    let sim = sim("").await;
    let other = "sk-or-v1-simulated-key-0002";
    let bare = || ask(json!({})).without("authorization");
    for (ask, status, key) in [
        (bare(), 401, None),
        (bare().with("x-api-key", ""), 401, None),
        (
            bare().with("x-api-key", "sk-ant-wrong"),
            401,
            Some("sk-ant-wrong"),
        ),
        (bare().with("x-api-key", other), 200, Some(other)),
        (ask(json!({})).with("x-api-key", other), 200, Some(KEY)),
    ] {
        let reply = ask.send(&sim).await;
        let seen = sim.log().pop().unwrap();
        assert_eq!(
            (reply.status, seen.key.as_deref()),
            (Some(status), key),
            "{}",
            reply.text()
        );
        if status == 401 {
            assert_eq!(reply.json()["error"]["type"], "authentication_error");
        }
    }
    assert_eq!(sim.bill().lines[0].key, other);
    // Only here: elsewhere it is no credential.
    let chat = Ask::chat(json!({}))
        .without("authorization")
        .with("x-api-key", KEY);
    assert_eq!(chat.send(&sim).await.status, Some(401));
}

#[tokio::test(start_paused = true)]
async fn cached_tokens_are_no_input_tokens() {
    let sim = sim("").await;
    let fields =
        json!({"system": [{"type": "text", "text": "a long preface about rivers ".repeat(400)}]});
    let usage = async || ask(fields.clone()).send(&sim).await.json()["usage"].clone();
    let (first, second) = (usage().await, usage().await);
    assert_eq!(first["cache_read_input_tokens"], 0);
    let cached = second["cache_read_input_tokens"].as_u64().unwrap();
    assert!(cached > 2000);
    let all = first["input_tokens"].as_u64().unwrap();
    assert_eq!(second["input_tokens"].as_u64(), Some(all - cached));
    let lines = sim.bill().lines;
    assert_eq!(
        (lines[1].prompt_tokens, lines[1].cached_tokens),
        (all, cached)
    );
}

#[tokio::test(start_paused = true)]
async fn a_conversation_with_tools_goes_on() {
    let sim = sim("").await;
    let tools = json!([{"name": "get_time", "input_schema": {"type": "object", "properties": {"zone": {"type": "string"}}}}]);
    let mut messages = json!([{"role": "user", "content": "Please get time"}]);
    let first = ask(json!({"messages": messages, "tools": tools}))
        .send(&sim)
        .await
        .json();
    assert_eq!(first["stop_reason"], "tool_use");
    let call = &first["content"][0];
    assert!(
        call["id"].as_str().unwrap().starts_with("toolu_") && call["input"]["zone"].is_string()
    );
    let result = json!([{"type": "tool_result", "tool_use_id": call["id"], "content": "get_time says noon"}]);
    messages.as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": first["content"]}),
        json!({"role": "user", "content": result}),
    ]);
    let second = ask(json!({"messages": messages, "tools": tools}))
        .send(&sim)
        .await
        .json();
    assert_eq!(
        (&second["stop_reason"], &second["content"][0]["type"]),
        (&json!("end_turn"), &json!("text"))
    );
    assert!(second["usage"]["input_tokens"].as_u64() > first["usage"]["input_tokens"].as_u64());
}

#[tokio::test(start_paused = true)]
async fn tokens_are_counted_as_a_message_would_count_them_and_for_nothing() {
    let sim = sim("credits = '0.0001'\noutput_tokens = 50").await;
    let fields = json!({
        "system": "Be brief.",
        "tools": [{"name": "get_time", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello there"}]}],
    });
    let count = async |fields: &Value| {
        let mut body = fields.clone();
        body["model"] = json!(CLAUDE);
        Ask::post("/api/v1/messages/count_tokens", &body)
            .send(&sim)
            .await
    };
    let counted = count(&fields).await.json();
    assert!(sim.bill().lines.is_empty());
    let answered = ask(fields.clone()).send(&sim).await.json();
    assert_eq!(
        counted,
        json!({"input_tokens": answered["usage"]["input_tokens"]})
    );
    // Spent credits end answers, not counting.
    assert_eq!(ask(fields.clone()).send(&sim).await.status, Some(402));
    assert_eq!(count(&fields).await.status, Some(200));
}

#[tokio::test(start_paused = true)]
async fn counting_that_fails_says_why() {
    let sim = sim("[[rules]]\nroute = 'count_tokens'\nskip = 3\nfault = 'overloaded'").await;
    let count = |body: Value| Ask::post("/v1/messages/count_tokens", &body);
    let hi = json!([{"role": "user", "content": "hi"}]);
    for (ask, status, word) in [
        (
            count(json!({"model": CLAUDE})),
            400,
            "invalid_request_error",
        ),
        (
            count(json!({"model": "nobody/nothing", "messages": hi})),
            400,
            "invalid_request_error",
        ),
        (
            count(json!({"model": CLAUDE, "messages": hi})).without("authorization"),
            401,
            "authentication_error",
        ),
        (count(json!({"model": CLAUDE, "messages": hi})), 200, ""),
        (count(json!({"model": CLAUDE, "messages": hi})), 200, ""),
        (
            count(json!({"model": CLAUDE, "messages": hi})),
            529,
            "overloaded_error",
        ),
    ] {
        let reply = ask.send(&sim).await;
        assert_eq!(reply.status, Some(status), "{}", reply.text());
        assert_eq!(
            reply.json()["error"]["type"].as_str().unwrap_or_default(),
            word
        );
    }
}
