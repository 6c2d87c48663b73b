//! Ids that a chat does not have: made from the chat's own, so that the same chat has the same ones again.

use serde_json::value::RawValue;

use crate::raw::as_text;

/// The id of a thing at a position of the chat's answer: `msg_0_gen-1`.
pub(in crate::translate) fn make(prefix: &str, position: usize, chat: &str) -> String {
    format!("{prefix}_{position}_{chat}")
}

/// What the signature of an image at a position of an answer is found by: `image_0`.
pub(in crate::translate) fn image(position: usize) -> String {
    format!("image_{position}")
}

/// Whether an id of reasoning was made here, so that no provider would know it. Ids of providers have no position.
pub(in crate::translate) fn is_made(id: &RawValue) -> bool {
    let Some(id) = as_text(id) else { return false };
    let position = id.strip_prefix("rs_").and_then(|rest| rest.split_once('_'));
    position.is_some_and(|(position, _)| {
        !position.is_empty() && position.bytes().all(|byte| byte.is_ascii_digit())
    })
}
