//! The signatures of calls, which a thinking model wants back.

use serde_json::Value;

use super::strict::parts;
use crate::complaint::Complaint;
use crate::dialect::seal::call_seal;

/// Models of which a call without its signature is refused; of others only a wrong one is.
const INSIST: &str = "gemini-3";

/// Google's own words for “this call is not from here, do not look”.
const PASSES: [&str; 2] = [
    "context_engineering_is_the_way_to_go",
    "skip_thought_signature_validator",
];

/// Checks the calls of the history of a thinking model.
pub(super) fn check(model: &str, contents: &[Value]) -> Result<(), Complaint> {
    let turn = contents.iter().rposition(is_said).unwrap_or(0);
    for (index, content) in contents.iter().enumerate() {
        let calls = parts(content).iter().enumerate();
        // Of calls at the same time only the first is signed.
        let mut is_first = true;
        for (place, part) in calls {
            let Some(call) = part.get("functionCall") else {
                continue;
            };
            let must = is_first && index > turn && model.starts_with(INSIST);
            signed(part, call, must, index, place)?;
            is_first = false;
        }
    }
    Ok(())
}

/// True for what a person says, with which a turn begins.
fn is_said(content: &Value) -> bool {
    let is_user = content.get("role").is_none_or(|role| role == "user");
    is_user
        && !parts(content)
            .iter()
            .any(|part| part.get("functionResponse").is_some())
}

fn signed(
    part: &Value,
    call: &Value,
    must: bool,
    index: usize,
    place: usize,
) -> Result<(), Complaint> {
    let name = call.get("name").and_then(Value::as_str).unwrap_or_default();
    let empty = Value::Object(serde_json::Map::new());
    let arguments = call.get("args").unwrap_or(&empty);
    match part.get("thoughtSignature").and_then(Value::as_str) {
        Some(signature) if PASSES.contains(&signature) => Ok(()),
        Some(signature) if signature == call_seal(name, arguments) => Ok(()),
        Some(_) => Err(Complaint::from("Thought signature is not valid")
            .param(format!("contents[{index}].parts[{place}].thought_signature"))),
        None if must => Err(format!(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:{name}`, position {}.",
            index + 1
        )
        .into()),
        None => Ok(()),
    }
}
