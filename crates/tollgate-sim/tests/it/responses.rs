//! What only the Responses dialect has.

use serde_json::{Value, json};

use crate::client::{Ask, MODEL, sim};
use crate::surface::events;

fn ask(fields: Value) -> Ask {
    let mut body = json!({"model": MODEL, "input": "Tell me about rivers"});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    Ask::post("/api/v1/responses", &body)
}

/// The types of the events, runs of the same one as one.
fn types(events: &[(Option<String>, Value)]) -> Vec<&str> {
    let mut types: Vec<&str> = events
        .iter()
        .map(|(_, body)| body["type"].as_str().unwrap())
        .collect();
    types.dedup();
    types
}

#[tokio::test(start_paused = true)]
async fn events_come_in_the_order_of_the_dialect() {
    let sim = sim("").await;
    let tool = json!([{"type": "function", "name": "now", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}]);
    let fields = json!({"model": "deepseek/deepseek-r1", "stream": true});
    let text = ask(fields.clone()).send(&sim).await;
    let reasoning = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
    ];
    let message = [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(types(&events(&text)), [&reasoning[..], &message].concat());
    assert!(
        text.text()
            .contains("\nevent: response.created\ndata: {\"type\":\"response.created\"")
    );
    assert!(text.text().ends_with("\n\ndata: [DONE]\n\n"));

    let mut called = fields;
    called["tools"] = tool;
    called["tool_choice"] = json!("required");
    let called = ask(called).send(&sim).await;
    let call = [
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(types(&events(&called)), [&reasoning[..], &call].concat());
}

#[tokio::test(start_paused = true)]
async fn items_are_numbered_and_whole_when_they_are_done() {
    let sim = sim("").await;
    let reply = ask(json!({"model": "deepseek/deepseek-r1", "stream": true}))
        .send(&sim)
        .await;
    let events = events(&reply);
    let of = |kind: &str| -> Vec<&Value> {
        events
            .iter()
            .map(|(_, body)| body)
            .filter(|body| body["type"] == kind)
            .collect()
    };
    let (added, done) = (
        of("response.output_item.added"),
        of("response.output_item.done"),
    );
    let output = events.last().unwrap().1["response"]["output"]
        .as_array()
        .unwrap();
    assert_eq!((added.len(), done.len(), output.len()), (2, 2, 2));
    for index in 0..2 {
        assert_eq!(
            (&added[index]["output_index"], &done[index]["output_index"]),
            (&json!(index), &json!(index))
        );
        assert_eq!(added[index]["item"]["id"], output[index]["id"]);
        assert_eq!(done[index]["item"], output[index]);
    }
}

#[tokio::test(start_paused = true)]
async fn events_can_come_without_names() {
    let sim = sim("response_events = 'bare'").await;
    let reply = ask(json!({"stream": true})).send(&sim).await;
    assert!(!reply.text().contains("event:"), "{}", reply.text());
    assert_eq!(
        events(&reply).last().unwrap().1["type"],
        "response.completed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_limit_makes_a_response_incomplete() {
    let sim = sim("").await;
    let body = ask(json!({"max_output_tokens": 3})).send(&sim).await.json();
    let told = (
        &body["status"],
        &body["incomplete_details"],
        &body["completed_at"],
    );
    assert_eq!(
        told,
        (
            &json!("incomplete"),
            &json!({"reason": "max_output_tokens"}),
            &Value::Null
        )
    );
    assert_eq!(body["output"][0]["status"], "incomplete");
    let reply = ask(json!({"max_output_tokens": 3, "stream": true}))
        .send(&sim)
        .await;
    let last = events(&reply).pop().unwrap();
    assert_eq!(last.0.as_deref(), Some("response.incomplete"));
}

#[tokio::test(start_paused = true)]
async fn a_response_repeats_its_request_and_has_what_clients_insist_on() {
    let sim = sim("").await;
    let fields = json!({
        "instructions": "Be brief.", "temperature": 0.5, "metadata": {"a": "b"}, "parallel_tool_calls": false,
        "tools": [{"type": "function", "name": "now", "parameters": {}}], "tool_choice": "none",
    });
    let body = ask(fields.clone()).send(&sim).await.json();
    for key in [
        "instructions",
        "temperature",
        "metadata",
        "parallel_tool_calls",
        "tool_choice",
    ] {
        assert_eq!(body[key], fields[key], "{key}");
    }
    assert_eq!(body["tools"][0]["strict"], Value::Null);
    for key in [
        "id",
        "object",
        "created_at",
        "completed_at",
        "status",
        "model",
        "output",
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "tool_choice",
        "tools",
        "store",
        "service_tier",
        "usage",
    ] {
        assert!(body.get(key).is_some(), "{key}");
    }
    let plain = ask(json!({})).send(&sim).await.json();
    assert_eq!(
        (&plain["tools"], &plain["tool_choice"], &plain["metadata"]),
        (&json!([]), &json!("auto"), &json!({}))
    );
    let usage = &plain["usage"];
    for key in ["cached_tokens", "cache_write_tokens"] {
        assert!(usage["input_tokens_details"][key].is_u64(), "{key}");
    }
    assert!(usage["output_tokens_details"]["reasoning_tokens"].is_u64());
    assert!(usage["cost_details"]["upstream_inference_input_cost"].is_number());
    // Instructions are input too.
    assert!(body["usage"]["input_tokens"].as_u64() > usage["input_tokens"].as_u64());
}

#[tokio::test(start_paused = true)]
async fn reasoning_is_sealed_only_for_those_who_ask() {
    let sim = sim("").await;
    let asked =
        json!({"model": "deepseek/deepseek-r1", "include": ["reasoning.encrypted_content"]});
    for (fields, sealed) in [
        (asked, true),
        (json!({"model": "deepseek/deepseek-r1"}), false),
    ] {
        let body = ask(fields).send(&sim).await.json();
        assert_eq!(body["output"][0]["type"], "reasoning");
        assert_eq!(body["output"][0]["encrypted_content"].is_string(), sealed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_with_tools_goes_on() {
    let sim = sim("").await;
    let tools = json!([{"type": "function", "name": "get_time", "parameters": {"type": "object"}}]);
    let mut input =
        json!([{"role": "user", "content": [{"type": "input_text", "text": "Please get time"}]}]);
    let first = ask(json!({"input": input, "tools": tools}))
        .send(&sim)
        .await
        .json();
    let call = first["output"][0].clone();
    assert_eq!(call["type"], "function_call");
    let result =
        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "noon"});
    input.as_array_mut().unwrap().extend([call, result]);
    let second = ask(json!({"input": input, "tools": tools}))
        .send(&sim)
        .await
        .json();
    assert_eq!(second["output"][0]["type"], "message");
    assert!(second["usage"]["input_tokens"].as_u64() > first["usage"]["input_tokens"].as_u64());
}

#[tokio::test(start_paused = true)]
async fn a_response_that_went_wrong_says_what_it_had() {
    let sim = sim("").await;
    let reply = ask(json!({}))
        .with("x-sim-fault", "error-choice")
        .send(&sim)
        .await;
    let body = reply.json();
    assert_eq!(
        (&body["status"], &body["error"]["code"]),
        (&json!("failed"), &json!("server_error"))
    );
    assert_eq!(body["output"][0]["content"][0]["text"], "Partial ans");
    assert_eq!(body["error_type"], "provider_unavailable");
}
