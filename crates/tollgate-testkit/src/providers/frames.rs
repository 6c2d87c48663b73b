//! Frames of an answer, as a provider gives them.

use bytes::Bytes;
use tollgate_core::{Doubts, Facts, Finish, Frame, FrameKind, Served, TokenUsage, UsageReport};

use crate::builders::model;

/// An event that only names the role.
pub fn role_frame() -> Frame {
    event(
        r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#.to_owned(),
        Facts::default(),
    )
}

/// An event with a piece of text.
pub fn text_frame(text: &str) -> Frame {
    let content = serde_json::Value::from(text);
    let facts = Facts {
        semantic: true,
        output_bytes: length(text),
        ..Facts::default()
    };
    event(
        format!(r#"{{"choices":[{{"delta":{{"content":{content}}}}}]}}"#),
        facts,
    )
}

/// An event with a piece of text, from an upstream that names the model.
///
/// # Panics
/// When `by` is no valid model id.
pub fn served_text_frame(text: &str, by: &str) -> Frame {
    let mut frame = text_frame(text);
    let served = Served {
        model: Some(model(by)),
        ..Served::default()
    };
    frame.facts.served = Some(Box::new(served));
    frame
}

/// An event that says that the model is done.
pub fn finish_frame() -> Frame {
    let facts = Facts {
        finish: Some(Finish::Stop),
        ..Facts::default()
    };
    event(
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#.to_owned(),
        facts,
    )
}

/// An event with the tokens that were used.
pub fn usage_frame(input: u64, output: u64) -> Frame {
    let tokens = TokenUsage {
        input,
        output,
        ..TokenUsage::default()
    };
    let usage = UsageReport {
        tokens,
        cost: None,
        billing: None,
        doubts: Doubts::default(),
    };
    let text = format!(
        r#"{{"choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}}}"#
    );
    event(
        text,
        Facts {
            usage: Some(Box::new(usage)),
            ..Facts::default()
        },
    )
}

/// A comment.
pub fn keep_alive_frame() -> Frame {
    Frame::keep_alive(Bytes::from_static(b"PROCESSING"))
}

/// The whole body of an answer.
pub fn body_frame(text: &str) -> Frame {
    let content = serde_json::Value::from(text);
    let data = format!(
        r#"{{"choices":[{{"message":{{"role":"assistant","content":{content}}},"finish_reason":"stop"}}]}}"#
    );
    let facts = Facts {
        semantic: !text.is_empty(),
        output_bytes: length(text),
        finish: Some(Finish::Stop),
        ..Facts::default()
    };
    Frame {
        kind: FrameKind::Body,
        data: data.into(),
        facts,
    }
}

fn event(text: String, facts: Facts) -> Frame {
    Frame {
        kind: FrameKind::Event,
        data: text.into(),
        facts,
    }
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}
