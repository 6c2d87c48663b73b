use serde_json::{Value, json};

use super::*;

/// An answer with these changes; a null takes a member away.
fn answer(message: Value, choice: Value, top: Value) -> Vec<u8> {
    let mut base = json!({
        "id": "gen-1", "model": "a/one", "provider": "P",
        "usage": { "prompt_tokens": 5, "completion_tokens": 7, "cost": 0.001 },
    });
    let mut only = json!({ "index": 0, "finish_reason": "stop" });
    let mut said = json!({ "role": "assistant", "content": "Hello \"you\", 雪" });
    merge(&mut said, message);
    only["message"] = said;
    merge(&mut only, choice);
    base["choices"] = json!([only]);
    merge(&mut base, top);
    base.to_string().into_bytes()
}

fn merge(base: &mut Value, changes: Value) {
    let (Value::Object(base), Value::Object(changes)) = (base, changes) else {
        panic!("both are objects");
    };
    base.extend(changes);
}

/// Whether an answer is read in one pass; what comes of it must not differ.
fn check(data: &[u8], in_one_pass: bool) {
    let text = String::from_utf8_lossy(data);
    let quick = plain::facts(data, Billing::Credits);
    assert_eq!(quick.is_some(), in_one_pass, "{text}");
    let careful = body_with_care(data, Billing::Credits);
    if let Some(quick) = quick {
        let careful = careful.expect("what is read in one pass is an answer");
        let quick = Body::Answer(quick);
        assert_eq!(format!("{quick:?}"), format!("{careful:?}"), "{text}");
    }
}

#[test]
fn an_answer_in_one_pass_says_the_same_as_with_care() {
    let none = || json!({});
    check(&answer(none(), none(), none()), true);
    for (key, value) in [
        ("content", json!("")),
        ("reasoning", json!("because")),
        ("reasoning_content", json!("because\n")),
        ("refusal", json!("no")),
        ("tool_calls", Value::Null),
        ("of_tomorrow", json!([1, { "a": 1.10 }])),
    ] {
        check(&answer(json!({ key: value }), none(), none()), true);
    }
    let both = json!({ "reasoning": "one", "reasoning_content": "three" });
    check(&answer(both, none(), none()), true);
    for reason in ["length", "tool_calls", "content_filter", "of_tomorrow"] {
        let choice = json!({ "finish_reason": reason });
        check(&answer(none(), choice, none()), true);
    }
    for (key, value) in [
        ("usage", Value::Null),
        ("usage", json!({ "prompt_tokens": "many" })),
        ("model", Value::Null),
        ("model", json!("no id \u{7}")),
        ("error", Value::Null),
    ] {
        check(&answer(none(), none(), json!({ key: value })), true);
    }
}

#[test]
fn what_is_more_than_text_is_read_with_care() {
    let none = || json!({});
    for (key, value) in [
        ("content", Value::Null),
        ("content", json!([{ "type": "text", "text": "a" }])),
        ("tool_calls", json!([])),
        ("reasoning", json!(7)),
    ] {
        check(&answer(json!({ key: value }), none(), none()), false);
    }
    for (key, value) in [
        ("finish_reason", Value::Null),
        ("finish_reason", json!("")),
        ("finish_reason", json!("error")),
        ("error", json!({ "code": 502 })),
        ("message", Value::Null),
    ] {
        check(&answer(none(), json!({ key: value }), none()), false);
    }
    for (key, value) in [
        ("error", json!({ "code": 502, "message": "gone" })),
        ("choices", json!([])),
        ("choices", Value::Null),
        ("id", json!(7)),
    ] {
        check(&answer(none(), none(), json!({ key: value })), false);
    }
    for text in ["", "[]", "nonsense", r#"{"choices":[],"choices":[]}"#] {
        check(text.as_bytes(), false);
    }
}
