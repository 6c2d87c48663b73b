//! An answer that is streamed: events become frames, and an end is only good when the upstream's
//! own end was seen.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tollgate_core::{Billing, Facts, Failure, Finish, Frame, FrameKind, Frames};
use tollgate_wire::{ChatChunk, FinishReason, SseDecoder, SseItem, StreamEvent};

use crate::evidence::{Evidence, Progress, of_generation};
use crate::facts::{self, ServedBy};
use crate::incoming::{Gone, Incoming};
use crate::whole::{no_room, out_of_room};

/// How long the end of the body may follow the end marker, for the connection to be used again.
const LINGER: Duration = Duration::from_millis(50);

/// The frames of a stream.
pub(crate) fn frames(
    incoming: Incoming,
    evidence: Evidence,
    limit: usize,
    lane: Billing,
) -> Frames {
    let events = Events {
        incoming,
        decoder: SseDecoder::with_limit(limit),
        evidence,
        lane,
        served: ServedBy::default(),
        progress: Progress::default(),
        choices: Choices::default(),
        finish: None,
        state: State::Open,
    };
    Box::pin(stream::unfold(Some(events), |events| async {
        let mut events = events?;
        match events.next().await {
            Ok(Some(frame)) => Some((Ok(frame), Some(events))),
            Ok(None) => None,
            Err(failure) => {
                let id = events.served.generation();
                Some((Err(of_generation(failure, id)), None))
            }
        }
    }))
}

struct Events {
    incoming: Incoming,
    decoder: SseDecoder,
    evidence: Evidence,
    lane: Billing,
    served: ServedBy,
    progress: Progress,
    choices: Choices,
    finish: Option<Finish>,
    state: State,
}

/// Which choices have begun and which have ended, a bit each. In practice there is one.
#[derive(Default)]
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

#[derive(Clone, Copy)]
enum State {
    /// Bytes may come.
    Open,
    /// The bytes have ended, perhaps too early.
    Ended,
    /// The end marker was seen. What follows it is nobody's.
    Done,
}

impl Events {
    /// The next frame; `None` at a good end.
    async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        loop {
            match self.state {
                State::Done => {
                    self.incoming.linger(LINGER).await;
                    return Ok(None);
                }
                State::Ended => return self.end(None),
                State::Open => {}
            }
            match self.decoder.next() {
                Some(Ok(SseItem::Comment(text))) => return Ok(Some(Frame::keep_alive(text))),
                Some(Ok(SseItem::Event { data, .. })) => return self.event(data).map(Some),
                Some(Err(error)) => {
                    let failure = self.evidence.bad_reply(
                        "the upstream's stream cannot be read",
                        &[],
                        self.progress,
                    );
                    return Err(failure.with_source(error));
                }
                None => {}
            }
            match self.incoming.next().await {
                Ok(Some(bytes)) => self.decoder.push(&bytes),
                Ok(None) => {
                    self.state = State::Ended;
                    // An event without the empty line after it: cut if it cannot be read, else
                    // complete.
                    let rest = self
                        .decoder
                        .finish()
                        .filter(|rest| StreamEvent::parse(&rest.data).is_ok());
                    if let Some(rest) = rest {
                        return self.event(rest.data).map(Some);
                    }
                }
                Err(gone) => return self.end(Some(gone)),
            }
        }
    }

    /// The bytes are over without an end marker. With a finish reason of each choice the answer
    /// is complete, only its usage may be missing; without one it is cut.
    fn end(&self, gone: Option<Gone>) -> Result<Option<Frame>, Failure> {
        if self.choices.all_ended(self.evidence.answers()) {
            Ok(None)
        } else {
            Err(self.evidence.cut(gone, self.progress))
        }
    }

    fn event(&mut self, data: Bytes) -> Result<Frame, Failure> {
        let facts = match StreamEvent::parse(&data) {
            Ok(StreamEvent::Done) => return self.done(),
            Ok(StreamEvent::Error(error)) => {
                return Err(self.evidence.error(&error, &data, self.progress));
            }
            Err(error) => {
                let failure = self.evidence.bad_reply(
                    "an event of the upstream's stream cannot be read",
                    &data,
                    self.progress,
                );
                return Err(failure.with_source(error));
            }
            Ok(StreamEvent::Chunk(chunk))
                if chunk.finish_reason() == Some(&FinishReason::Error) =>
            {
                return Err(self.evidence.bad_reply(
                    "the upstream broke its answer off with an error",
                    &data,
                    self.progress,
                ));
            }
            Ok(StreamEvent::Chunk(chunk)) => {
                self.choices.note(&chunk);
                Facts {
                    served: self.served.news(&chunk),
                    ..facts::of_chunk(&chunk, self.lane)
                }
            }
        };
        self.progress.events += 1;
        self.progress.semantic |= facts.semantic;
        self.finish = self.finish.or(facts.finish);
        if !self.progress.semantic && out_of_room(self.finish, facts.output_bytes, &facts) {
            return Err(no_room(&self.evidence, &facts));
        }
        Ok(Frame {
            kind: FrameKind::Event,
            data,
            facts,
        })
    }

    /// The end marker; after nothing at all it ends an answer that is empty.
    fn done(&mut self) -> Result<Frame, Failure> {
        if !self.progress.semantic && self.finish.is_none() {
            return Err(self.evidence.bad_reply(
                "the upstream's answer is empty",
                &[],
                self.progress,
            ));
        }
        self.state = State::Done;
        Ok(Frame::done())
    }
}
