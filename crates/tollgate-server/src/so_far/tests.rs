use tollgate::FailureKind;

use super::*;

fn ended(events: &[&str], used: Option<TokenUsage>) -> Value {
    let so_far = SoFar::of(Surface::Responses);
    for event in events {
        so_far.note(event.as_bytes());
    }
    let failure = Failure::new(FailureKind::Truncated, "the answer broke off");
    serde_json::from_slice(&so_far.failed(&failure, used)).unwrap()
}

#[test]
fn a_response_that_fails_is_shown_with_what_there_is_of_it() {
    let event = ended(
        &[
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":7,"model":"a/one","status":"in_progress","output":[],"temperature":0.10,"usage":null}}"#,
            r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}"#,
            r#"{"type":"response.output_item.done","sequence_number":2,"output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[{"text":"so"}]}}"#,
            r#"{"type":"response.output_item.added","sequence_number":3,"output_index":1,"item":{"type":"message","id":"msg_1","role":"assistant","status":"in_progress","content":[]}}"#,
            r#"{"type":"response.output_text.delta","sequence_number":4,"output_index":1,"content_index":0,"item_id":"msg_1","delta":"Re\u0064"}"#,
            r#"{"type":"response.output_text.delta","sequence_number":5,"output_index":1,"content_index":0,"item_id":"msg_1","delta":", or"}"#,
            r#"{"type":"response.output_item.added","sequence_number":6,"output_index":2,"item":{"type":"function_call","id":"fc_1","call_id":"c","name":"paint","arguments":"","status":"in_progress"}}"#,
            r#"{"type":"response.function_call_arguments.delta","sequence_number":7,"output_index":2,"item_id":"fc_1","delta":"{\"colour\":"}"#,
        ],
        Some(TokenUsage {
            input: 9,
            cache_read: 1,
            output: 4,
            reasoning: 2,
            ..TokenUsage::default()
        }),
    );
    assert_eq!(
        (&event["type"], &event["sequence_number"]),
        (&"response.failed".into(), &8.into())
    );
    let response = &event["response"];
    for (key, expected) in [
        ("id", json!("resp_1")),
        ("created_at", json!(7)),
        ("model", json!("a/one")),
        ("status", json!("failed")),
        ("incomplete_details", Value::Null),
    ] {
        assert_eq!(response[key], expected, "{key}");
    }
    assert_eq!(response["error"]["code"], "server_error");
    assert_eq!(response["error"]["error_type"], "upstream_truncated");
    assert!(
        response["error"]["message"]
            .as_str()
            .unwrap()
            .contains("broke off")
    );
    let output = response["output"].as_array().unwrap();
    assert_eq!(output[0]["summary"][0]["text"], "so");
    assert_eq!(output[1]["content"][0]["text"], "Red, or");
    assert_eq!(output[1]["status"], "incomplete");
    assert_eq!(output[2]["arguments"], "{\"colour\":");
    let expected = json!({
        "input_tokens": 10, "input_tokens_details": { "cached_tokens": 1 },
        "output_tokens": 4, "output_tokens_details": { "reasoning_tokens": 2 },
        "total_tokens": 14,
    });
    assert_eq!(response["usage"], expected);
}

#[test]
fn counts_that_cannot_be_summed_come_to_the_most_there_is() {
    let used = TokenUsage {
        input: u64::MAX,
        output: 4,
        ..TokenUsage::default()
    };
    let usage = &ended(&[], Some(used))["response"]["usage"];
    assert_eq!(usage["total_tokens"], u64::MAX);
}

#[test]
fn what_is_no_item_is_left_out() {
    let item = r#"{"type":"response.output_item.added","sequence_number":18446744073709551615,"output_index":0,"item":"x"}"#;
    let event = ended(&[item], None);
    assert_eq!(event["response"]["output"], serde_json::json!([]));
}

#[test]
fn a_response_of_which_nothing_was_told_has_all_that_clients_insist_on() {
    let event = ended(&["{}", "no JSON"], None);
    assert_eq!(event["sequence_number"], 0);
    let response = event["response"].as_object().unwrap();
    for key in [
        "id",
        "object",
        "created_at",
        "status",
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "model",
        "output",
        "parallel_tool_calls",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "usage",
    ] {
        assert!(response.contains_key(key), "{key}");
    }
}
