//! Going on where an answer broke off: the same model is given the beginning.

use std::borrow::Cow;

use futures_util::StreamExt;
use tollgate_core::{Call, Capabilities, Frame, FrameKind, Frames, LaneId, ModelId, Plan, Planned};
use tollgate_wire::{
    ChatChunk, ChatRequest, ChunkChoice, Delta, Message, Object, Request, Role, StreamEvent,
};

use crate::gateway::Parts;

/// Answers with one of these are more than a text that can be continued.
const NOT_PLAIN: [Capabilities; 6] = [
    Capabilities::STRUCTURED_OUTPUT,
    Capabilities::RESPONSE_FORMAT,
    Capabilities::REASONING,
    Capabilities::LOGPROBS,
    Capabilities::IMAGE_OUTPUT,
    Capabilities::AUDIO_OUTPUT,
];

/// What the caller has seen of an answer.
#[derive(Debug)]
pub(crate) struct Shown {
    text: String,
    /// Whether it is nothing but the text of one unfinished choice.
    plain: bool,
}

/// The second half of a call.
pub(crate) struct Resumed {
    pub(crate) call: Call,
    pub(crate) plan: Plan,
    /// The end of what was shown that the model was not given: it may say it again.
    pub(crate) overlap: String,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            text: String::new(),
            plain: true,
        }
    }
}

impl Shown {
    /// Takes note of a frame. Whether all that was shown can still be continued.
    pub(crate) fn note(&mut self, frame: &Frame) -> bool {
        match plain_text(frame) {
            Some(text) => self.text.push_str(&text),
            None => self.plain = false,
        }
        self.plain
    }

    /// The call and plan that go on with the text: on another lane that takes
    /// the beginning of an answer, with the same model.
    pub(crate) fn resume(&self, parts: &Parts, call: &Call, broke: &Planned) -> Option<Resumed> {
        let begun = self.text.trim_end();
        if !self.plain || begun.is_empty() {
            return None;
        }
        let call = Call {
            request: continuing(&call.request, &broke.model, begun)?.into(),
            ..call.clone()
        };
        let profile = parts.optimizer.profile(&call).ok()?;
        let is_plain = NOT_PLAIN.iter().all(|one| !profile.needs.contains(*one));
        if profile.answers != 1 || !is_plain {
            return None;
        }
        let (view, health) = (parts.catalog.view(), parts.failover.health());
        let plan = parts.plan(&call, profile, &view, &health).ok()?;
        Some(Resumed {
            plan: narrowed(&plan, &broke.model, &broke.lane.id)?,
            call,
            overlap: self.text[begun.len()..].to_owned(),
        })
    }
}

/// The same request with the beginning of the answer as its last message, and
/// what is left of its output limit. White space at its end stays out: some
/// models refuse it, and all go on worse after it.
fn continuing(request: &Request, model: &ModelId, begun: &str) -> Option<Request> {
    // Two messages of the assistant in a row are not one text to all upstreams.
    if request.turns().ok()?.last()?.role == Role::Assistant {
        return None;
    }
    let mut request = ChatRequest::from_object(request.object().clone())
        .ok()?
        .with_model(model.as_str())
        .with_message(&Message::assistant(begun))
        .ok()?;
    if let Some(limit) = request.max_output_tokens() {
        // About four bytes of text are a token, as they are booked.
        let used = u64::try_from(begun.len().div_ceil(4)).ok()?;
        let left = limit.checked_sub(used).filter(|left| *left > 0)?;
        for key in ["max_completion_tokens", "max_tokens"] {
            if request.object().has_value(key) {
                request.object_mut().set(key, &left).ok()?;
            }
        }
    }
    Some(request.into())
}

/// What of a plan can go on after `model` broke off on `lane`.
fn narrowed(plan: &Plan, model: &ModelId, lane: &LaneId) -> Option<Plan> {
    plan.only(|planned| {
        planned.lane.continues
            && !planned.reasons
            && planned.lane.id != *lane
            && planned.model.without_variant() == model.without_variant()
    })
}

/// The text of a frame that holds nothing else of an unfinished answer.
fn plain_text(frame: &Frame) -> Option<Cow<'_, str>> {
    if frame.kind != FrameKind::Event {
        return None;
    }
    let Ok(StreamEvent::Chunk(chunk)) = StreamEvent::parse(&frame.data) else {
        return None;
    };
    match chunk.choices.as_slice() {
        [] => Some(Cow::default()),
        [choice] if is_plain(choice) => Some(choice.content().unwrap_or_default()),
        _ => None,
    }
}

fn is_plain(choice: &ChunkChoice<'_>) -> bool {
    let Delta {
        reasoning,
        reasoning_content,
        reasoning_details,
        refusal,
        tool_calls,
        images,
        audio,
        annotations,
        ..
    } = &choice.delta;
    let others = [
        reasoning,
        reasoning_content,
        reasoning_details,
        refusal,
        tool_calls,
        images,
        audio,
        annotations,
    ];
    let is_empty = |raw: &serde_json::value::RawValue| matches!(raw.get(), "\"\"" | "[]" | "{}");
    choice.index == 0
        && choice.finish_reason.is_none()
        && is_string(choice)
        && others.into_iter().flatten().all(|raw| is_empty(raw))
}

/// Whether what is said is a string. Parts may be more than text.
fn is_string(choice: &ChunkChoice<'_>) -> bool {
    let content = choice.delta.content.or(choice.text);
    content.is_none_or(|content| content.get().starts_with('"'))
}

/// Leaves out of the beginning of a continuation what repeats `overlap`.
pub(crate) fn without_overlap(frames: Frames, mut overlap: String) -> Frames {
    frames
        .map(move |item| item.map(|frame| trim(frame, &mut overlap)))
        .boxed()
}

fn trim(frame: Frame, overlap: &mut String) -> Frame {
    if overlap.is_empty() || frame.kind != FrameKind::Event {
        return frame;
    }
    let Ok(StreamEvent::Chunk(chunk)) = StreamEvent::parse(&frame.data) else {
        return frame;
    };
    let choice = chunk.choices.first().filter(|choice| is_string(choice));
    let Some(content) = choice.and_then(ChunkChoice::content) else {
        return frame;
    };
    let repeated: usize = content
        .chars()
        .zip(overlap.chars())
        .take_while(|(new, old)| new == old)
        .map(|(new, _)| new.len_utf8())
        .sum();
    let rest = &content[repeated..];
    // What follows other text is the model's own.
    overlap.drain(
        ..if rest.is_empty() {
            repeated
        } else {
            overlap.len()
        },
    );
    let data = (repeated > 0).then(|| with_content(&chunk, rest)).flatten();
    match data {
        Some(data) => Frame {
            data: data.into(),
            ..frame
        },
        None => frame,
    }
}

/// The chunk with other text.
fn with_content(chunk: &ChatChunk<'_>, content: &str) -> Option<Vec<u8>> {
    let mut object = Object::parse(chunk.data).ok()?;
    let mut choices: Vec<Object> = object.read("choices").ok()??;
    let choice = choices.first_mut()?;
    let mut delta: Object = choice.read("delta").ok()??;
    delta.set("content", content).ok()?;
    choice.set("delta", &delta).ok()?;
    object.set("choices", &choices).ok()?;
    Some(object.to_vec())
}
