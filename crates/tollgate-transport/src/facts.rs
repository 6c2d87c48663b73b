//! What the gateway needs to know of a chunk or an answer.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::{Billing, Facts, Finish, GenerationId, Served, UsageReport};
use tollgate_wire::{ChatChunk, ChatResponse, Choice, FinishReason, ParseError, Text, Usage};

use crate::served::served;
use crate::usage::{unreadable, usage_report};

/// Reads a chunk, but for who serves it: see [`ServedBy`].
pub(crate) fn of_chunk(chunk: &ChatChunk<'_>, lane: Billing) -> Facts {
    Facts {
        semantic: chunk.is_semantic(),
        output_bytes: saturate(chunk_bytes(chunk)),
        finish: chunk.finish_reason().map(finish),
        usage: report(chunk.read_usage(), lane),
        served: None,
    }
}

/// Reads an answer that came whole.
pub(crate) fn of_answer(answer: &ChatResponse, lane: Billing) -> Facts {
    let choices = answer.choices();
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
        usage: report(answer.read_usage(), lane),
        served: Some(Box::new(served)),
    }
}

/// A report that cannot be read is one all the same: somebody should look at it.
fn report(usage: Result<Option<Usage>, ParseError>, lane: Billing) -> Option<Box<UsageReport>> {
    let report = match usage {
        Ok(usage) => usage_report(&usage?, lane),
        Err(_) => unreadable(),
    };
    Some(Box::new(report))
}

fn finish(reason: &FinishReason) -> Finish {
    match reason {
        FinishReason::Stop => Finish::Stop,
        FinishReason::Length => Finish::Length,
        FinishReason::ToolCalls => Finish::ToolCalls,
        FinishReason::ContentFilter => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

/// Who serves a stream. Every chunk says it; only news are worth the allocation.
#[derive(Debug, Default)]
pub(crate) struct ServedBy {
    known: Served,
    /// The provider by its display name, which is not its id.
    provider: String,
}

impl ServedBy {
    pub(crate) fn news(&mut self, chunk: &ChatChunk<'_>) -> Option<Box<Served>> {
        let Served {
            model, generation, ..
        } = &self.known;
        let model = news(chunk.model.as_deref(), model.as_ref().map(|id| id.as_str()));
        let id = news(
            chunk.id.as_deref(),
            generation.as_ref().map(|id| id.as_str()),
        );
        let provider = news(chunk.provider.as_deref(), Some(&self.provider));
        model.or(id).or(provider)?;
        if let Some(provider) = provider {
            self.provider = provider.to_owned();
        }
        self.known.update(&served(model, provider, id));
        Some(Box::new(self.known.clone()))
    }

    /// The generation, once a chunk has named it.
    pub(crate) fn generation(&self) -> Option<&str> {
        self.known.generation.as_ref().map(GenerationId::as_str)
    }
}

/// What is said, unless it is known.
fn news<'a>(said: Option<&'a str>, known: Option<&str>) -> Option<&'a str> {
    said.filter(|said| known != Some(*said))
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
    let reasoning = message
        .reasoning
        .as_ref()
        .or(message.reasoning_content.as_ref());
    let texts = [reasoning, message.refusal.as_ref()];
    let calls: usize = message
        .tool_calls
        .iter()
        .map(|call| call.function.arguments_text().len())
        .sum();
    choice.text().len() + texts.into_iter().flatten().map(String::len).sum::<usize>() + calls
}

fn saturate(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
