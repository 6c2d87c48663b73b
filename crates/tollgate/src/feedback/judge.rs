//! What a chat's answer shows by itself.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tollgate_core::{Call, Catalog, FeedbackSource, Finish, Frame, FrameKind, Receipt};
use tollgate_wire::{ChatResponse, Surface};

use super::FeedbackBook;
use crate::gateway::Parts;
use crate::learning::Subject;
use crate::whole::{Whole, parse_body};

/// Most bytes of an answer that are kept for judging it; a longer one is not
/// judged by its content.
const LONGEST: usize = 1 << 20;

/// The score of a good observation, in thousandths.
const GOOD: i64 = 1_000;

/// Watches one answer.
pub(crate) struct Judge {
    book: Arc<FeedbackBook>,
    catalog: Arc<dyn Catalog>,
    /// Whether the caller has limited the output, so that an answer that
    /// reaches a limit is as it was wanted.
    is_limited: bool,
    /// Whether an answer by a schema was asked for.
    wants_schema: bool,
    /// The answer so far, where there is something in it to judge.
    content: Option<Content>,
}

#[derive(Default)]
struct Content {
    whole: Whole,
    bytes: usize,
}

impl Judge {
    /// `None` when answers are not judged, or not this one.
    pub(crate) fn of(parts: &Parts, call: &Call) -> Option<Box<Self>> {
        if !parts.feedback.is_automatic() || call.request.surface() != Surface::Chat {
            return None;
        }
        let wants_schema = wants_schema(call);
        let has_content = wants_schema || call.request.tools().is_some();
        Some(Box::new(Self {
            book: parts.feedback.clone(),
            catalog: parts.catalog.clone(),
            is_limited: call.request.max_output_tokens().is_some(),
            wants_schema,
            content: has_content.then(Content::default),
        }))
    }

    /// Takes note of a frame of the answer.
    pub(crate) fn see(&mut self, frame: &Frame) {
        let Some(content) = &mut self.content else {
            return;
        };
        content.bytes += frame.data.len();
        let fits = content.bytes <= LONGEST;
        if frame.kind == FrameKind::Done {
            return;
        }
        // What cannot be read says nothing of the model.
        if !fits || content.whole.add(frame.clone()).is_err() {
            self.content = None;
        }
    }

    /// Takes note that the answer begins anew.
    pub(crate) fn restart(&mut self) {
        self.content = self.content.take().map(|_| Content::default());
    }

    /// Judges an answer that is complete; `limit` is the output limit that the
    /// gateway set.
    pub(crate) fn close(self, receipt: &Receipt, finish: Option<Finish>, limit: Option<u64>) {
        let Some(subject) = Subject::of(receipt, &self.catalog.view()) else {
            return;
        };
        let tell = |source, is_good: bool| {
            let score = if is_good { GOOD } else { 0 };
            self.book.observe(subject.clone(), source, score);
        };
        if let Some(is_good) = ends_well(finish, self.is_limited || limit.is_some()) {
            tell(FeedbackSource::Finish, is_good);
        }
        // What a limit or a filter cut is no JSON, through no other fault.
        if matches!(finish, Some(Finish::Length | Finish::ContentFilter)) {
            return;
        }
        let whole = self.content.map(|content| content.whole.into_body());
        let Some(response) = whole.and_then(|body| parse_body(&body).ok()) else {
            return;
        };
        if let Some(is_good) = calls_well(&response) {
            tell(FeedbackSource::ToolCall, is_good);
        } else if self.wants_schema {
            tell(FeedbackSource::Schema, is_json(response.text().trim()));
        }
    }
}

/// Whether the answer came to its own end; `None` when its end says nothing.
fn ends_well(finish: Option<Finish>, is_limited: bool) -> Option<bool> {
    match finish? {
        Finish::Stop | Finish::ToolCalls => Some(true),
        Finish::ContentFilter => Some(false),
        Finish::Length => (!is_limited).then_some(false),
        _ => None,
    }
}

/// Whether all arguments of tool calls are JSON; `None` without calls.
fn calls_well(response: &ChatResponse) -> Option<bool> {
    let choices = response.choices();
    let mut calls = choices
        .iter()
        .flat_map(|choice| &choice.message.tool_calls)
        .peekable();
    calls.peek()?;
    Some(calls.all(|call| is_json(&call.function.arguments_text())))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn wants_schema(call: &Call) -> bool {
    #[derive(Deserialize)]
    struct Format {
        #[serde(rename = "type")]
        kind: String,
    }
    let format = call.request.answer_format();
    let format = format.and_then(|raw| serde_json::from_str::<Format>(raw.get()).ok());
    format.is_some_and(|format| format.kind == "json_schema")
}
