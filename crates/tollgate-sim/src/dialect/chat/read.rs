//! Reads a chat request.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::ask::{
    Ask, Choice, Format, Reading, ReasoningAsk, Tool, Turn, content_text, content_tokens,
    count_tokens, has_part, limit, part_tokens,
};

/// Reads the fields of a chat request.
///
/// # Errors
/// The message for a 400.
pub(crate) fn read(fields: &Map<String, Value>) -> Result<Ask, String> {
    let messages = messages(fields)?;
    let last = messages
        .last()
        .ok_or("Invalid request: messages must not be empty")?;
    let tools = fields
        .get("tools")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let reading = Reading {
        prompt: messages.iter().map(turn).collect(),
        last_text: content_text(last.get("content")),
        from_user: last.get("role").and_then(Value::as_str) == Some("user"),
        has_images: messages
            .iter()
            .any(|message| has_part(message.get("content"), "image_url")),
        tools: tools.iter().filter_map(tool).collect(),
        choice: choice(fields.get("tool_choice")),
        format: format(fields.get("response_format")),
        reasoning: reasoning(fields)?,
        limit: limit(fields, &["max_completion_tokens", "max_tokens"])?,
        also: Vec::new(),
    };
    Ask::new(fields, reading)
}

fn turn(message: &Value) -> Turn {
    let content = message
        .get("content")
        .map_or(0, |content| content_tokens(content, part_tokens));
    let calls = message
        .get("tool_calls")
        .map_or(0, |calls| count_tokens(&calls.to_string()));
    Turn::new(message, content + calls)
}

fn tool(tool: &Value) -> Option<Tool<'_>> {
    let function = tool.get("function")?;
    Some(Tool {
        name: function.get("name")?.as_str()?,
        parameters: function.get("parameters"),
    })
}

fn choice(choice: Option<&Value>) -> Choice<'_> {
    let named = choice.and_then(|choice| choice.pointer("/function/name")?.as_str());
    match (named, choice.and_then(Value::as_str)) {
        (Some(name), _) => Choice::Named(name),
        (None, Some("required")) => Choice::Any,
        (None, Some("auto") | None) => Choice::Auto,
        (None, Some(_)) => Choice::Never,
    }
}

/// The form of the text that `response_format` asks for.
pub(in crate::dialect) fn format(format: Option<&Value>) -> Format {
    let Some(format) = format else {
        return Format::Text;
    };
    match format.get("type").and_then(Value::as_str) {
        Some("json_object") => Format::Json,
        Some("json_schema") => match format.pointer("/json_schema/schema") {
            Some(schema) => Format::Schema(schema.clone()),
            None => Format::Json,
        },
        _ => Format::Text,
    }
}

/// What the request says about reasoning; the Responses dialect has the same object.
pub(in crate::dialect) fn reasoning(fields: &Map<String, Value>) -> Result<ReasoningAsk, String> {
    let reasoning = fields.get("reasoning");
    let effort = reasoning
        .and_then(|reasoning| reasoning.get("effort"))
        .and_then(Value::as_str);
    let short = fields.get("reasoning_effort").and_then(Value::as_str);
    if let (Some(effort), Some(short)) = (effort, short)
        && effort != short
    {
        return Err("reasoning.effort and reasoning_effort differ".into());
    }
    let max_tokens = reasoning
        .and_then(|reasoning| reasoning.get("max_tokens"))
        .and_then(Value::as_u64);
    if effort.is_some() && max_tokens.is_some() {
        return Err(
            "Only one of reasoning.effort and reasoning.max_tokens can be specified".into(),
        );
    }
    let boolean = |key| {
        reasoning
            .and_then(|reasoning| reasoning.get(key))
            .and_then(Value::as_bool)
    };
    Ok(ReasoningAsk {
        effort: effort.or(short).map(str::to_owned),
        enabled: boolean("enabled"),
        max_tokens,
        exclude: boolean("exclude") == Some(true)
            || fields.get("include_reasoning") == Some(&Value::Bool(false)),
    })
}

fn messages(fields: &Map<String, Value>) -> Result<Cow<'_, [Value]>, String> {
    if let Some(messages) = fields.get("messages") {
        let messages = messages
            .as_array()
            .ok_or("Invalid request: messages must be an array")?;
        let without_role = messages
            .iter()
            .position(|message| message.get("role").and_then(Value::as_str).is_none());
        return match without_role {
            Some(index) => Err(format!("Invalid request: messages[{index}] has no role")),
            None => Ok(Cow::Borrowed(messages)),
        };
    }
    let prompt = fields
        .get("prompt")
        .and_then(Value::as_str)
        .ok_or("Input required: specify \"prompt\" or \"messages\"")?;
    let message = serde_json::json!({"role": "user", "content": prompt});
    Ok(Cow::Owned(vec![message]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn bad_requests_say_why() {
        let hi = json!([{"role": "user", "content": "hi"}]);
        for (body, part) in [
            (json!({}), "Input required"),
            (json!({"messages": []}), "empty"),
            (
                json!({"messages": [{"content": "hi"}]}),
                "messages[0] has no role",
            ),
            (json!({"messages": hi, "max_tokens": 0}), "positive"),
            (json!({"messages": hi, "stream": "yes"}), "boolean"),
            (
                json!({"messages": hi, "reasoning": {"effort": "low"}, "reasoning_effort": "high"}),
                "differ",
            ),
        ] {
            let message = read(body.as_object().unwrap()).unwrap_err();
            assert!(message.contains(part), "{body}: {message}");
        }
    }

    #[test]
    fn tools_are_called_when_asked_for() {
        let called = |choice: serde_json::Value, text: &str| {
            let body = json!({
                "messages": [{"role": "user", "content": text}], "tool_choice": choice,
                "tools": [{"type": "function", "function": {"name": "get_time"}}, {"type": "function", "function": {"name": "get_weather"}}],
            });
            let ask = read(body.as_object().unwrap()).unwrap();
            ask.call.map(|call| call.name)
        };
        for (choice, text, name) in [
            (json!("required"), "hi", Some("get_time")),
            (
                json!({"type": "function", "function": {"name": "get_weather"}}),
                "hi",
                Some("get_weather"),
            ),
            (
                json!("auto"),
                "please get weather for Oslo",
                Some("get_weather"),
            ),
            (json!("auto"), "hi", None),
            (json!("none"), "get_weather", None),
        ] {
            assert_eq!(
                called(choice.clone(), text).as_deref(),
                name,
                "{choice} {text}"
            );
        }
    }
}
