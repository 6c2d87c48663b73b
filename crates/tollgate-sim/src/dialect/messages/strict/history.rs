//! What came before: who spoke, what was signed, which tools were called and answered.

use serde_json::Value;

use crate::ask::type_of;
use crate::complaint::Complaint;
use crate::dialect::seal::thought_seal;

/// A block, and where it is: `messages.1.content.0`.
type Block<'a> = (String, &'a Value);

/// Checks all messages.
pub(super) fn check(messages: &[Value], thinks: bool) -> Result<(), Complaint> {
    for (index, message) in messages.iter().enumerate() {
        role(message)?;
        not_empty(index, messages)?;
        let before = index.checked_sub(1).map(|before| &messages[before]);
        answered(index, before, message)?;
        for block in blocks(index, message) {
            signed(&block)?;
        }
    }
    let last = messages.len().saturating_sub(1);
    let open: Vec<&str> = messages
        .last()
        .map(|message| ids(message, "tool_use", "id"))
        .unwrap_or_default();
    unanswered(last, &open)?;
    if thinks {
        thought_first(messages)?;
    }
    Ok(())
}

fn role(message: &Value) -> Result<(), Complaint> {
    if message.get("role").and_then(Value::as_str) == Some("system") {
        return Err("messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.".into());
    }
    Ok(())
}

fn not_empty(index: usize, messages: &[Value]) -> Result<(), Complaint> {
    let is_last_answer = index + 1 == messages.len() && is_assistant(&messages[index]);
    let is_empty = match messages[index].get("content") {
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(blocks)) => blocks.is_empty(),
        _ => return Err(format!("messages.{index}.content: Field required").into()),
    };
    if is_empty && !is_last_answer {
        return Err(format!("messages.{index}: all messages must have non-empty content except for the optional final assistant message").into());
    }
    Ok(())
}

/// The results of tools are those of the calls right before, all of them, and no others.
fn answered(index: usize, before: Option<&Value>, message: &Value) -> Result<(), Complaint> {
    let called = before.map_or_else(Vec::new, |before| ids(before, "tool_use", "id"));
    for (place, block) in blocks(index, message) {
        let id = block.get("tool_use_id").and_then(Value::as_str);
        let is_stray = type_of(block) == "tool_result"
            && id.is_none_or(|id| is_assistant(message) || !called.contains(&id));
        if is_stray {
            let id = id.unwrap_or_default();
            return Err(format!("{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.").into());
        }
    }
    let results = ids(message, "tool_result", "tool_use_id");
    let open: Vec<&str> = called
        .into_iter()
        .filter(|id| !results.contains(id))
        .collect();
    unanswered(index.saturating_sub(1), &open)
}

fn unanswered(index: usize, open: &[&str]) -> Result<(), Complaint> {
    if open.is_empty() {
        return Ok(());
    }
    let ids = open.join(", ");
    Err(format!("messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.").into())
}

/// A thought comes back as it was said. Hidden ones are never sent, so none can come back.
fn signed((place, block): &Block<'_>) -> Result<(), Complaint> {
    let text = |key: &str| block.get(key).and_then(Value::as_str);
    match type_of(block) {
        "thinking" => {
            let thought = text("thinking").unwrap_or_default();
            match text("signature") {
                None => Err(format!("{place}.thinking.signature: Field required").into()),
                Some(signature) if signature == thought_seal(thought) => Ok(()),
                Some(_) => Err(format!("{place}: Invalid `signature` in `thinking` block").into()),
            }
        }
        "redacted_thinking" => {
            Err(format!("{place}: Invalid `data` in `redacted_thinking` block").into())
        }
        "tool_use" => tool_id(place, text("id").unwrap_or_default()),
        _ => Ok(()),
    }
}

fn tool_id(place: &str, id: &str) -> Result<(), Complaint> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !id.is_empty() && id.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(format!("{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'").into())
}

/// A turn that goes on after a tool began with a thought, where the model has a budget for them.
fn thought_first(messages: &[Value]) -> Result<(), Complaint> {
    let [.., answer, results] = messages else {
        return Ok(());
    };
    let index = messages.len() - 2;
    let goes_on = !ids(results, "tool_result", "tool_use_id").is_empty() && is_assistant(answer);
    let first = blocks(index, answer).into_iter().next();
    match first.filter(|_| goes_on) {
        Some((place, block)) if type_of(block) != "thinking" => {
            let found = type_of(block);
            Err(format!("{place}.type: Expected `thinking` or `redacted_thinking`, but found `{found}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.").into())
        }
        _ => Ok(()),
    }
}

fn is_assistant(message: &Value) -> bool {
    message.get("role").and_then(Value::as_str) == Some("assistant")
}

fn blocks(index: usize, message: &Value) -> Vec<Block<'_>> {
    let content = message.get("content").and_then(Value::as_array);
    let blocks = content.into_iter().flatten().enumerate();
    blocks
        .map(|(at, block)| (format!("messages.{index}.content.{at}"), block))
        .collect()
}

/// The ids of the blocks of a kind.
fn ids<'a>(message: &'a Value, kind: &str, key: &str) -> Vec<&'a str> {
    let content = message.get("content").and_then(Value::as_array);
    let blocks = content.into_iter().flatten();
    blocks
        .filter(|block| type_of(block) == kind)
        .filter_map(|block| block.get(key)?.as_str())
        .collect()
}
