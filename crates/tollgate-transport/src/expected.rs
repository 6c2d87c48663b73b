//! What clients of chats expect of any answer, and providers other than OpenRouter leave out.

use futures_util::StreamExt;
use tollgate_core::{Frame, FrameKind, Frames, LaneId};
use tollgate_wire::{Object, ParseError, RawValue};

/// A direct lane's chat as published clients read it.
///
/// What an upstream says in the caller's own dialect passes unchanged, with one exception: where a
/// strict client would break. OpenRouter's clients know OpenRouter's answers, and are to go on when
/// failover leaves it. So of whole answers and chunks alike, and of nothing else:
///
/// - `usage` and `tool_calls` that are null are left out: `@openrouter/sdk` takes an object, a list
///   or nothing;
/// - `system_fingerprint` is a text, empty where the provider tells none: the same wants the key
///   in whole answers and no null in chunks, and OpenAI's schema no null in either;
/// - `provider` is there, the lane where the provider does not name itself: pydantic-ai insists.
///
/// All other members keep their text and their order.
pub(crate) fn expected(frames: Frames, lane: LaneId) -> Frames {
    Box::pin(frames.map(move |frame| frame.map(|frame| completed(frame, &lane))))
}

fn completed(mut frame: Frame, lane: &LaneId) -> Frame {
    if let FrameKind::Event | FrameKind::Body = frame.kind
        // What cannot be read is for the caller to see.
        && let Ok(chat) = complete(&frame.data, lane)
    {
        frame.data = chat.to_vec().into();
    }
    frame
}

fn complete(data: &[u8], lane: &LaneId) -> Result<Object, ParseError> {
    let mut chat = Object::parse(data)?;
    if let Some(choices) = chat.get("choices")
        && let Some(choices) = without_null_calls(choices)?
    {
        chat.set("choices", &choices)?;
    }
    if !chat.has_value("usage") {
        chat.remove("usage");
    }
    if !chat.has_value("system_fingerprint") {
        chat.set("system_fingerprint", "")?;
    }
    if !chat.has_value("provider") {
        chat.set("provider", lane.as_str())?;
    }
    Ok(chat)
}

/// The choices without calls that are null, if there are such; hardly any provider writes them.
fn without_null_calls(choices: &RawValue) -> Result<Option<Vec<Object>>, ParseError> {
    if !choices.get().contains("\"tool_calls\"") {
        return Ok(None);
    }
    let mut choices: Vec<Object> = serde_json::from_str(choices.get())?;
    let mut has_changed = false;
    for choice in &mut choices {
        for key in ["message", "delta"] {
            let Some(mut said) = choice.read::<Object>(key)? else {
                continue;
            };
            if said.contains("tool_calls") && !said.has_value("tool_calls") {
                said.remove("tool_calls");
                choice.set(key, &said)?;
                has_changed = true;
            }
        }
    }
    Ok(has_changed.then_some(choices))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &str, expected: &str) {
        let lane = LaneId::new("openai").unwrap();
        let chat = complete(data.as_bytes(), &lane).unwrap();
        assert_eq!(String::from_utf8(chat.to_vec()).unwrap(), expected);
    }

    #[test]
    fn nulls_that_break_clients_go_and_what_they_insist_on_comes() {
        check(
            r#"{"id":"c","choices":[],"usage":null,"system_fingerprint":null,"of_tomorrow":1.10}"#,
            r#"{"id":"c","choices":[],"system_fingerprint":"","of_tomorrow":1.10,"provider":"openai"}"#,
        );
        check(
            r#"{"choices":[{"delta":{"content":null,"tool_calls":null},"index":0},{"message":{"tool_calls":[]}}]}"#,
            r#"{"choices":[{"delta":{"content":null},"index":0},{"message":{"tool_calls":[]}}],"system_fingerprint":"","provider":"openai"}"#,
        );
    }

    #[test]
    fn what_clients_read_stays_as_it_came() {
        for data in [
            r#"{"provider":"Groq","system_fingerprint":"fp","usage":{"total_tokens":1}}"#,
            r#"{"choices":[{"delta":{ "tool_calls":[{"index":0}]}}],"system_fingerprint":"","provider":"x"}"#,
        ] {
            check(data, data);
        }
    }
}
