//! What Google refuses, and the model and form that its paths have.

use serde_json::{Map, Value};

use super::signatures;
use crate::complaint::Complaint;
use crate::dialect::Fields;
use crate::host::Host;
use crate::request::{Request, decode};
use crate::world::World;

/// The fields of a request.
const FIELDS: &[&str] = &[
    "cachedContent",
    "contents",
    "generationConfig",
    "model",
    "safetySettings",
    "serviceTier",
    "store",
    "systemInstruction",
    "toolConfig",
    "tools",
];

/// The fields of `generationConfig`.
const CONFIG: &[&str] = &[
    "candidateCount",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "imageConfig",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];

/// The fields of a part.
const PARTS: &[&str] = &[
    "codeExecutionResult",
    "executableCode",
    "fileData",
    "functionCall",
    "functionResponse",
    "inlineData",
    "mediaResolution",
    "partMetadata",
    "text",
    "thought",
    "thoughtSignature",
    "videoMetadata",
];

/// Checks a request, and adds its model and form under the keys of other dialects.
pub(super) fn check(world: &World, request: &Request, fields: Fields) -> Result<Fields, Complaint> {
    let (model, verb) = place(request);
    let mut fields = camel_fields(fields);
    if verb == "countTokens" {
        fields = counted(fields)?;
    }
    known(&fields, FIELDS, "")?;
    if let Some(Value::Object(config)) = fields.get("generationConfig") {
        known(config, CONFIG, "generation_config")?;
    }
    let contents = fields.get("contents").and_then(Value::as_array);
    let contents = contents.map(Vec::as_slice).unwrap_or_default();
    check_contents(contents)?;
    if thinks(world, &model) {
        signatures::check(&model, contents)?;
    }
    let is_stream = verb == "streamGenerateContent";
    if is_stream && request.query("alt").as_deref() != Some("sse") {
        return Err("streams are sent as events only; add ?alt=sse to the address".into());
    }
    fields.insert("model".into(), model.into());
    fields.insert("stream".into(), is_stream.into());
    Ok(fields)
}

/// The parts of a content.
pub(super) fn parts(content: &Value) -> &[Value] {
    let parts = content.get("parts").and_then(Value::as_array);
    parts.map(Vec::as_slice).unwrap_or_default()
}

/// The model of the path, and what is to be done with it.
fn place(request: &Request) -> (String, String) {
    let path = decode(request.path());
    let name = path.split_once("/models/").map_or("", |(_, name)| name);
    let (model, verb) = name.rsplit_once(':').unwrap_or((name, ""));
    (model.to_owned(), verb.to_owned())
}

/// What is counted can be a whole request, or contents alone.
fn counted(mut fields: Fields) -> Result<Fields, Complaint> {
    match fields.remove("generateContentRequest") {
        Some(Value::Object(request)) if fields.is_empty() => Ok(camel_fields(request)),
        Some(_) => Err("generateContentRequest: must be an object, and alone".into()),
        None => Ok(fields),
    }
}

fn thinks(world: &World, model: &str) -> bool {
    let found = Host::Gemini.find(&world.catalog, model);
    found.is_some_and(|found| found.model.reasoning.is_some())
}

fn known(fields: &Map<String, Value>, known: &[&str], at: &str) -> Result<(), Complaint> {
    let Some(key) = fields.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    let place = match at {
        "" => String::new(),
        at => format!(" at '{at}'"),
    };
    let message =
        format!("Invalid JSON payload received. Unknown name \"{key}\"{place}: Cannot find field.");
    Err(Complaint::from(message).param(at))
}

fn check_contents(contents: &[Value]) -> Result<(), Complaint> {
    let mut called = 0;
    for (index, content) in contents.iter().enumerate() {
        let role = content.get("role").and_then(Value::as_str);
        if role.is_some_and(|role| !["user", "model", "function"].contains(&role)) {
            return Err("Please use a valid role: user, model.".into());
        }
        if parts(content).is_empty() {
            return Err(format!("* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.").into());
        }
        for (place, part) in parts(content).iter().enumerate() {
            let at = format!("contents[{index}].parts[{place}]");
            known(part.as_object().unwrap_or(&Map::new()), PARTS, &at)?;
        }
        let answers = count(content, "functionResponse");
        // Calls without any answer are history that was cut, and let through.
        if answers > 0 && answers != called {
            return Err("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.".into());
        }
        called = count(content, "functionCall");
    }
    Ok(())
}

fn count(content: &Value, key: &str) -> usize {
    let has = |part: &&Value| part.get(key).is_some();
    parts(content).iter().filter(has).count()
}

/// Google takes `snake_case` for every `camelCase`; the payloads of calls and schemas stay as they are.
fn camel_fields(fields: Fields) -> Fields {
    const OPAQUE: [&str; 6] = [
        "args",
        "response",
        "parameters",
        "parametersJsonSchema",
        "responseSchema",
        "responseJsonSchema",
    ];
    let pair = |(key, value): (String, Value)| {
        let key = camel(&key);
        let value = match OPAQUE.contains(&key.as_str()) {
            true => value,
            false => camel_value(value),
        };
        (key, value)
    };
    fields.into_iter().map(pair).collect()
}

fn camel_value(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(camel_fields(fields)),
        Value::Array(values) => values.into_iter().map(camel_value).collect(),
        other => other,
    }
}

fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (start, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        name + &start.to_uppercase() + rest
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{camel, camel_value};

    #[test]
    fn names_are_read_in_both_forms() {
        for (key, name) in [
            ("max_output_tokens", "maxOutputTokens"),
            ("maxOutputTokens", "maxOutputTokens"),
            ("text", "text"),
            ("", ""),
        ] {
            assert_eq!(camel(key), name);
        }
        let call = json!({"function_call": {"name": "f", "args": {"to_city": 1}}});
        let read = json!({"functionCall": {"name": "f", "args": {"to_city": 1}}});
        assert_eq!(camel_value(call), read);
    }
}
