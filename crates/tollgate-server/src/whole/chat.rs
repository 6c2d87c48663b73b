//! Chats: messages, then ends, then the usage.

use tollgate_wire::{Object, ParseError};

/// Members that every chunk of a stream repeats. All others come once, at the end.
const REPEATED: [&str; 6] = [
    "id",
    "created",
    "model",
    "provider",
    "service_tier",
    "system_fingerprint",
];

/// The chunks of a whole answer: for each choice its message, for each choice
/// its end, then the usage and whatever else the body has.
pub(super) fn events_of(mut rest: Object) -> Result<Vec<Object>, ParseError> {
    let mut choices: Vec<Object> = rest.read("choices")?.unwrap_or_default();
    for (place, choice) in choices.iter_mut().enumerate() {
        number(choice, place)?;
    }
    for key in ["choices", "object"] {
        rest.remove(key);
    }
    let mut head = Object::new();
    head.set("object", "chat.completion.chunk")?;
    for key in REPEATED {
        if let Some(value) = rest.remove(key) {
            head.set_raw(key, value);
        }
    }
    let mut chunks = Vec::new();
    for choice in &choices {
        chunks.push(with_choices(&head, &[message(choice)?])?);
    }
    for choice in choices.iter().filter(|one| one.has_value("finish_reason")) {
        chunks.push(with_choices(&head, &[end(choice)?])?);
    }
    if !rest.is_empty() {
        let mut last = with_choices(&head, &[])?;
        for (key, value) in rest.iter() {
            last.set_raw(key, value.to_owned());
        }
        chunks.push(last);
    }
    Ok(chunks)
}

fn with_choices(head: &Object, choices: &[Object]) -> Result<Object, ParseError> {
    let mut chunk = head.clone();
    chunk.set("choices", choices)?;
    Ok(chunk)
}

/// A choice with its whole message as what is new.
fn message(choice: &Object) -> Result<Object, ParseError> {
    let mut delta: Object = choice.read("message")?.unwrap_or_default();
    if let Some(mut calls) = delta.read::<Vec<Object>>("tool_calls")? {
        // Readers of streams put calls together by their index, which whole
        // messages need not have.
        for (place, call) in calls.iter_mut().enumerate() {
            number(call, place)?;
        }
        delta.set("tool_calls", &calls)?;
    }
    let mut opened = choice.clone();
    opened.remove("message");
    opened.remove("native_finish_reason");
    opened.set("delta", &delta)?;
    opened.set("finish_reason", &())?;
    Ok(opened)
}

/// A choice that says only why it ended.
fn end(choice: &Object) -> Result<Object, ParseError> {
    let mut ended = Object::new();
    for key in ["index", "finish_reason", "native_finish_reason"] {
        if let Some(value) = choice.get(key) {
            ended.set_raw(key, value.to_owned());
        }
    }
    ended.set("delta", &Object::new())?;
    Ok(ended)
}

fn number(object: &mut Object, place: usize) -> Result<(), ParseError> {
    if object.has_value("index") {
        return Ok(());
    }
    object.set("index", &place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &[&str]) {
        let chunks = events_of(Object::parse(body.as_bytes()).unwrap()).unwrap();
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| String::from_utf8(chunk.to_vec()).unwrap())
            .collect();
        assert_eq!(chunks, expected);
    }

    #[test]
    fn message_end_and_usage_are_one_chunk_each_and_keep_every_digit() {
        check(
            r#"{"id":"gen-1","object":"chat.completion","model":"a/b","choices":[{"index":0,"logprobs":null,"message":{"role":"assistant","content":"Red.","x":1.10},"finish_reason":"stop","native_finish_reason":"end"}],"usage":{"cost":0.00001230}}"#,
            &[
                r#"{"object":"chat.completion.chunk","id":"gen-1","model":"a/b","choices":[{"index":0,"logprobs":null,"finish_reason":null,"delta":{"role":"assistant","content":"Red.","x":1.10}}]}"#,
                r#"{"object":"chat.completion.chunk","id":"gen-1","model":"a/b","choices":[{"index":0,"finish_reason":"stop","native_finish_reason":"end","delta":{}}]}"#,
                r#"{"object":"chat.completion.chunk","id":"gen-1","model":"a/b","choices":[],"usage":{"cost":0.00001230}}"#,
            ],
        );
    }

    #[test]
    fn choices_and_calls_are_numbered_and_no_usage_makes_no_chunk() {
        check(
            r#"{"choices":[{"message":{"tool_calls":[{"id":"a"},{"id":"b"}]}},{"message":{"content":"x"},"finish_reason":"stop"}]}"#,
            &[
                r#"{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"tool_calls":[{"id":"a","index":0},{"id":"b","index":1}]},"finish_reason":null}]}"#,
                r#"{"object":"chat.completion.chunk","choices":[{"finish_reason":null,"index":1,"delta":{"content":"x"}}]}"#,
                r#"{"object":"chat.completion.chunk","choices":[{"index":1,"finish_reason":"stop","delta":{}}]}"#,
            ],
        );
    }
}
