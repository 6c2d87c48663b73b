//! Chats of nothing but text, as nearly all are: read in one pass that borrows.
//! What is anything else is left to whoever reads with more care.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tollgate_core::{Billing, Facts};
use tollgate_wire::{FinishReason, Text, Usage};

use super::chat::finish;
use super::{report, saturate};
use crate::served::served;
use crate::usage::usage_report;

/// An answer that is complete.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    provider: Option<Text<'a>>,
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    finish_reason: FinishReason,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow, default)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(default)]
    tool_calls: Option<IgnoredAny>,
}

/// The facts of a complete answer of nothing but text; `None` when it is not,
/// or not surely, one.
pub(super) fn facts(data: &[u8], lane: Billing) -> Option<Facts> {
    let answer: Answer<'_> = serde_json::from_str(std::str::from_utf8(data).ok()?).ok()?;
    let first = answer.choices.first()?;
    if answer.error.is_some() || !answer.choices.iter().all(Choice::is_plain) {
        return None;
    }
    let usage = answer
        .usage
        .map(|usage| Usage::parse(usage.get().as_bytes()));
    Some(Facts {
        semantic: true,
        output_bytes: saturate(answer.choices.iter().map(Choice::bytes).sum()),
        finish: Some(finish(&first.finish_reason)),
        usage: report(usage.transpose(), |usage| usage_report(usage, lane)),
        served: Some(Box::new(served(
            answer.model.as_deref(),
            answer.provider.as_deref(),
            answer.id.as_deref(),
        ))),
        lost: Vec::new(),
    })
}

impl Choice<'_> {
    fn is_plain(&self) -> bool {
        let failed = self.error.is_some() || self.finish_reason == FinishReason::Error;
        // An empty word is none, so the answer is not surely complete.
        let has_ended = !self.finish_reason.as_str().is_empty();
        has_ended && !failed && self.message.tool_calls.is_none()
    }

    fn bytes(&self) -> usize {
        let message = &self.message;
        let length = |text: &Option<Text<'_>>| text.as_deref().map(str::len);
        let reasoning = length(&message.reasoning).or(length(&message.reasoning_content));
        let refusal = length(&message.refusal);
        message.content.len() + reasoning.unwrap_or(0) + refusal.unwrap_or(0)
    }
}
