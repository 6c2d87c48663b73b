//! Requests of surfaces that an upstream does not speak go as chats, or as what it speaks instead,
//! and the answers come back in the caller's own.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use tollgate_core::{
    Attempt, Delivery, Facts, Failure, FailureKind, Frame, FrameKind, Frames, Scope,
};
use tollgate_wire::{ChatTranslator, Object, ParseError, Request, Surface, Text, to_chat};

use crate::aside::aside;
use crate::dialect::Dialect;
use crate::legs::{Legs, places};

/// An attempt as the chat that it means, with what of it a chat cannot say.
pub(crate) fn as_chat(
    attempt: &Attempt,
    dialect: &Dialect,
) -> Result<(Attempt, Vec<String>), Failure> {
    let cannot = |error| cannot(&attempt.request, error);
    let chat = to_chat(&attempt.request).map_err(cannot)?;
    let mut request = Request::from(chat.value);
    if attempt.request.surface() != Surface::Chat {
        name_output_limit(&mut request, dialect).map_err(cannot)?;
    }
    let attempt = Attempt {
        request: Arc::new(request),
        ..attempt.clone()
    };
    Ok((attempt, places(&chat.losses)))
}

/// A translated limit has the name that its surface or the translator gave it; the caller chose
/// none among those of chats, so the lane does.
fn name_output_limit(request: &mut Request, dialect: &Dialect) -> Result<(), ParseError> {
    let Some(limit) = request.max_output_tokens() else {
        return Ok(());
    };
    let chat = request.object_mut();
    for field in Surface::Chat.output_limits() {
        chat.remove(field);
    }
    chat.set(dialect.output_limit.as_str(), &limit)
}

/// The frames of a chat, or of what becomes one, as those of an answer to the attempt's request.
pub(crate) fn frames(
    answer: Frames,
    attempt: &Attempt,
    into_chat: Option<ChatTranslator>,
) -> Frames {
    let legs = match Legs::new(&attempt.request, into_chat) {
        Ok(legs) => legs,
        Err(error) => {
            let failure = cannot(&attempt.request, error);
            return Box::pin(stream::once(async { Err(failure) }));
        }
    };
    let translation = Translation {
        answer,
        delivery: attempt.delivery,
        legs,
        waiting: Facts::default(),
        ready: VecDeque::new(),
        failure: None,
        state: State::Open,
    };
    Box::pin(translation.frames())
}

struct Translation {
    answer: Frames,
    delivery: Delivery,
    legs: Legs,
    /// What was read of frames that have made none of their own yet.
    waiting: Facts,
    ready: VecDeque<Frame>,
    /// What comes after the frames that are ready.
    failure: Option<Failure>,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    Over,
}

impl Translation {
    fn frames(self) -> impl Stream<Item = Result<Frame, Failure>> {
        stream::unfold(self, |mut translation| async move {
            Some((translation.next().await?, translation))
        })
    }

    async fn next(&mut self) -> Option<Result<Frame, Failure>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            if self.state == State::Over {
                return self.failure.take().map(Err);
            }
            let read = match self.answer.next().await {
                Some(Ok(frame)) => self.take(frame).map_err(untold),
                Some(Err(failure)) => Err(failure),
                None => self.end().map_err(untold),
            };
            if let Err(failure) = read {
                self.state = State::Over;
                self.failure = Some(failure);
            }
            if self.state == State::Over {
                self.tell_rest();
            }
        }
    }

    fn take(&mut self, frame: Frame) -> Result<(), ParseError> {
        match frame.kind {
            FrameKind::KeepAlive | FrameKind::Notice => self.ready.push_back(frame),
            FrameKind::Done => self.end()?,
            FrameKind::Body => {
                merge(&mut self.waiting, frame.facts);
                self.body(&frame.data)?;
            }
            FrameKind::Event => {
                merge(&mut self.waiting, frame.facts);
                let events = self.legs.event(&frame.data)?;
                self.show(events);
            }
        }
        Ok(())
    }

    /// A whole answer. Whoever asked for a stream reads events, also where the upstream gave it
    /// in one piece.
    fn body(&mut self, data: &[u8]) -> Result<(), ParseError> {
        if self.delivery == Delivery::Stream {
            let events = self.legs.whole_as_events(data)?;
            self.show(events);
            return self.end();
        }
        let (answer, lost) = self.legs.whole(data)?;
        let facts = std::mem::take(&mut self.waiting);
        self.ready.push_back(Frame {
            kind: FrameKind::Body,
            data: answer.to_vec().into(),
            facts: Facts { lost, ..facts },
        });
        self.state = State::Over;
        Ok(())
    }

    fn end(&mut self) -> Result<(), ParseError> {
        self.state = State::Over;
        let events = self.legs.finish()?;
        self.show(events);
        if self.legs.surface() == Surface::Chat {
            self.ready.push_back(Frame::done());
        }
        Ok(())
    }

    /// The events as frames. The first tells what was read; why the answer ends and what it used
    /// waits for the event that says so, which is one of the last.
    fn show(&mut self, events: Vec<Object>) {
        let surface = self.legs.surface();
        let report = events.iter().rposition(|event| reports(surface, event));
        let mut frames: Vec<Frame> = events.iter().map(event).collect();
        let (usage, finish) = (self.waiting.usage.take(), self.waiting.finish.take());
        if let Some(first) = frames.first_mut() {
            first.facts = std::mem::take(&mut self.waiting);
        }
        match report {
            Some(report) => {
                let facts = &mut frames[report].facts;
                (facts.usage, facts.finish) = (usage, finish);
            }
            None => (self.waiting.usage, self.waiting.finish) = (usage, finish),
        }
        self.tell_losses(frames.last_mut());
        self.ready.extend(frames);
    }

    fn tell_losses(&mut self, last: Option<&mut Frame>) {
        if let Some(last) = last {
            last.facts.lost = self.legs.news();
        }
    }

    /// What no event could tell is told without one: it is paid for, however the answer ends.
    fn tell_rest(&mut self) {
        let rest = std::mem::take(&mut self.waiting);
        if rest != Facts::default() {
            self.ready.push_back(aside(rest));
        }
    }
}

/// The events that say what an answer used.
const REPORTS: &[&str] = &["message_delta", "response.completed", "response.incomplete"];

/// Whether an event says why the answer ends and what it used. The surfaces whose events have no
/// types have one event for each chunk, which says what the chunk said.
fn reports(surface: Surface, event: &Object) -> bool {
    match surface {
        Surface::Responses | Surface::Messages => {
            let kind: Option<Text<'_>> = event.read("type").ok().flatten();
            kind.is_some_and(|kind| REPORTS.contains(&kind.as_str()))
        }
        Surface::Chat | Surface::Completions | Surface::Embeddings => true,
    }
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

/// Another lane may speak the surface. Nothing was sent, so nobody's health suffers.
pub(crate) fn cannot(request: &Request, error: ParseError) -> Failure {
    Failure::new(
        FailureKind::NotFound,
        "the provider does not speak the surface, and what it speaks cannot mean the same as this request",
    )
    .with("surface", request.surface())
    .with("place", error.place())
    .with_hint(error.message())
    .with_scope(Scope::None)
    .not_here()
}

/// The upstream has answered well, in a way that only this surface has no words for: its health
/// does not suffer, and the next answer would be like it.
fn untold(error: ParseError) -> Failure {
    Failure::new(
        FailureKind::BadReply,
        "the upstream's answer cannot be told in the words of the surface that was asked",
    )
    .with("place", error.place())
    .with_source(error)
    .with_scope(Scope::None)
    .not_here()
}
