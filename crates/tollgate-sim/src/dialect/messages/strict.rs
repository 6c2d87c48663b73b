//! What Anthropic refuses that OpenRouter takes.

mod history;

use serde_json::{Map, Value};

use crate::ask::type_of;
use crate::complaint::Complaint;
use crate::request::Request;

/// The fields of a message.
const FIELDS: &[&str] = &[
    "cache_control",
    "container",
    "inference_geo",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// The fields of a message that is only counted.
const COUNTED: &[&str] = &[
    "cache_control",
    "messages",
    "model",
    "output_config",
    "system",
    "thinking",
    "tool_choice",
    "tools",
];

/// Fields that need a header, and what one of its values begins with.
const BETAS: [(&str, &str); 4] = [
    ("context_management", "context-management-"),
    ("mcp_servers", "mcp-client-"),
    ("output_format", "structured-outputs-"),
    ("speed", "fast-mode-"),
];

/// The versions of the API that there are.
const VERSIONS: [&str; 2] = ["2023-06-01", "2023-01-01"];

/// The least that a model can be told to think.
const LEAST_BUDGET: u64 = 1_024;

/// Checks the header that every request needs.
pub(super) fn version(request: &Request) -> Result<(), Complaint> {
    match request.header("anthropic-version") {
        None => Err("anthropic-version: header is required".into()),
        Some(version) if VERSIONS.contains(&version) => Ok(()),
        Some(version) => {
            Err(format!("anthropic-version: \"{version}\" is not a valid version").into())
        }
    }
}

/// Checks the fields of a message, or of one that is only counted.
pub(super) fn check(request: &Request, fields: &Map<String, Value>) -> Result<(), Complaint> {
    let is_counted = request.path().ends_with("/count_tokens");
    let (known, needed): (_, &[&str]) = match is_counted {
        true => (COUNTED, &["model", "messages"]),
        false => (FIELDS, &["model", "max_tokens", "messages"]),
    };
    extra(request, fields, known)?;
    if let Some(key) = needed.iter().find(|key| !fields.contains_key(**key)) {
        return Err(format!("{key}: Field required").into());
    }
    thinking(fields)?;
    let messages = fields.get("messages").and_then(Value::as_array);
    let messages = messages.map(Vec::as_slice).unwrap_or_default();
    history::check(messages, budget(fields).is_some())
}

fn extra(request: &Request, fields: &Map<String, Value>, known: &[&str]) -> Result<(), Complaint> {
    let betas = request.header("anthropic-beta").unwrap_or_default();
    let allowed = |key: &str| {
        let beta = BETAS.iter().find(|(field, _)| *field == key);
        known.contains(&key)
            || beta.is_some_and(|(_, prefix)| {
                betas.split(',').any(|beta| beta.trim().starts_with(prefix))
            })
    };
    match fields.keys().find(|key| !allowed(key)) {
        Some(key) => Err(format!("{key}: Extra inputs are not permitted").into()),
        None => Ok(()),
    }
}

/// What thinking does not go together with.
fn thinking(fields: &Map<String, Value>) -> Result<(), Complaint> {
    let Some(budget) = budget(fields) else {
        return Ok(());
    };
    if budget < LEAST_BUDGET {
        let message = "thinking.enabled.budget_tokens: Input should be greater than or equal to";
        return Err(format!("{message} {LEAST_BUDGET}").into());
    }
    let number = |key: &str| fields.get(key).and_then(Value::as_f64);
    if number("max_tokens").is_some_and(|most| most <= budget as f64) {
        return Err("`max_tokens` must be greater than `thinking.budget_tokens`.".into());
    }
    if number("temperature").is_some_and(|temperature| temperature != 1.0) {
        return Err("`temperature` may only be set to 1 when thinking is enabled.".into());
    }
    let choice = fields.get("tool_choice").map_or("", type_of);
    if ["any", "tool"].contains(&choice) {
        return Err("Thinking may not be enabled when tool_choice forces tool use.".into());
    }
    Ok(())
}

/// The budget of thoughts, where one is given.
fn budget(fields: &Map<String, Value>) -> Option<u64> {
    let thinking = fields.get("thinking")?;
    let budget = || thinking.get("budget_tokens")?.as_u64();
    budget().filter(|_| type_of(thinking) == "enabled")
}
