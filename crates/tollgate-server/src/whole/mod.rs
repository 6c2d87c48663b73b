//! Some upstreams answer a stream with one JSON body. Whoever asked for a
//! stream reads events, so the body becomes events, every value as it was
//! written.

mod chat;
mod completions;
mod messages;
mod responses;

use tollgate::Surface;
use tollgate_wire::{Object, ParseError};

/// The events of a whole answer, and how many of them are its end: from the one
/// on that says what it used.
pub(crate) struct Events {
    pub(crate) events: Vec<Object>,
    pub(crate) end: usize,
}

/// The events that a stream of the surface would have had.
///
/// # Errors
/// When the body is not what the surface answers with.
pub(crate) fn events_of(surface: Surface, body: &[u8]) -> Result<Events, ParseError> {
    let body = Object::parse(body)?;
    let reports = usize::from(body.has_value("usage"));
    let (events, end) = match surface {
        Surface::Chat => (chat::events_of(body)?, reports),
        Surface::Completions => (completions::events_of(body)?, reports),
        Surface::Responses => (responses::events_of(&body)?, 1),
        Surface::Messages => (messages::events_of(&body)?, 2),
        Surface::Embeddings => {
            return Err(ParseError::new("embeddings have no streams"));
        }
    };
    Ok(Events { events, end })
}

/// An object of members in the order given.
fn object<const N: usize>(members: [(&str, &dyn erased::Value); N]) -> Result<Object, ParseError> {
    let mut object = Object::new();
    for (key, value) in members {
        value.put(&mut object, key)?;
    }
    Ok(object)
}

mod erased {
    use serde::Serialize;
    use tollgate_wire::{Object, ParseError};

    /// A value of any kind that can be written.
    pub(super) trait Value {
        fn put(&self, object: &mut Object, key: &str) -> Result<(), ParseError>;
    }

    impl<T: Serialize> Value for T {
        fn put(&self, object: &mut Object, key: &str) -> Result<(), ParseError> {
            object.set(key, self)
        }
    }
}

/// The text of a member that is a string.
fn text(object: &Object, key: &str) -> Option<String> {
    object.read(key).ok().flatten()
}

#[cfg(test)]
mod tests {
    use tollgate_wire::{MessagesEvent, MessagesReply, ResponsesEvent, ResponsesReply};

    use super::*;

    fn written(surface: Surface, body: &str) -> Vec<String> {
        let Events { events, .. } = events_of(surface, body.as_bytes()).unwrap();
        let text = |event: &Object| String::from_utf8(event.to_vec()).unwrap();
        events.iter().map(text).collect()
    }

    #[test]
    fn a_message_is_told_block_by_block_and_reads_as_it_would_have_come() {
        let body = r#"{"id":"gen-1","type":"message","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Hi","x":1.10},{"type":"tool_use","id":"t","name":"f","input":{"a":1.10}},{"type":"new","y":2}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":5,"cost":0.10}}"#;
        let events = written(Surface::Messages, body);
        let (mut bytes, mut ending, mut stopped) = (0, None, false);
        for event in &events {
            match MessagesEvent::parse(event.as_bytes()).unwrap() {
                MessagesEvent::Delta { text_bytes } => bytes += text_bytes,
                MessagesEvent::Ending { finish, usage } => ending = Some((finish, usage.unwrap())),
                MessagesEvent::Stop => stopped = true,
                MessagesEvent::Error(error) => panic!("{}", error.message),
                _ => {}
            }
        }
        let reply = MessagesReply::parse(body.as_bytes()).unwrap().unwrap();
        assert_eq!(bytes, reply.text_bytes());
        let (finish, usage) = ending.unwrap();
        assert_eq!(finish, reply.finish_reason());
        assert_eq!(usage, reply.read_usage().unwrap());
        assert!(stopped && events.last().unwrap().contains("message_stop"));
        assert!(
            events[0].contains(r#""content":[],"stop_reason":null"#),
            "{}",
            events[0]
        );
        assert!(
            events
                .iter()
                .any(|event| event.contains(r#""partial_json":"{\"a\":1.10}""#))
        );
        assert!(
            events
                .iter()
                .any(|event| event.contains(r#"{"type":"new","y":2}"#))
        );
    }

    #[test]
    fn a_response_is_told_item_by_item_and_reads_as_it_would_have_come() {
        let body = r#"{"id":"gen-1","object":"response","status":"completed","output":[{"type":"reasoning","id":"r","summary":[]},{"type":"message","id":"m","status":"completed","content":[{"type":"output_text","text":"Hi","annotations":[]},{"type":"refusal","refusal":"no"}]},{"type":"function_call","id":"f","name":"g","arguments":"{}"}],"usage":{"input_tokens":3,"output_tokens":5}}"#;
        let events = written(Surface::Responses, body);
        let (mut bytes, mut ended) = (0, None);
        for (number, event) in events.iter().enumerate() {
            assert!(
                event.contains(&format!(r#""sequence_number":{number}"#)),
                "{event}"
            );
            match ResponsesEvent::parse(event.as_bytes()).unwrap() {
                ResponsesEvent::Delta { text_bytes } => bytes += text_bytes,
                ResponsesEvent::Ended(reply) => ended = Some(reply),
                ResponsesEvent::Error(error) => panic!("{}", error.message),
                _ => {}
            }
        }
        let reply = ResponsesReply::parse(body.as_bytes()).unwrap().unwrap();
        assert_eq!(bytes, reply.text_bytes());
        assert_eq!(ended.unwrap(), reply, "the last event has all of it");
        assert!(
            events[0].contains(r#""status":"in_progress","output":[],"usage":null"#),
            "{}",
            events[0]
        );
        let cut = body.replace("completed\",\"output", "incomplete\",\"output");
        assert!(
            written(Surface::Responses, &cut)
                .last()
                .unwrap()
                .contains("response.incomplete")
        );
    }

    #[test]
    fn a_completion_is_told_at_once_and_its_usage_last() {
        let body = r#"{"id":"gen-1","object":"text_completion","choices":[{"index":0,"text":"Hi","finish_reason":"stop"}],"usage":{"total_tokens":1.0}}"#;
        assert_eq!(
            written(Surface::Completions, body),
            [
                r#"{"id":"gen-1","object":"text_completion","choices":[{"index":0,"text":"Hi","finish_reason":"stop"}]}"#,
                r#"{"id":"gen-1","object":"text_completion","choices":[],"usage":{"total_tokens":1.0}}"#,
            ]
        );
    }

    #[test]
    fn what_is_no_answer_has_no_events() {
        assert!(events_of(Surface::Embeddings, b"{}").is_err());
        assert!(events_of(Surface::Chat, b"[").is_err());
        assert!(events_of(Surface::Responses, br#"{"output":7}"#).is_err());
    }
}
