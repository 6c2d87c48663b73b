//! An answer that is streamed.

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use openrouter_rs::error::OpenRouterError;
use openrouter_rs::types::completion::CompletionsResponse;
use tollgate_core::{Facts, Failure, FailureKind, Finish, Frame, FrameKind, Frames, Served};

use crate::answer::{BROKE_OFF, EMPTY, aside, no_room, written};
use crate::facts::{broke_off, facts, out_of_room, served};
use crate::failure::Lane;

type Chunks = BoxStream<'static, Result<CompletionsResponse, OpenRouterError>>;

/// The frames of a stream. Dropping them drops the client's stream, and with it the connection.
pub(crate) fn frames(chunks: Chunks, lane: Lane) -> Frames {
    let events = Events {
        chunks,
        lane,
        served: Served::default(),
        choices: Choices::default(),
        semantic: false,
        finish: None,
        state: State::Open,
    };
    Box::pin(stream::unfold(Some(events), |events| async {
        let mut events = events?;
        match events.next().await {
            Ok(Some(frame)) => Some((Ok(frame), Some(events))),
            Ok(None) => None,
            Err(failure) => Some((Err(events.of_generation(failure)), None)),
        }
    }))
}

struct Events {
    chunks: Chunks,
    lane: Lane,
    served: Served,
    choices: Choices,
    semantic: bool,
    finish: Option<Finish>,
    state: State,
}

enum State {
    Open,
    /// The answer failed after this, and what it used was told.
    Failed(Failure),
    /// The end marker was given.
    Over,
}

impl Events {
    /// The next frame; `None` at a good end.
    async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        match std::mem::replace(&mut self.state, State::Open) {
            State::Failed(failure) => return Err(failure),
            State::Over => return Ok(None),
            State::Open => {}
        }
        match self.chunks.next().await {
            Some(Ok(chunk)) => self.chunk(&chunk).map(Some),
            Some(Err(error)) => Err(self.cut(error)),
            None => self.end().map(Some),
        }
    }

    fn chunk(&mut self, chunk: &CompletionsResponse) -> Result<Frame, Failure> {
        let served = self.news(chunk);
        let facts = Facts {
            served,
            ..facts(chunk)
        };
        let broken = || self.lane.failed(FailureKind::BadReply, BROKE_OFF);
        let failure = self.lane.in_choice(chunk);
        if let Some(failure) = failure.or_else(|| broke_off(chunk).then(broken)) {
            return self.failed(failure, &facts);
        }
        self.choices.note(chunk);
        self.semantic |= facts.semantic;
        self.finish = self.finish.or(facts.finish);
        if !self.semantic && out_of_room(self.finish, &facts) {
            return Err(no_room(&self.lane));
        }
        written(chunk, FrameKind::Event, facts, &self.lane)
    }

    /// The failure of the answer, after what it used, if that is known.
    fn failed(&mut self, failure: Failure, facts: &Facts) -> Result<Frame, Failure> {
        let Some(used) = aside(facts) else {
            return Err(failure);
        };
        self.state = State::Failed(failure);
        Ok(used)
    }

    /// The client swallows `[DONE]`, so an end looks the same with and without it: it is good when
    /// each choice has said why it ends.
    fn end(&mut self) -> Result<Frame, Failure> {
        if self.choices.all_ended() {
            self.state = State::Over;
            return Ok(Frame::done());
        }
        let (kind, what) = match (self.semantic, self.choices.begun) {
            (true, _) => (
                FailureKind::Truncated,
                "the upstream ended its answer before the end",
            ),
            (false, 0) => (FailureKind::BadReply, EMPTY),
            (false, _) => (
                FailureKind::BadReply,
                "the upstream ended its answer before the end",
            ),
        };
        Err(self.lane.failed(kind, what))
    }

    /// Nobody may try again what the caller has seen some of.
    fn cut(&self, error: OpenRouterError) -> Failure {
        let was_cut = matches!(error, OpenRouterError::Io(_));
        let failure = self.lane.failure(error);
        if !(self.semantic && was_cut) {
            return failure;
        }
        let what = "the connection broke in the middle of the answer";
        self.lane
            .failed(FailureKind::Truncated, what)
            .with_source(failure)
    }

    /// Who serves, when this chunk says something new.
    fn news(&mut self, chunk: &CompletionsResponse) -> Option<Box<Served>> {
        let mut served_by = self.served.clone();
        served_by.update(&served(chunk));
        (served_by != self.served).then(|| {
            self.served = served_by.clone();
            Box::new(served_by)
        })
    }

    fn of_generation(&self, failure: Failure) -> Failure {
        match &self.served.generation {
            Some(generation) => failure.with_generation(generation.clone()),
            None => failure,
        }
    }
}

/// Which choices have begun and which have ended, a bit each. In practice there is one.
#[derive(Debug, Default)]
struct Choices {
    begun: u64,
    ended: u64,
}

impl Choices {
    fn note(&mut self, chunk: &CompletionsResponse) {
        for choice in &chunk.choices {
            let bit = 1 << choice.index().unwrap_or(0).min(63);
            self.begun |= bit;
            if choice.finish_reason().is_some() {
                self.ended |= bit;
            }
        }
    }

    fn all_ended(&self) -> bool {
        self.begun != 0 && self.begun == self.ended
    }
}
