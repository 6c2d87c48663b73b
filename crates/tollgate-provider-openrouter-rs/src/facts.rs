//! What the gateway needs to know of a chunk or an answer, read from the client's types.

use openrouter_rs::types::completion::{
    Choice, CompletionsResponse, Delta, FinishReason, Message, PartialToolCall, ToolCall,
};
use tollgate_core::{Facts, Finish, GenerationId, ModelId, ProviderId, Served};

use crate::usage::usage_report;

/// Reads a chunk or an answer, but for who serves it.
pub(crate) fn facts(answer: &CompletionsResponse) -> Facts {
    let shown: Vec<Shown> = answer.choices.iter().map(Shown::of).collect();
    let bytes: usize = shown.iter().map(|shown| shown.bytes).sum();
    let finish = answer.choices.iter().find_map(Choice::finish_reason);
    Facts {
        semantic: shown.iter().any(Shown::is_semantic),
        output_bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        finish: finish.map(of_reason),
        usage: answer
            .usage
            .as_ref()
            .map(|usage| Box::new(usage_report(usage))),
        served: None,
        lost: Vec::new(),
    }
}

/// Who serves. A word that cannot be an id is left out.
pub(crate) fn served(answer: &CompletionsResponse) -> Served {
    Served {
        model: ModelId::new(&answer.model).ok(),
        provider: answer
            .provider
            .as_ref()
            .and_then(|name| ProviderId::new(name).ok()),
        generation: GenerationId::new(&answer.id).ok(),
    }
}

/// Whether a choice ended with an error.
pub(crate) fn broke_off(answer: &CompletionsResponse) -> bool {
    let reasons = answer.choices.iter().filter_map(Choice::finish_reason);
    reasons
        .into_iter()
        .any(|reason| matches!(reason, FinishReason::Error))
}

/// Whether the window was full before the first token: `length`, without text and without tokens.
/// A stream tells the reason in one chunk and the usage in another.
pub(crate) fn out_of_room(finish: Option<Finish>, facts: &Facts) -> bool {
    let no_tokens = facts
        .usage
        .as_ref()
        .is_some_and(|usage| usage.tokens.output_total() == 0);
    finish == Some(Finish::Length) && !facts.semantic && no_tokens
}

fn of_reason(reason: &FinishReason) -> Finish {
    match reason {
        FinishReason::Stop => Finish::Stop,
        FinishReason::Length => Finish::Length,
        FinishReason::ToolCalls => Finish::ToolCalls,
        FinishReason::ContentFilter => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

/// What a choice shows of the answer.
#[derive(Debug, Default)]
struct Shown {
    /// Text, reasoning, refusal and arguments of tools.
    bytes: usize,
    /// Calls, items of reasoning, images, sound.
    more: bool,
}

impl Shown {
    fn of(choice: &Choice) -> Self {
        match choice {
            Choice::Streaming(choice) => Self::delta(&choice.delta),
            Choice::NonStreaming(choice) => Self::message(&choice.message),
            Choice::NonChat(choice) => Self {
                bytes: choice.text.len(),
                more: false,
            },
            _ => Self::default(),
        }
    }

    fn delta(delta: &Delta) -> Self {
        let calls = delta.tool_calls.as_deref().unwrap_or_default();
        let reasoning = delta.reasoning.as_ref();
        let reasoning = reasoning.or(delta.reasoning_content.as_ref());
        let texts = [
            delta.content.as_ref(),
            reasoning.or(delta.reasoning_text.as_ref()),
            delta.refusal.as_ref(),
        ];
        Self {
            bytes: length(texts) + calls.iter().map(piece_length).sum::<usize>(),
            more: !calls.is_empty()
                || has_some(delta.reasoning_details.as_deref())
                || delta.audio.is_some(),
        }
    }

    fn message(message: &Message) -> Self {
        let calls = message.tool_calls.as_deref().unwrap_or_default();
        let reasoning = message.reasoning.as_ref();
        let reasoning = reasoning.or(message.reasoning_content.as_ref());
        let texts = [
            message.content.as_ref(),
            reasoning.or(message.reasoning_text.as_ref()),
            message.refusal.as_ref(),
        ];
        let call_length = |call: &ToolCall| call.function.arguments.len();
        Self {
            bytes: length(texts) + calls.iter().map(call_length).sum::<usize>(),
            more: !calls.is_empty()
                || has_some(message.reasoning_details.as_deref())
                || has_some(message.images.as_deref())
                || message.audio.is_some(),
        }
    }

    fn is_semantic(&self) -> bool {
        self.bytes > 0 || self.more
    }
}

fn length<const N: usize>(texts: [Option<&String>; N]) -> usize {
    texts.into_iter().flatten().map(String::len).sum()
}

fn piece_length(call: &PartialToolCall) -> usize {
    let function = call.function.as_ref();
    let arguments = function.and_then(|function| function.arguments.as_ref());
    arguments.map_or(0, String::len)
}

fn has_some<T>(items: Option<&[T]>) -> bool {
    items.is_some_and(|items| !items.is_empty())
}
