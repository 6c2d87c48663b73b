//! Messages: each block begins empty, gets all it has at once, and ends.

use serde_json::json;
use tollgate_wire::{Object, ParseError};

use super::{object, text};

pub(super) fn events_of(body: &Object) -> Result<Vec<Object>, ParseError> {
    let blocks: Vec<Object> = body.read("content")?.unwrap_or_default();
    let mut begun = body.clone();
    begun.set("content", &[(); 0])?;
    for key in ["stop_reason", "stop_sequence"] {
        begun.set(key, &())?;
    }
    let mut events = vec![object([("type", &"message_start"), ("message", &begun)])?];
    for (index, block) in blocks.iter().enumerate() {
        let (empty, deltas) = parts(block)?;
        events.push(object([
            ("type", &"content_block_start"),
            ("index", &index),
            ("content_block", &empty),
        ])?);
        for delta in deltas {
            events.push(object([
                ("type", &"content_block_delta"),
                ("index", &index),
                ("delta", &delta),
            ])?);
        }
        events.push(object([
            ("type", &"content_block_stop"),
            ("index", &index),
        ])?);
    }
    let mut ending = Object::new();
    for key in ["stop_reason", "stop_sequence"] {
        if let Some(value) = body.get(key) {
            ending.set_raw(key, value.to_owned());
        }
    }
    let mut delta = object([("type", &"message_delta"), ("delta", &ending)])?;
    if let Some(usage) = body.get("usage") {
        delta.set_raw("usage", usage.to_owned());
    }
    events.push(delta);
    events.push(object([("type", &"message_stop")])?);
    Ok(events)
}

/// A block as it begins, and what fills it. Blocks that nothing fills begin as
/// they are.
fn parts(block: &Object) -> Result<(Object, Vec<serde_json::Value>), ParseError> {
    let mut empty = block.clone();
    let kind = text(block, "type").unwrap_or_default();
    let deltas = match kind.as_str() {
        "text" => {
            let text = text(block, "text").unwrap_or_default();
            empty.set("text", "")?;
            vec![json!({ "type": "text_delta", "text": text })]
        }
        "thinking" => {
            let thinking = text(block, "thinking").unwrap_or_default();
            empty.set("thinking", "")?;
            let mut deltas = vec![json!({ "type": "thinking_delta", "thinking": thinking })];
            if let Some(signature) = text(block, "signature") {
                empty.set("signature", "")?;
                deltas.push(json!({ "type": "signature_delta", "signature": signature }));
            }
            deltas
        }
        "tool_use" => {
            let input = block.get("input").map_or("{}", |input| input.get());
            let delta = json!({ "type": "input_json_delta", "partial_json": input });
            empty.set("input", &Object::new())?;
            vec![delta]
        }
        _ => Vec::new(),
    };
    Ok((empty, deltas))
}
