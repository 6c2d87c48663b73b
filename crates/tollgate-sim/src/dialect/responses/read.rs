//! Reads a Responses request.

use serde_json::{Map, Value, json};

use crate::ask::{
    Ask, Choice, Format, Reading, Tool, Turn, content_text, content_tokens, count_tokens, has_part,
    limit, part_tokens, type_of,
};
use crate::dialect::chat::reasoning;

/// Reads the fields of a Responses request.
///
/// # Errors
/// The message for a 400.
pub(super) fn read(fields: &Map<String, Value>) -> Result<Ask, String> {
    refuse_state(fields)?;
    read_items(fields)
}

/// Whether the client of OpenAI, which shows no thoughts unasked, asks for some form of them.
pub(super) fn wants_thoughts(fields: &Map<String, Value>) -> bool {
    let summary = fields.get("reasoning").and_then(|ask| ask.get("summary"));
    let includes = fields.get("include").and_then(Value::as_array);
    let encrypted = |include: &Vec<Value>| {
        include
            .iter()
            .any(|key| key == "reasoning.encrypted_content")
    };
    summary.is_some_and(Value::is_string) || includes.is_some_and(encrypted)
}

/// Reads a request whose state, if it has any, was seen to.
///
/// # Errors
/// The message for a 400.
pub(super) fn read_items(fields: &Map<String, Value>) -> Result<Ask, String> {
    let items = items(fields)?;
    let last = items
        .last()
        .ok_or("Invalid request: input must not be empty")?;
    let instructions = fields.get("instructions").filter(|text| !text.is_null());
    let tools = fields
        .get("tools")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let format = format(fields);
    let mut also = Vec::new();
    if fields.contains_key("max_output_tokens") {
        also.push("max_tokens");
    }
    if format != Format::Text {
        also.push("response_format");
    }
    let reading = Reading {
        prompt: instructions
            .map(|text| Turn::new(text, content_tokens(text, part_tokens)))
            .into_iter()
            .chain(items.iter().map(turn))
            .collect(),
        last_text: content_text(last.get("content")),
        from_user: last.get("role").and_then(Value::as_str) == Some("user"),
        has_images: items
            .iter()
            .any(|item| has_part(item.get("content"), "input_image")),
        tools: tools.iter().filter_map(tool).collect(),
        choice: choice(fields.get("tool_choice")),
        format,
        reasoning: reasoning(fields)?,
        limit: limit(fields, &["max_output_tokens"])?,
        also,
    };
    Ask::new(fields, reading)
}

/// OpenRouter keeps no responses.
fn refuse_state(fields: &Map<String, Value>) -> Result<(), String> {
    if fields
        .get("previous_response_id")
        .is_some_and(|id| !id.is_null())
    {
        return Err("Invalid request: previous_response_id is not supported; send the whole history in input".into());
    }
    if fields.get("store") == Some(&Value::Bool(true)) {
        return Err("Invalid request: store must be false; responses are not kept".into());
    }
    Ok(())
}

/// The items of the input; a text is one message of the user.
fn items(fields: &Map<String, Value>) -> Result<Vec<Value>, String> {
    let items = match fields.get("input") {
        Some(Value::String(text)) => return Ok(vec![json!({"role": "user", "content": text})]),
        Some(Value::Array(items)) => items,
        _ => {
            return Err("Invalid request: input must be a string or an array of items".into());
        }
    };
    match items
        .iter()
        .position(|item| type_of(item).is_empty() && item.get("role").is_none())
    {
        Some(index) => Err(format!(
            "Invalid request: input[{index}] has neither type nor role"
        )),
        None => Ok(items.clone()),
    }
}

/// What an item counts; one that is no message counts as its parts or as its text.
fn turn(item: &Value) -> Turn {
    let text = |key: &str| {
        item.get(key)
            .and_then(Value::as_str)
            .map_or(0, count_tokens)
    };
    let tokens = match type_of(item) {
        "function_call" => text("name") + text("arguments"),
        "function_call_output" => item
            .get("output")
            .map_or(0, |output| content_tokens(output, part_tokens)),
        "reasoning" => item
            .get("summary")
            .map_or(0, |summary| content_tokens(summary, part_tokens)),
        "" | "message" => item
            .get("content")
            .map_or(0, |content| content_tokens(content, part_tokens)),
        _ => count_tokens(&item.to_string()),
    };
    Turn::new(item, tokens)
}

fn tool(tool: &Value) -> Option<Tool<'_>> {
    let is_function = type_of(tool) == "function";
    let name = tool.get("name").filter(|_| is_function)?.as_str()?;
    Some(Tool {
        name,
        parameters: tool.get("parameters"),
    })
}

fn choice(choice: Option<&Value>) -> Choice<'_> {
    let Some(choice) = choice else {
        return Choice::Auto;
    };
    let named = (type_of(choice) == "function")
        .then(|| choice.get("name")?.as_str())
        .flatten();
    // `allowed_tools` has its word in `mode`.
    let word = choice.as_str().or_else(|| choice.get("mode")?.as_str());
    match (named, word) {
        (Some(name), _) => Choice::Named(name),
        (None, Some("required")) => Choice::Any,
        (None, Some("none")) => Choice::Never,
        (None, _) => Choice::Auto,
    }
}

fn format(fields: &Map<String, Value>) -> Format {
    let Some(format) = fields.get("text").and_then(|text| text.get("format")) else {
        return Format::Text;
    };
    match (type_of(format), format.get("schema")) {
        ("json_schema", Some(schema)) => Format::Schema(schema.clone()),
        ("json_schema" | "json_object", _) => Format::Json,
        _ => Format::Text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn bad_requests_say_why() {
        for (body, part) in [
            (json!({}), "input must be"),
            (json!({"input": []}), "empty"),
            (json!({"input": [{}]}), "input[0] has neither type nor role"),
            (
                json!({"input": "x", "previous_response_id": "resp_1"}),
                "whole history",
            ),
            (json!({"input": "x", "store": true}), "store must be false"),
            (
                json!({"input": "x", "max_output_tokens": -1}),
                "max_output_tokens must be a positive integer",
            ),
        ] {
            let message = read(body.as_object().unwrap()).unwrap_err();
            assert!(message.contains(part), "{body}: {message}");
        }
    }

    #[test]
    fn tools_are_called_when_asked_for() {
        for (choice, name) in [
            (json!("required"), Some("get_time")),
            (
                json!({"type": "function", "name": "get_weather"}),
                Some("get_weather"),
            ),
            (
                json!({"type": "allowed_tools", "mode": "required"}),
                Some("get_time"),
            ),
            (json!("auto"), None),
            (json!("none"), None),
        ] {
            let body = json!({
                "input": "hi", "tool_choice": choice,
                "tools": [{"type": "web_search", "name": "x"}, {"type": "function", "name": "get_time"}, {"type": "function", "name": "get_weather"}],
            });
            let ask = read(body.as_object().unwrap()).unwrap();
            assert_eq!(ask.call.map(|call| call.name).as_deref(), name, "{choice}");
        }
    }

    #[test]
    fn the_result_of_a_tool_is_not_a_wish_to_call_it() {
        let body = json!({
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "get_time please"}]},
                {"type": "function_call", "call_id": "c", "name": "get_time", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "get_time: noon"},
            ],
            "tools": [{"type": "function", "name": "get_time"}],
        });
        assert_eq!(read(body.as_object().unwrap()).unwrap().call, None);
    }
}
