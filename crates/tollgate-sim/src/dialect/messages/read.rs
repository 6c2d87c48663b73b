//! Reads a Messages request.

use serde_json::{Map, Value};

use crate::ask::{
    Ask, Choice, Format, Reading, ReasoningAsk, Tool, Turn, content_text, content_tokens,
    count_tokens, has_part, limit, part_tokens, type_of,
};

/// Reads the fields of a Messages request.
///
/// # Errors
/// The message for a 400.
pub(super) fn read(fields: &Map<String, Value>) -> Result<Ask, String> {
    let messages = messages(fields)?;
    let last = messages
        .last()
        .ok_or("Invalid request: messages must not be empty")?;
    let system = fields.get("system").filter(|system| !system.is_null());
    let tools = fields
        .get("tools")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let renamed = [("stop_sequences", "stop"), ("thinking", "reasoning")]
        .into_iter()
        .filter(|(theirs, _)| fields.contains_key(*theirs));
    let reading = Reading {
        prompt: system
            .map(|system| Turn::new(system, content_tokens(system, part_tokens)))
            .into_iter()
            .chain(messages.iter().map(turn))
            .collect(),
        last_text: content_text(last.get("content")),
        // The results of tools come in the user's name.
        from_user: role(last) == Some("user") && !has_part(last.get("content"), "tool_result"),
        has_images: messages
            .iter()
            .any(|message| has_part(message.get("content"), "image")),
        tools: tools.iter().filter_map(tool).collect(),
        choice: choice(fields.get("tool_choice")),
        format: format(fields),
        reasoning: reasoning(fields)?,
        limit: limit(fields, &["max_tokens"])?,
        also: renamed.map(|(_, ours)| ours).collect(),
    };
    Ask::new(fields, reading)
}

fn messages(fields: &Map<String, Value>) -> Result<&[Value], String> {
    let messages = fields
        .get("messages")
        .and_then(Value::as_array)
        .ok_or("Invalid request: messages must be an array")?;
    let allowed = |message: &Value| {
        role(message).is_some_and(|role| ["user", "assistant", "system"].contains(&role))
    };
    match messages.iter().position(|message| !allowed(message)) {
        Some(index) => Err(format!(
            "Invalid request: messages[{index}].role must be user, assistant or system"
        )),
        None => Ok(messages),
    }
}

fn role(message: &Value) -> Option<&str> {
    message.get("role")?.as_str()
}

fn turn(message: &Value) -> Turn {
    let tokens = message
        .get("content")
        .map_or(0, |content| content_tokens(content, block_tokens));
    Turn::new(message, tokens)
}

fn block_tokens(block: &Value) -> u64 {
    let text = |key: &str| {
        block
            .get(key)
            .and_then(Value::as_str)
            .map_or(0, count_tokens)
    };
    match type_of(block) {
        "tool_use" => {
            let input = block
                .get("input")
                .map_or_else(String::new, Value::to_string);
            text("name") + count_tokens(&input)
        }
        "tool_result" => block
            .get("content")
            .map_or(0, |content| content_tokens(content, part_tokens)),
        "thinking" => text("thinking"),
        _ => part_tokens(block),
    }
}

/// Tools without a schema run at the provider, so they are none that an answer can call.
fn tool(tool: &Value) -> Option<Tool<'_>> {
    Some(Tool {
        name: tool.get("name")?.as_str()?,
        parameters: Some(tool.get("input_schema")?),
    })
}

fn choice(choice: Option<&Value>) -> Choice<'_> {
    let Some(choice) = choice else {
        return Choice::Auto;
    };
    match (type_of(choice), choice.get("name").and_then(Value::as_str)) {
        ("any", _) => Choice::Any,
        ("none", _) => Choice::Never,
        ("tool", Some(name)) => Choice::Named(name),
        _ => Choice::Auto,
    }
}

/// The form is in `output_config.format`; earlier clients have it in `output_format`.
fn format(fields: &Map<String, Value>) -> Format {
    let format = fields
        .get("output_config")
        .and_then(|config| config.get("format"))
        .or_else(|| fields.get("output_format"));
    match format.and_then(|format| format.get("schema")) {
        Some(schema) => Format::Schema(schema.clone()),
        None => Format::Text,
    }
}

/// Without `thinking` there is none: an effort alone is about the whole answer.
fn reasoning(fields: &Map<String, Value>) -> Result<ReasoningAsk, String> {
    let Some(thinking) = fields
        .get("thinking")
        .filter(|thinking| !thinking.is_null())
    else {
        return Ok(ReasoningAsk::default());
    };
    let effort = fields
        .get("output_config")
        .and_then(|config| config.get("effort")?.as_str());
    let asked = ReasoningAsk {
        effort: effort.map(str::to_owned),
        ..ReasoningAsk::default()
    };
    match type_of(thinking) {
        "enabled" => {
            let budget = thinking
                .get("budget_tokens")
                .and_then(Value::as_u64)
                .filter(|budget| *budget > 0)
                .ok_or("Invalid request: thinking.budget_tokens must be a positive integer")?;
            Ok(ReasoningAsk {
                enabled: Some(true),
                max_tokens: Some(budget),
                ..asked
            })
        }
        "adaptive" => Ok(ReasoningAsk {
            enabled: Some(true),
            ..asked
        }),
        "disabled" => Ok(ReasoningAsk {
            enabled: Some(false),
            ..asked
        }),
        _ => Err("Invalid request: thinking.type must be enabled, adaptive or disabled".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn bad_requests_say_why() {
        let hi = json!([{"role": "user", "content": "hi"}]);
        for (body, part) in [
            (json!({}), "messages must be an array"),
            (json!({"messages": []}), "empty"),
            (
                json!({"messages": [{"role": "tool", "content": "x"}]}),
                "messages[0].role must be user, assistant or system",
            ),
            (
                json!({"messages": hi, "max_tokens": 0}),
                "max_tokens must be a positive integer",
            ),
            (
                json!({"messages": hi, "thinking": {"type": "enabled"}}),
                "budget_tokens",
            ),
            (
                json!({"messages": hi, "thinking": {"type": "on"}}),
                "thinking.type",
            ),
        ] {
            let message = read(body.as_object().unwrap()).unwrap_err();
            assert!(message.contains(part), "{body}: {message}");
        }
    }

    #[test]
    fn tools_are_called_when_asked_for() {
        for (choice, name) in [
            (json!({"type": "any"}), Some("get_time")),
            (
                json!({"type": "tool", "name": "get_weather"}),
                Some("get_weather"),
            ),
            (json!({"type": "auto"}), None),
            (json!({"type": "none"}), None),
        ] {
            let body = json!({
                "messages": [{"role": "user", "content": "hi"}], "tool_choice": choice,
                "tools": [{"type": "web_search_20250305", "name": "web_search"}, {"name": "get_time", "input_schema": {}}, {"name": "get_weather", "input_schema": {}}],
            });
            let ask = read(body.as_object().unwrap()).unwrap();
            assert_eq!(ask.call.map(|call| call.name).as_deref(), name, "{choice}");
        }
    }

    #[test]
    fn the_result_of_a_tool_is_not_a_wish_to_call_it() {
        let result = json!([{"type": "tool_result", "tool_use_id": "t", "content": "noon"}, {"type": "text", "text": "get_time"}]);
        let body = json!({
            "messages": [{"role": "user", "content": result}],
            "tools": [{"name": "get_time", "input_schema": {}}],
        });
        assert_eq!(read(body.as_object().unwrap()).unwrap().call, None);
    }
}
