//! A whole answer as the one chunk of a stream.

use crate::{ChatChunk, ChatResponse, Object, ParseError, StreamEvent};

/// The chunk that says all of an answer.
pub(super) fn as_chunk(answer: &ChatResponse) -> Result<Vec<u8>, ParseError> {
    let mut chunk = answer.object().clone();
    let choices: Vec<Object> = chunk.read("choices")?.unwrap_or_default();
    let choices: Vec<Object> = choices
        .into_iter()
        .enumerate()
        .map(|(index, choice)| as_delta(choice).map_err(|error| error.at_index(index)))
        .collect::<Result<_, _>>()
        .map_err(|error| error.at("choices"))?;
    chunk.put("choices", &choices);
    if chunk.contains("object") {
        chunk.put("object", "chat.completion.chunk");
    }
    Ok(chunk.to_vec())
}

/// Reads the chunk back.
pub(super) fn read(data: &[u8]) -> Result<ChatChunk<'_>, ParseError> {
    match StreamEvent::parse(data)? {
        StreamEvent::Chunk(chunk) => Ok(chunk),
        StreamEvent::Error(error) => Err(ParseError::new(format!(
            "expected an answer, found the error {:?}",
            error.message
        ))),
        StreamEvent::Done => Err(ParseError::new("expected an answer, found `[DONE]`")),
    }
}

fn as_delta(mut choice: Object) -> Result<Object, ParseError> {
    let Some(mut delta) = choice.read::<Object>("message")? else {
        return Ok(choice);
    };
    choice.remove("message");
    for key in ["reasoning_details", "tool_calls"] {
        number(&mut delta, key).map_err(|error| error.at("message"))?;
    }
    choice.put("delta", &delta);
    Ok(choice)
}

/// In a whole answer each element stands for itself; in chunks only an index says so.
fn number(delta: &mut Object, key: &str) -> Result<(), ParseError> {
    let Some(elements) = delta.read::<Vec<Object>>(key)? else {
        return Ok(());
    };
    let number = |(index, mut element): (usize, Object)| {
        element.put("index", &index);
        element
    };
    let numbered: Vec<Object> = elements.into_iter().enumerate().map(number).collect();
    delta.put(key, &numbered);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::object;

    #[test]
    fn an_answer_becomes_a_chunk_whose_elements_are_numbered() {
        let answer = object! {
            "id": "g",
            "object": "chat.completion",
            "choices": [object! { "message": object! { "tool_calls": [object! { "id": "a" }, object! { "id": "b" }] } }],
        };
        let chunk = as_chunk(&ChatResponse::from_object(answer)).unwrap();
        assert_eq!(
            String::from_utf8(chunk).unwrap(),
            r#"{"id":"g","object":"chat.completion.chunk","choices":[{"delta":{"tool_calls":[{"id":"a","index":0},{"id":"b","index":1}]}}]}"#
        );
    }
}
