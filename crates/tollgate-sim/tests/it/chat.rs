//! Whole answers, and requests that get none.

use serde_json::{Value, json};
use tollgate_wire::ChatReply;

use crate::client::{Ask, MODEL, sim};

#[tokio::test(start_paused = true)]
async fn an_answer_has_what_clients_insist_on() {
    let sim = sim("").await;
    let reply = Ask::chat(json!({})).send(&sim).await;
    let body = reply.json();
    assert!(
        body["system_fingerprint"].is_string()
            && body["created"].is_u64()
            && body["provider"].is_string()
    );
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert!(body["choices"][0]["message"].get("tool_calls").is_none());
    assert_eq!(reply.header("x-generation-id"), body["id"].as_str());
    let id = body["id"].as_str().unwrap().split('-').collect::<Vec<_>>();
    assert!(
        matches!(id[..], ["gen", "1786190400", random] if random.len() == 20),
        "{id:?}"
    );
    let ChatReply::Answer(answer) = ChatReply::parse(&reply.body).unwrap() else {
        panic!("{body}")
    };
    assert!(!answer.text().is_empty() && !answer.is_empty_answer());
    assert_eq!(answer.model().as_deref(), Some(MODEL));
}

#[tokio::test(start_paused = true)]
async fn reasoning_that_is_mandatory_cannot_be_turned_off() {
    let sim = sim("").await;
    let off = [json!({"enabled": false}), json!({"effort": "none"})];
    for (model, reasoning, status) in [
        ("x-ai/grok-4.5", &off[0], 400),
        ("x-ai/grok-4.5", &off[1], 400),
        ("x-ai/grok-4.5", &json!({"effort": "low"}), 200),
        ("openrouter/auto", &off[0], 200),
        (MODEL, &off[1], 200),
    ] {
        let ask = Ask::chat(json!({"model": model, "reasoning": reasoning}));
        let reply = ask.send(&sim).await;
        assert_eq!(reply.status, Some(status), "{model} {reasoning}");
        assert_eq!(reply.text().contains("mandatory"), status == 400);
    }
}

#[tokio::test(start_paused = true)]
async fn reasoning_is_told_counted_and_can_be_hidden() {
    let sim = sim("").await;
    let model = "deepseek/deepseek-r1";
    let body = Ask::chat(json!({"model": model})).send(&sim).await.json();
    let reasoning = body["usage"]["completion_tokens_details"]["reasoning_tokens"]
        .as_u64()
        .unwrap();
    assert!(reasoning > 0);
    let message = &body["choices"][0]["message"];
    assert_eq!(
        message["reasoning_details"][0]["text"],
        message["reasoning"]
    );

    let hidden = Ask::chat(json!({"model": model, "reasoning": {"exclude": true}}))
        .send(&sim)
        .await
        .json();
    assert_eq!(hidden["choices"][0]["message"]["reasoning"], Value::Null);
    assert!(hidden["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64() > Some(0));

    let spent = Ask::chat(json!({"model": model, "max_tokens": 4}))
        .send(&sim)
        .await
        .json();
    assert_eq!(
        (
            &spent["choices"][0]["finish_reason"],
            &spent["choices"][0]["message"]["content"]
        ),
        (&json!("length"), &json!(""))
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_called_and_json_is_json() {
    let sim = sim("").await;
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let body = Ask::chat(json!({
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}], "tool_choice": "required",
    }))
    .send(&sim)
    .await
    .json();
    let call = &body["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(
        (
            &call["function"]["name"],
            &body["choices"][0]["finish_reason"]
        ),
        (&json!("get_weather"), &json!("tool_calls"))
    );
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["city"].is_string());

    let format =
        json!({"type": "json_schema", "json_schema": {"name": "weather", "schema": schema}});
    let body = Ask::chat(json!({"response_format": format}))
        .send(&sim)
        .await
        .json();
    let text: Value =
        serde_json::from_str(body["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert!(text["city"].is_string());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_answered_says_why() {
    let sim = sim("").await;
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]);
    for (ask, status, part) in [
        (
            Ask::chat(json!({})).without("authorization"),
            401,
            "No auth credentials",
        ),
        (
            Ask::chat(json!({})).with("authorization", "Bearer sk-short"),
            401,
            "User not found",
        ),
        (Ask::chat(json!({})).raw_body("{"), 400, "Invalid JSON"),
        (Ask::chat(json!({"messages": []})), 400, "empty"),
        (
            Ask::chat(json!({"model": "nobody/nothing"})),
            400,
            "nobody/nothing is not a valid model ID",
        ),
        (
            Ask::chat(json!({"model": "deepseek/deepseek-r1", "messages": image})),
            404,
            "image input",
        ),
        (
            Ask::chat(json!({"model": "anthropic/claude-opus-5:batch"})),
            404,
            "Batch API",
        ),
        (
            Ask::chat(json!({"provider": {"only": ["nobody"]}})),
            404,
            "provider preferences",
        ),
        (
            Ask::chat(json!({"provider": {"max_price": {"prompt": "0.0001"}}})),
            404,
            "provider preferences",
        ),
        (
            Ask::chat(json!({"max_tokens": 10_000_000})),
            404,
            "requested parameters",
        ),
        (
            Ask::chat(json!({"messages": [{"role": "user", "content": "word ".repeat(130_000)}]})),
            400,
            "maximum context length",
        ),
        (Ask::chat(json!({})).method("GET"), 405, "No route"),
        (Ask::get("/api/v1/nowhere"), 404, "No route"),
    ] {
        let reply = ask.send(&sim).await;
        let body = reply.json();
        assert_eq!(reply.status, Some(status), "{part}: {body}");
        assert_eq!(body["error"]["code"], status, "{body}");
        assert!(
            body["error"]["message"].as_str().unwrap().contains(part),
            "{part}: {body}"
        );
    }
    assert!(sim.bill().lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn both_base_paths_are_served() {
    let sim = sim("keys = 'any'").await;
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]});
    let reply = Ask::post("/v1/chat/completions", &body)
        .without("authorization")
        .send(&sim)
        .await;
    assert_eq!(reply.status, Some(200));
}
