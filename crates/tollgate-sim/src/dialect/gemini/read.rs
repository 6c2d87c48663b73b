//! Reads a request for content.

use serde_json::{Map, Value};

use super::schema::json_schema;
use super::strict::parts;
use crate::ask::{
    Ask, Choice, Format, Reading, ReasoningAsk, Tool, Turn, count_tokens, limit, part_tokens,
};

/// Reads the fields of a request, in which the model and the form stand as in other dialects.
///
/// # Errors
/// The message for a 400.
pub(super) fn read(fields: &Map<String, Value>) -> Result<Ask, String> {
    let contents = fields.get("contents").and_then(Value::as_array);
    let contents = contents.map(Vec::as_slice).unwrap_or_default();
    let last = contents
        .last()
        .ok_or("* GenerateContentRequest.contents: contents is not specified")?;
    let none = Map::new();
    let config = fields.get("generationConfig").and_then(Value::as_object);
    let config = config.unwrap_or(&none);
    let declarations = declarations(fields);
    let system = fields.get("systemInstruction");
    let reading = Reading {
        prompt: system.into_iter().chain(contents).map(turn).collect(),
        last_text: text(last),
        from_user: last.get("role").is_none_or(|role| role == "user")
            && !parts(last)
                .iter()
                .any(|part| part.get("functionResponse").is_some()),
        has_images: contents.iter().any(has_image),
        tools: declarations
            .iter()
            .map(|(name, parameters)| Tool {
                name,
                parameters: Some(parameters),
            })
            .collect(),
        choice: choice(fields),
        format: format(config),
        reasoning: reasoning(config),
        limit: limit(config, &["maxOutputTokens"])?,
        also: Vec::new(),
    };
    Ask::new(fields, reading)
}

fn text(content: &Value) -> String {
    let texts = parts(content)
        .iter()
        .filter_map(|part| part.get("text")?.as_str());
    texts.collect::<Vec<_>>().join("\n")
}

fn has_image(content: &Value) -> bool {
    let kind = |part: &Value| {
        let data = part.get("inlineData").or_else(|| part.get("fileData"))?;
        Some(data.get("mimeType")?.as_str()?.to_owned())
    };
    parts(content)
        .iter()
        .filter_map(kind)
        .any(|kind| kind.starts_with("image/"))
}

fn turn(content: &Value) -> Turn {
    Turn::new(content, parts(content).iter().map(tokens).sum())
}

fn tokens(part: &Value) -> u64 {
    let call = part.get("functionCall").map(|call| (call, "args"));
    let called = call.or_else(|| Some((part.get("functionResponse")?, "response")));
    let Some((call, key)) = called else {
        return part_tokens(part);
    };
    let name = call
        .get("name")
        .and_then(Value::as_str)
        .map_or(0, count_tokens);
    let payload = call.get(key).map_or_else(String::new, Value::to_string);
    name + count_tokens(&payload)
}

/// The functions that can be called, with the schemas of their arguments.
fn declarations(fields: &Map<String, Value>) -> Vec<(String, Value)> {
    let tools = fields.get("tools").and_then(Value::as_array);
    let lists = tools
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("functionDeclarations")?.as_array());
    lists
        .flatten()
        .filter_map(|function| {
            let name = function.get("name")?.as_str()?.to_owned();
            let plain = function.get("parametersJsonSchema").cloned();
            let parameters = || function.get("parameters").map(json_schema);
            Some((name, plain.or_else(parameters).unwrap_or(Value::Null)))
        })
        .collect()
}

fn choice(fields: &Map<String, Value>) -> Choice<'_> {
    let config = fields
        .get("toolConfig")
        .and_then(|config| config.get("functionCallingConfig"));
    let Some(config) = config else {
        return Choice::Auto;
    };
    let allowed = config
        .get("allowedFunctionNames")
        .and_then(|names| names.get(0)?.as_str());
    match (config.get("mode").and_then(Value::as_str), allowed) {
        (Some("NONE"), _) => Choice::Never,
        (Some("ANY"), Some(name)) => Choice::Named(name),
        (Some("ANY"), None) => Choice::Any,
        _ => Choice::Auto,
    }
}

fn format(config: &Map<String, Value>) -> Format {
    let is_json =
        config.get("responseMimeType").and_then(Value::as_str) == Some("application/json");
    let plain = config.get("responseJsonSchema").cloned();
    let schema = || config.get("responseSchema").map(json_schema);
    match plain.or_else(schema) {
        Some(schema) if is_json => Format::Schema(schema),
        _ if is_json => Format::Json,
        _ => Format::Text,
    }
}

/// Models think unless their budget is zero, and are heard when `includeThoughts` says so.
fn reasoning(config: &Map<String, Value>) -> ReasoningAsk {
    let asked = config.get("thinkingConfig");
    let get = |key: &str| asked.and_then(|asked| asked.get(key));
    let budget = get("thinkingBudget").and_then(Value::as_i64);
    let level = get("thinkingLevel").and_then(Value::as_str);
    ReasoningAsk {
        effort: level.map(str::to_lowercase),
        enabled: asked.map(|_| budget != Some(0)),
        // -1 leaves it to the model.
        max_tokens: budget.and_then(|budget| u64::try_from(budget).ok()),
        exclude: get("includeThoughts") != Some(&Value::Bool(true)),
    }
}
