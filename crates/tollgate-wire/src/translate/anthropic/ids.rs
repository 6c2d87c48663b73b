//! Ids of calls. Anthropic takes letters, digits, `_` and `-`; others write what they like.

use serde_json::value::RawValue;

use crate::raw::as_text;
use crate::{Object, ParseError};

/// Where blocks have the id of a call.
const IDS: &[(&str, &str)] = &[("tool_use", "id"), ("tool_result", "tool_use_id")];

/// Gives calls whose id is refused another one, and their results the same.
pub(super) fn narrow(request: &mut Object) -> Result<(), ParseError> {
    let is_any = |raw: &RawValue| raw.get().contains("tool_use");
    if !request.get("messages").is_some_and(is_any) {
        return Ok(());
    }
    let mut messages: Vec<Object> = request.read("messages")?.unwrap_or_default();
    let mut has_changed = false;
    for message in &mut messages {
        // A text has no calls.
        let Some(mut blocks) = message.read::<Vec<Object>>("content").ok().flatten() else {
            continue;
        };
        let renamed = blocks.iter_mut().map(rename).filter(|is_new| *is_new);
        if renamed.count() > 0 {
            has_changed = true;
            message.put("content", &blocks);
        }
    }
    if has_changed {
        request.put("messages", &messages);
    }
    Ok(())
}

/// Whether the block has got another id.
fn rename(block: &mut Object) -> bool {
    let kind = block.get("type").and_then(as_text);
    let row = IDS.iter().find(|(known, _)| kind.as_deref() == Some(known));
    let Some((_, key)) = row else { return false };
    let id = block.get(key).and_then(as_text);
    let Some(taken) = id.filter(|id| !is_taken(id)).map(|id| taken(&id)) else {
        return false;
    };
    block.put(key, &taken);
    true
}

fn is_taken(id: &str) -> bool {
    !id.is_empty() && id.chars().all(is_of_alphabet)
}

fn is_of_alphabet(one: char) -> bool {
    one.is_ascii_alphanumeric() || matches!(one, '_' | '-')
}

/// The id that stands for one that is refused, always the same: what can stay of it, and a hash, so that two stay two.
fn taken(id: &str) -> String {
    let stays = |one| if is_of_alphabet(one) { one } else { '_' };
    let kept: String = id.chars().map(stays).collect();
    format!("{kept}_{:016x}", fnv(id))
}

/// FNV-1a: the standard library's hash may be another one in the next version.
fn fnv(text: &str) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
