//! Chats, and the older completions of a prompt, whose answers differ in one key.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::{Billing, Facts, Finish};
use tollgate_wire::{
    ChatChunk, ChatReply, ChatResponse, Choice, FinishReason, ParseError, StreamEvent, Text,
};

use super::mould::Mould;
use super::served_by::ServedBy;
use super::{Body, Event, plain, report, saturate};
use crate::served::served;
use crate::usage::usage_report;

#[derive(Debug)]
pub(crate) struct Reader {
    lane: Billing,
    pub(super) served: ServedBy,
    choices: Choices,
    mould: Mould,
}

impl Reader {
    pub(super) fn new(lane: Billing) -> Self {
        Self {
            lane,
            served: ServedBy::default(),
            choices: Choices::default(),
            mould: Mould::default(),
        }
    }

    pub(super) fn event(&mut self, data: &[u8]) -> Result<Event, ParseError> {
        match self.mould.facts(data) {
            Some(facts) => Ok(Event::Piece(facts)),
            None => self.event_with_care(data),
        }
    }

    /// Any event, whatever is in it.
    fn event_with_care(&mut self, data: &[u8]) -> Result<Event, ParseError> {
        Ok(match StreamEvent::parse(data)? {
            StreamEvent::Done => Event::Done,
            StreamEvent::Error(error) => Event::Error(error),
            StreamEvent::Chunk(chunk) if chunk.finish_reason() == Some(&FinishReason::Error) => {
                Event::BrokenOff(of_chunk(&chunk, self.lane).usage)
            }
            StreamEvent::Chunk(chunk) => {
                self.choices.note(&chunk);
                let facts = of_chunk(&chunk, self.lane);
                self.mould.take(&chunk, &facts);
                let (model, provider) = (chunk.model.as_deref(), chunk.provider.as_deref());
                Event::Piece(Facts {
                    served: self.served.news(model, provider, chunk.id.as_deref()),
                    ..facts
                })
            }
        })
    }

    pub(super) fn may_end(&self, answers: u32) -> bool {
        self.choices.all_ended(answers)
    }
}

/// Which choices have begun and which have ended, a bit each. In practice there is one.
#[derive(Debug, Default)]
struct Choices {
    begun: u64,
    ended: u64,
}

impl Choices {
    fn note(&mut self, chunk: &ChatChunk<'_>) {
        for choice in &chunk.choices {
            let bit = 1 << choice.index.min(63);
            self.begun |= bit;
            if choice.finish_reason.is_some() {
                self.ended |= bit;
            }
        }
    }

    /// Whether as many have ended as were asked for. Some upstreams answer one after the other.
    fn all_ended(&self, asked: u32) -> bool {
        self.begun == self.ended && self.ended.count_ones() >= asked
    }
}

pub(super) fn body(data: &[u8], lane: Billing) -> Result<Body, ParseError> {
    match plain::facts(data, lane) {
        Some(facts) => Ok(Body::Answer(facts)),
        None => body_with_care(data, lane),
    }
}

/// Any body, whatever is in it.
fn body_with_care(data: &[u8], lane: Billing) -> Result<Body, ParseError> {
    let answer = match ChatReply::parse(data)? {
        ChatReply::Answer(answer) => answer,
        ChatReply::Error(error) => return Ok(Body::Error(error)),
    };
    let choices = answer.choices();
    let facts = of_answer(&answer, &choices, lane);
    let broke_off = |choice: &Choice| choice.finish_reason == Some(FinishReason::Error);
    Ok(if choices.iter().all(Choice::is_empty) {
        Body::Empty(facts)
    } else if choices.iter().any(broke_off) {
        Body::BrokenOff(facts)
    } else {
        Body::Answer(facts)
    })
}

/// Reads a chunk, but for who serves it.
fn of_chunk(chunk: &ChatChunk<'_>, lane: Billing) -> Facts {
    Facts {
        semantic: chunk.is_semantic(),
        output_bytes: saturate(chunk_bytes(chunk)),
        finish: chunk.finish_reason().map(finish),
        usage: report(chunk.read_usage(), |usage| usage_report(usage, lane)),
        served: None,
        lost: Vec::new(),
    }
}

/// Reads an answer that came whole.
fn of_answer(answer: &ChatResponse, choices: &[Choice], lane: Billing) -> Facts {
    let served = served(
        answer.model().as_deref(),
        answer.provider().as_deref(),
        answer.id().as_deref(),
    );
    Facts {
        semantic: true,
        output_bytes: saturate(choices.iter().map(choice_bytes).sum()),
        finish: choices
            .iter()
            .find_map(|choice| choice.finish_reason.as_ref())
            .map(finish),
        usage: report(answer.read_usage(), |usage| usage_report(usage, lane)),
        served: Some(Box::new(served)),
        lost: Vec::new(),
    }
}

pub(super) fn finish(reason: &FinishReason) -> Finish {
    match reason {
        FinishReason::Stop => Finish::Stop,
        FinishReason::Length => Finish::Length,
        FinishReason::ToolCalls => Finish::ToolCalls,
        FinishReason::ContentFilter => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

// === the meter: bytes of text ===

/// A piece of a tool call, as far as it is counted.
#[derive(Deserialize)]
struct CallPiece<'a> {
    #[serde(borrow, default)]
    function: Option<FunctionPiece<'a>>,
}

#[derive(Deserialize)]
struct FunctionPiece<'a> {
    #[serde(borrow, default)]
    arguments: Option<Text<'a>>,
}

fn chunk_bytes(chunk: &ChatChunk<'_>) -> usize {
    let length = chunk.text_length();
    let deltas = chunk.choices.iter().map(|choice| &choice.delta);
    let rest: usize = deltas
        .map(|delta| call_bytes(delta.tool_calls) + text_bytes(delta.refusal))
        .sum();
    length.content + length.reasoning + rest
}

fn call_bytes(calls: Option<&RawValue>) -> usize {
    let Some(calls) = calls else { return 0 };
    // What cannot be read is metered by its length: too much rather than nothing.
    let Ok(pieces) = serde_json::from_str::<Vec<CallPiece<'_>>>(calls.get()) else {
        return calls.get().len();
    };
    pieces
        .iter()
        .filter_map(|piece| piece.function.as_ref()?.arguments.as_deref())
        .map(str::len)
        .sum()
}

fn text_bytes(text: Option<&RawValue>) -> usize {
    text.and_then(|text| serde_json::from_str::<Text<'_>>(text.get()).ok())
        .map_or(0, |text| text.len())
}

fn choice_bytes(choice: &Choice) -> usize {
    let message = &choice.message;
    let length = choice.text_length();
    let refusal = message.refusal.as_ref().map_or(0, String::len);
    let calls: usize = message
        .tool_calls
        .iter()
        .map(|call| call.function.arguments_text().len())
        .sum();
    length.content + length.reasoning + refusal + calls
}

#[cfg(test)]
mod tests;
