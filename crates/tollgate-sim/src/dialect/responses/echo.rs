//! The parameters of a request that its response repeats.

use serde_json::{Map, Value, json};

use crate::json::Object;

/// What stands there when the request has nothing.
type Usual = fn() -> Value;

/// The keys that are repeated.
const ECHOED: [(&str, Usual); 14] = [
    ("instructions", || Value::Null),
    ("metadata", || json!({})),
    ("parallel_tool_calls", || json!(true)),
    ("temperature", || Value::Null),
    ("top_p", || Value::Null),
    ("frequency_penalty", || Value::Null),
    ("presence_penalty", || Value::Null),
    ("max_output_tokens", || Value::Null),
    ("tool_choice", || json!("auto")),
    ("tools", || json!([])),
    ("text", || json!({"format": {"type": "text"}})),
    ("reasoning", || Value::Null),
    ("truncation", || json!("disabled")),
    ("store", || json!(false)),
];

/// What the response repeats of these fields.
pub(super) fn echo(asked: &Map<String, Value>) -> Object {
    ECHOED.iter().fold(Object::new(), |echo, (key, usual)| {
        match asked.get(*key).filter(|value| !value.is_null()) {
            Some(Value::Array(tools)) if *key == "tools" => echo.with(key, &strict_tools(tools)),
            Some(value) => echo.with(key, value),
            None => echo.with(key, &usual()),
        }
    })
}

/// Clients insist on the key `strict`, which requests may leave out.
fn strict_tools(tools: &[Value]) -> Vec<Value> {
    let mut tools = tools.to_vec();
    for tool in tools.iter_mut().filter_map(Value::as_object_mut) {
        if tool.get("type").and_then(Value::as_str) == Some("function") {
            tool.entry("strict").or_insert(Value::Null);
        }
    }
    tools
}
