//! An answer that is streamed: events become frames, and an end is only good when the upstream's
//! own end was seen.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde::de::IgnoredAny;
use tollgate_core::{Failure, Finish, Frame, FrameKind, Frames};
use tollgate_wire::{SseDecoder, SseItem};

use crate::evidence::{Evidence, Progress, of_generation};
use crate::incoming::{Gone, Incoming};
use crate::read::{Event, Reader};
use crate::whole::{no_room, out_of_room};

/// How long the end of the body may follow the end marker, for the connection to be used again.
const LINGER: Duration = Duration::from_millis(50);

/// The frames of a stream.
pub(crate) fn frames(
    incoming: Incoming,
    evidence: Evidence,
    limit: usize,
    reader: Reader,
) -> Frames {
    let events = Events {
        incoming,
        decoder: SseDecoder::with_limit(limit),
        evidence,
        reader,
        progress: Progress::default(),
        finish: None,
        state: State::Open,
    };
    Box::pin(stream::unfold(Some(events), |events| async {
        let mut events = events?;
        match events.next().await {
            Ok(Some(frame)) => Some((Ok(frame), Some(events))),
            Ok(None) => None,
            Err(failure) => {
                let id = events.reader.generation();
                Some((Err(of_generation(failure, id)), None))
            }
        }
    }))
}

struct Events {
    incoming: Incoming,
    decoder: SseDecoder,
    evidence: Evidence,
    reader: Reader,
    progress: Progress,
    finish: Option<Finish>,
    state: State,
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
                    let rest = self.decoder.finish().filter(|rest| is_whole(&rest.data));
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
        if self.reader.may_end(self.evidence.answers()) {
            Ok(None)
        } else {
            Err(self.evidence.cut(gone, self.progress))
        }
    }

    fn event(&mut self, data: Bytes) -> Result<Frame, Failure> {
        let (facts, is_last) = match self.reader.event(&data) {
            Ok(Event::Done) => return self.done(),
            Ok(Event::Piece(facts)) => (facts, false),
            Ok(Event::Last(facts)) => (facts, true),
            Ok(Event::Error(error)) => {
                return Err(self.evidence.error(&error, &data, self.progress));
            }
            Ok(Event::BrokenOff) => {
                return Err(self.evidence.bad_reply(
                    "the upstream broke its answer off with an error",
                    &data,
                    self.progress,
                ));
            }
            Err(error) => {
                let failure = self.evidence.bad_reply(
                    "an event of the upstream's stream cannot be read",
                    &data,
                    self.progress,
                );
                return Err(failure.with_source(error));
            }
        };
        self.progress.events += 1;
        self.progress.semantic |= facts.semantic;
        self.finish = self.finish.or(facts.finish);
        if is_last {
            self.is_good_end()?;
            self.state = State::Done;
        }
        if !self.progress.semantic && out_of_room(self.finish, facts.output_bytes, &facts) {
            return Err(no_room(&self.evidence, &facts));
        }
        Ok(Frame {
            kind: FrameKind::Event,
            data,
            facts,
        })
    }

    /// The end marker.
    fn done(&mut self) -> Result<Frame, Failure> {
        self.is_good_end()?;
        self.state = State::Done;
        Ok(Frame::done())
    }

    /// After nothing at all an end ends an answer that is empty.
    fn is_good_end(&self) -> Result<(), Failure> {
        if self.progress.semantic || self.finish.is_some() {
            return Ok(());
        }
        let what = "the upstream's answer is empty";
        Err(self.evidence.bad_reply(what, &[], self.progress))
    }
}

/// Whether the data of an event is all there.
fn is_whole(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]" || serde_json::from_slice::<IgnoredAny>(data).is_ok()
}
