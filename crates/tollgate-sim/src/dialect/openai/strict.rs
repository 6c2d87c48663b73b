//! What OpenAI refuses that OpenRouter takes.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::ask::type_of;
use crate::catalog::Catalog;
use crate::complaint::Complaint;
use crate::host::Host;
use crate::request::Request;

/// The parameters of a chat.
const CHAT: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// The parameters of a response.
const RESPONSES: &[&str] = &[
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// The members of a message, whoever speaks.
const MESSAGE: &[&str] = &[
    "annotations",
    "audio",
    "content",
    "function_call",
    "name",
    "refusal",
    "role",
    "tool_call_id",
    "tool_calls",
];

/// The members of an item of thoughts.
const THOUGHT: &[&str] = &[
    "content",
    "encrypted_content",
    "id",
    "status",
    "summary",
    "type",
];

/// The parameters of embeddings.
const EMBEDDINGS: &[&str] = &["dimensions", "encoding_format", "input", "model", "user"];

pub(super) fn check_chat(catalog: &Catalog, fields: &Map<String, Value>) -> Result<(), Complaint> {
    known(fields, CHAT)?;
    required(fields, "model")?;
    let messages = required(fields, "messages")?;
    let is_stream = fields.get("stream") == Some(&Value::Bool(true));
    if fields.get("stream_options").is_some_and(Value::is_object) && !is_stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Complaint::from(message).param("stream_options"));
    }
    limit_of_reasoners(catalog, fields)?;
    let messages = messages.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut all = messages.iter().enumerate();
    all.try_for_each(|(index, message)| {
        known_within(&format!("messages[{index}]"), message, MESSAGE)
    })?;
    tool_ids(messages)
}

/// Checks a request for a response; nothing is kept, so there is none to continue.
pub(in crate::dialect) fn check_responses(fields: &Map<String, Value>) -> Result<(), Complaint> {
    known(fields, RESPONSES)?;
    required(fields, "model")?;
    let items = fields.get("input").and_then(Value::as_array);
    for (index, item) in items.into_iter().flatten().enumerate() {
        if type_of(item) == "reasoning" {
            known_within(&format!("input[{index}]"), item, THOUGHT)?;
        }
    }
    match fields.get("previous_response_id").and_then(Value::as_str) {
        Some(id) => Err(
            Complaint::from(format!("Previous response with id '{id}' not found."))
                .code("previous_response_not_found")
                .param("previous_response_id"),
        ),
        None => Ok(()),
    }
}

/// Checks a request for embeddings, where OpenAI is asked.
pub(crate) fn check_embeddings(request: &Request) -> Result<(), Complaint> {
    match request.host {
        Host::OpenAi => known(&request.fields()?, EMBEDDINGS),
        _ => Ok(()),
    }
}

fn known(fields: &Map<String, Value>, known: &[&str]) -> Result<(), Complaint> {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(unknown(key)),
        None => Ok(()),
    }
}

/// The same of an object at a place of the request.
fn known_within(place: &str, object: &Value, known: &[&str]) -> Result<(), Complaint> {
    let mut keys = object.as_object().into_iter().flat_map(Map::keys);
    match keys.find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(unknown(&format!("{place}.{key}"))),
        None => Ok(()),
    }
}

fn unknown(place: &str) -> Complaint {
    Complaint::from(format!("Unknown parameter: '{place}'."))
        .code("unknown_parameter")
        .param(place)
}

fn required<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a Value, Complaint> {
    fields.get(key).ok_or_else(|| {
        Complaint::from(format!("Missing required parameter: '{key}'."))
            .code("missing_required_parameter")
            .param(key)
    })
}

/// Models that reason count their thoughts as output, so they refuse the limit that did not.
fn limit_of_reasoners(catalog: &Catalog, fields: &Map<String, Value>) -> Result<(), Complaint> {
    let name = fields.get("model").and_then(Value::as_str);
    let found = name.and_then(|name| Host::OpenAi.find(catalog, name));
    let reasons = found.is_some_and(|found| found.model.reasoning.is_some());
    if !reasons || fields.get("max_tokens").is_none_or(Value::is_null) {
        return Ok(());
    }
    let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    Err(Complaint::from(message)
        .code("unsupported_parameter")
        .param("max_tokens"))
}

/// Each call of a tool is answered right after it, and nothing else is.
fn tool_ids(messages: &[Value]) -> Result<(), Complaint> {
    let mut open: HashSet<&str> = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        let id = message.get("tool_call_id").and_then(Value::as_str);
        if message.get("role").and_then(Value::as_str) == Some("tool") {
            if !id.is_some_and(|id| open.remove(id)) {
                let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return Err(Complaint::from(message).param(format!("messages.[{index}].role")));
            }
            continue;
        }
        unanswered(&open, index)?;
        open = calls(message).collect();
    }
    unanswered(&open, messages.len())
}

fn calls(message: &Value) -> impl Iterator<Item = &str> {
    let calls = message.get("tool_calls").and_then(Value::as_array);
    let ids = calls.into_iter().flatten();
    ids.filter_map(|call| call.get("id").and_then(Value::as_str))
}

fn unanswered(open: &HashSet<&str>, index: usize) -> Result<(), Complaint> {
    let mut ids: Vec<&str> = open.iter().copied().collect();
    if ids.is_empty() {
        return Ok(());
    }
    ids.sort_unstable();
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        ids.join(", ")
    );
    Err(Complaint::from(message).param(format!("messages.[{index}].role")))
}
