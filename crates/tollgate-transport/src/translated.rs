//! Requests of surfaces that an upstream does not speak go as chats, and the answers come back in
//! the caller's own.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use tollgate_core::{Attempt, Facts, Failure, FailureKind, Frame, FrameKind, Frames};
use tollgate_wire::{
    ChatReply, Loss, Object, ParseError, Request, StreamEvent, StreamTranslator, Text,
    answer_from_chat, to_chat,
};

/// An attempt as the chat that it means, with what of it a chat cannot say.
pub(crate) fn as_chat(attempt: &Attempt) -> Result<(Attempt, Vec<String>), Failure> {
    let chat = to_chat(&attempt.request).map_err(|error| cannot(&attempt.request, error))?;
    let attempt = Attempt {
        request: Arc::new(chat.value.into()),
        ..attempt.clone()
    };
    Ok((attempt, places(&chat.losses)))
}

/// The frames of a chat as those of an answer to the request.
pub(crate) fn frames(chat: Frames, request: Arc<Request>) -> Frames {
    let stream = match StreamTranslator::new(&request) {
        Ok(stream) => stream,
        Err(error) => {
            let failure = cannot(&request, error);
            return Box::pin(stream::once(async { Err(failure) }));
        }
    };
    let translation = Translation {
        chat,
        request,
        stream,
        told: 0,
        waiting: Facts::default(),
        ready: VecDeque::new(),
        state: State::Open,
    };
    Box::pin(translation.frames())
}

struct Translation {
    chat: Frames,
    request: Arc<Request>,
    stream: StreamTranslator,
    /// How many of the losses were told.
    told: usize,
    /// What was read of frames that have made none of their own yet.
    waiting: Facts,
    ready: VecDeque<Frame>,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

impl Translation {
    fn frames(self) -> impl Stream<Item = Result<Frame, Failure>> {
        stream::unfold(self, |mut translation| async move {
            let frame = translation.next().await?;
            if frame.is_err() {
                translation.state = State::Failed;
            }
            Some((frame, translation))
        })
    }

    async fn next(&mut self) -> Option<Result<Frame, Failure>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            if self.state != State::Open {
                return None;
            }
            let read = match self.chat.next().await {
                Some(Ok(frame)) => self.take(frame),
                Some(Err(failure)) => return Some(Err(failure)),
                None => self.end(),
            };
            if let Err(error) = read {
                return Some(Err(untold(error)));
            }
        }
    }

    fn take(&mut self, frame: Frame) -> Result<(), ParseError> {
        match frame.kind {
            FrameKind::KeepAlive | FrameKind::Notice => self.ready.push_back(frame),
            FrameKind::Done => self.end()?,
            FrameKind::Body => {
                self.state = State::Ended;
                let frame = self.whole(frame)?;
                self.ready.push_back(frame);
            }
            FrameKind::Event => {
                let StreamEvent::Chunk(chunk) = StreamEvent::parse(&frame.data)? else {
                    return Ok(());
                };
                let events = self.stream.push(&chunk)?;
                merge(&mut self.waiting, frame.facts);
                self.show(events, &[]);
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), ParseError> {
        if self.state == State::Open {
            self.state = State::Ended;
            let events = self.stream.finish()?;
            self.show(events, ENDS);
        }
        Ok(())
    }

    /// The events as frames. The first tells what was read; what the answer used
    /// waits for the event that says so, which is one of the last.
    fn show(&mut self, events: Vec<Object>, ends: &[&str]) {
        let mut frames: Vec<Frame> = events.iter().map(event).collect();
        let end = frames
            .iter()
            .rposition(|frame| ends.is_empty() || ends.contains(&kind(&frame.data).as_str()));
        if let (Some(end), false) = (end, ends.is_empty()) {
            frames[end].facts.usage = self.waiting.usage.take();
            frames[end].facts.finish = self.waiting.finish.take();
        }
        let usage = self.waiting.usage.take();
        let finish = self.waiting.finish.take();
        if let Some(first) = frames.first_mut() {
            let of_end = (first.facts.usage.take(), first.facts.finish.take());
            first.facts = std::mem::take(&mut self.waiting);
            (first.facts.usage, first.facts.finish) = of_end;
        }
        (self.waiting.usage, self.waiting.finish) = (usage, finish);
        self.tell_losses(frames.last_mut());
        self.ready.extend(frames);
    }

    fn tell_losses(&mut self, last: Option<&mut Frame>) {
        let new = &self.stream.losses()[self.told..];
        if let Some(last) = last.filter(|_| !new.is_empty()) {
            last.facts.lost = places(new);
            self.told += new.len();
        }
    }

    fn whole(&self, frame: Frame) -> Result<Frame, ParseError> {
        let ChatReply::Answer(answer) = ChatReply::parse(&frame.data)? else {
            return Err(ParseError::new("expected an answer, found an error"));
        };
        let answer = answer_from_chat(&self.request, &answer)?;
        let lost = places(&answer.losses);
        Ok(Frame {
            kind: FrameKind::Body,
            data: answer.value.to_vec().into(),
            facts: Facts {
                lost,
                ..frame.facts
            },
        })
    }
}

/// The events that say what an answer used. Completions have none with a type.
const ENDS: &[&str] = &[
    "message_delta",
    "response.completed",
    "response.incomplete",
    "",
];

fn kind(data: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type", default)]
        kind: Option<Text<'a>>,
    }
    let typed = serde_json::from_slice::<Typed<'_>>(data);
    let kind = typed.ok().and_then(|typed| typed.kind);
    kind.map_or_else(String::new, |kind| kind.as_str().to_owned())
}

fn event(event: &Object) -> Frame {
    Frame {
        kind: FrameKind::Event,
        data: event.to_vec().into(),
        facts: Facts::default(),
    }
}

fn merge(facts: &mut Facts, newer: Facts) {
    facts.semantic |= newer.semantic;
    facts.output_bytes = facts.output_bytes.saturating_add(newer.output_bytes);
    facts.finish = newer.finish.or(facts.finish);
    facts.usage = newer.usage.or_else(|| facts.usage.take());
    facts.served = newer.served.or_else(|| facts.served.take());
}

fn places(losses: &[Loss]) -> Vec<String> {
    losses.iter().map(|loss| loss.place.clone()).collect()
}

/// Another lane may speak the surface.
fn cannot(request: &Request, error: ParseError) -> Failure {
    Failure::new(
        FailureKind::NotFound,
        "the provider speaks chats alone, and no chat means the same as this request",
    )
    .with("surface", request.surface())
    .with("place", error.place())
    .with_hint(error.message())
    .not_here()
}

fn untold(error: ParseError) -> Failure {
    Failure::new(
        FailureKind::BadReply,
        "the upstream's chat cannot be told in the words of the surface that was asked",
    )
    .with("place", error.place())
    .with_source(error)
}
