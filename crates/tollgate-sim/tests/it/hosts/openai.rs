//! What OpenAI insists on, and its pages.

use serde_json::{Value, json};
use tollgate_sim::Host;
use tollgate_wire::ChatReply;

use super::peer::{PEERS, Peer, direct, extend};
use crate::surface::Wish;

const CHAT: Peer = PEERS[0];
const RESPONSES: Peer = PEERS[1];

#[tokio::test(start_paused = true)]
async fn parameters_of_openrouter_are_unknown() {
    let sim = direct(Host::OpenAi).await;
    for (peer, keys) in [
        (
            CHAT,
            &[
                "provider",
                "models",
                "transforms",
                "reasoning",
                "usage",
                "top_k",
                "route",
            ][..],
        ),
        (
            RESPONSES,
            &["provider", "models", "plugins", "session_id"][..],
        ),
    ] {
        for key in keys {
            let reply = peer
                .ask_with(Wish::Text, false, json!({*key: {}}))
                .send(&sim)
                .await;
            assert_eq!(reply.status, Some(400), "{} {key}", peer.name);
            let error = &reply.json()["error"];
            assert_eq!(
                (&error["code"], &error["param"]),
                (&json!("unknown_parameter"), &json!(key))
            );
            assert_eq!(error["message"], format!("Unknown parameter: '{key}'."));
        }
    }
    let body = json!({"model": "text-embedding-3-small", "input": "a", "provider": {}});
    let reply = CHAT.post("/v1/embeddings", &body).send(&sim).await;
    assert_eq!(reply.json()["error"]["param"], "provider");
    assert!(sim.bill().lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn requests_that_openai_refuses_say_why() {
    let sim = direct(Host::OpenAi).await;
    let user = json!({"role": "user", "content": "hi"});
    let call =
        json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let called = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "1"});
    for (fields, code, part) in [
        (
            json!({"stream_options": {"include_usage": true}}),
            Value::Null,
            "'stream'",
        ),
        (
            json!({"model": "o3", "max_tokens": 100}),
            json!("unsupported_parameter"),
            "max_completion_tokens",
        ),
        (
            json!({"max_tokens": 9_000_000}),
            Value::Null,
            "at most 16384 completion tokens",
        ),
        (json!({"max_tokens": 0}), Value::Null, "positive"),
        (
            json!({"messages": [user, called]}),
            Value::Null,
            "did not have response messages: call_1",
        ),
        (
            json!({"messages": [user, called, user]}),
            Value::Null,
            "call_1",
        ),
        (
            json!({"messages": [user, {"role": "assistant", "content": "a", "reasoning_details": []}]}),
            json!("unknown_parameter"),
            "'messages[1].reasoning_details'",
        ),
        (
            json!({"messages": [user, called, result("call_2")]}),
            Value::Null,
            "must be a response",
        ),
        (
            json!({"messages": [user, result("call_1")]}),
            Value::Null,
            "must be a response",
        ),
        (
            json!({"messages": [{"role": "user", "content": "word ".repeat(140_000)}]}),
            json!("context_length_exceeded"),
            "128000 tokens",
        ),
    ] {
        let reply = CHAT.ask_with(Wish::Text, false, fields).send(&sim).await;
        let error = &reply.json()["error"];
        assert_eq!(
            (reply.status, &error["code"]),
            (Some(400), &code),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    let fields = json!({"previous_response_id": "resp_1"});
    let reply = RESPONSES
        .ask_with(Wish::Text, false, fields)
        .send(&sim)
        .await;
    assert_eq!(reply.json()["error"]["code"], "previous_response_not_found");
    let thought =
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "format": "openai-responses-v1"});
    let fields = json!({"input": [user, thought]});
    let reply = RESPONSES.ask_with(Wish::Text, false, fields);
    let error = reply.send(&sim).await.json()["error"].clone();
    assert_eq!(error["param"], "input[1].format", "{error}");
    let missing = CHAT.post("/v1/chat/completions", &json!({"model": "gpt-4o-mini"}));
    let error = missing.send(&sim).await.json()["error"].clone();
    assert_eq!(error["code"], "missing_required_parameter");
}

#[tokio::test(start_paused = true)]
async fn a_whole_history_with_its_tools_is_taken() {
    let sim = direct(Host::OpenAi).await;
    let first = CHAT.ask(Wish::Tool, false).send(&sim).await.json();
    let answer = first["choices"][0]["message"].clone();
    let id = answer["tool_calls"][0]["id"].clone();
    let messages = json!([
        {"role": "user", "content": "the weather"}, answer,
        {"role": "tool", "tool_call_id": id, "content": "rain"}, {"role": "user", "content": "thanks"},
    ]);
    let reply = CHAT
        .ask_with(Wish::Text, false, json!({"messages": messages}))
        .send(&sim)
        .await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn a_second_reader_understands_the_answers() {
    let sim = direct(Host::OpenAi).await;
    for wish in [Wish::Text, Wish::Tool, Wish::Reasoning] {
        let reply = CHAT.ask(wish, false).send(&sim).await;
        let chat = ChatReply::parse(&reply.body).unwrap();
        assert!(matches!(chat, ChatReply::Answer(_)), "{}", reply.text());
    }
    let refused = CHAT.ask(Wish::Text, false).with("x-sim-fault", "credits");
    let reply = refused.send(&sim).await;
    assert!(matches!(
        ChatReply::parse(&reply.body),
        Ok(ChatReply::Error(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn thoughts_are_counted_and_told_only_in_a_summary() {
    let sim = direct(Host::OpenAi).await;
    let chat = CHAT.ask(Wish::Reasoning, false).send(&sim).await.json();
    let thought = &chat["usage"]["completion_tokens_details"]["reasoning_tokens"];
    assert!(thought.as_u64().is_some_and(|tokens| tokens > 0), "{chat}");
    assert!(
        !chat["choices"][0]["message"]
            .to_string()
            .contains("reasoning"),
        "{chat}"
    );

    let silent = json!({"reasoning": {"effort": "high"}});
    let told = RESPONSES
        .ask(Wish::Reasoning, false)
        .send(&sim)
        .await
        .json();
    let untold = RESPONSES
        .ask_with(Wish::Reasoning, false, silent)
        .send(&sim)
        .await
        .json();
    let kinds = |body: &Value| {
        let items = body["output"].as_array().unwrap().iter();
        items
            .map(|item| item["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&told), ["reasoning", "message"]);
    assert_eq!(kinds(&untold), ["message"]);
    let tokens = &untold["usage"]["output_tokens_details"]["reasoning_tokens"];
    assert!(tokens.as_u64().is_some_and(|tokens| tokens > 0));
}

#[tokio::test(start_paused = true)]
async fn streams_of_responses_end_with_the_response() {
    let sim = direct(Host::OpenAi).await;
    let reply = RESPONSES.ask(Wish::Text, true).send(&sim).await;
    assert!(!reply.text().contains("[DONE]"));
    assert!(reply.text().contains("event: response.completed\n"));
    let body = RESPONSES.ask(Wish::Text, false).send(&sim).await.json();
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!(
        (&body["store"], body["usage"].get("cost")),
        (&json!(true), None)
    );
}

#[tokio::test(start_paused = true)]
async fn embeddings_have_the_names_and_lengths_of_openai() {
    let sim = direct(Host::OpenAi).await;
    for (model, fields, length) in [
        ("text-embedding-3-small", json!({}), 1_536),
        ("text-embedding-3-large", json!({}), 3_072),
        ("text-embedding-3-small", json!({"dimensions": 8}), 8),
    ] {
        let mut body = json!({"model": model, "input": ["one text", "another"]});
        extend(&mut body, fields);
        let reply = CHAT.post("/v1/embeddings", &body).send(&sim).await;
        assert_eq!(reply.status, Some(200), "{}", reply.text());
        let reply = reply.json();
        assert_eq!(
            reply["data"][1]["embedding"].as_array().unwrap().len(),
            length
        );
        let mut keys: Vec<&String> = reply.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["data", "model", "object", "usage"]);
        let usage = json!({"prompt_tokens": 4, "total_tokens": 4});
        assert_eq!((&reply["model"], &reply["usage"]), (&json!(model), &usage));
    }
    assert_eq!(sim.bill().total().nanos(), 4 * 20 + 4 * 130 + 4 * 20);
    let body = json!({"model": "sim-labs/embed-none", "input": "a"});
    let reply = CHAT.post("/v1/embeddings", &body).send(&sim).await;
    assert_eq!(reply.json()["error"]["code"], "model_not_found");
}

#[tokio::test(start_paused = true)]
async fn models_are_listed_as_openai_does() {
    let sim = direct(Host::OpenAi).await;
    let list = CHAT.get("/v1/models").send(&sim).await.json();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"gpt-4o-mini") && ids.contains(&"text-embedding-3-small"));
    assert!(
        ids.iter().all(|id| !id.contains('/') && !id.contains(':')),
        "{ids:?}"
    );
    let one = CHAT.get("/v1/models/gpt-4o-mini").send(&sim).await.json();
    assert_eq!(
        (&one["object"], &one["owned_by"]),
        (&json!("model"), &json!("openai"))
    );
    let none = CHAT.get("/v1/models/gpt-9").send(&sim).await;
    assert_eq!(
        (none.status, &none.json()["error"]["code"]),
        (Some(404), &json!("model_not_found"))
    );
}
