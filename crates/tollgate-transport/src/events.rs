//! An answer that is streamed: events become frames, and an end is only good when the upstream's
//! own end was seen.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde::de::IgnoredAny;
use tollgate_core::{Billing, Facts, Failure, Finish, Frame, FrameKind, Frames, UsageReport};
use tollgate_wire::{SseDecoder, SseItem};

use crate::aside::{aside, of_failed, usage_of};
use crate::evidence::{Evidence, Progress, of_generation};
use crate::incoming::{Gone, Incoming};
use crate::read::{Event, Reader};
use crate::whole::{Form, no_room, out_of_room};

/// How long the end of the body may follow the end marker, for the connection to be used again.
const LINGER: Duration = Duration::from_millis(50);

/// The frames of a stream.
pub(crate) fn frames(incoming: Incoming, evidence: Evidence, limit: usize, form: Form) -> Frames {
    let events = Events {
        incoming,
        decoder: SseDecoder::with_limit(limit),
        evidence,
        reader: Reader::new(form.shape, form.lane),
        progress: Progress::default(),
        finish: None,
        failure: None,
        lane: form.lane,
        state: State::Open,
    };
    // What is large is not moved for each frame.
    let events = Some(Box::new(events));
    Box::pin(stream::unfold(events, |events| async {
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
    /// How the billed answer failed, once what it used was told.
    failure: Option<Failure>,
    /// How the lane is paid when an error does not say.
    lane: Billing,
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
    /// Nothing is read any more.
    Over,
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
                State::Over => return self.failure.take().map_or(Ok(None), Err),
                State::Open => {}
            }
            match self.decoder.next() {
                Some(Ok(SseItem::Comment(text))) => return Ok(Some(Frame::keep_alive(text))),
                // Some servers keep a connection alive with events that say nothing.
                Some(Ok(SseItem::Event { data, .. })) if data.trim_ascii().is_empty() => {
                    return Ok(Some(Frame::keep_alive(Bytes::new())));
                }
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
    fn end(&mut self, gone: Option<Gone>) -> Result<Option<Frame>, Failure> {
        if !self.reader.may_end(self.evidence.answers()) {
            return Err(self.evidence.cut(gone, self.progress));
        }
        self.state = State::Over;
        Ok(self.missing_end())
    }

    /// The last event of a complete answer whose upstream left it out. Clients of that surface
    /// take a stream without it for cut.
    fn missing_end(&self) -> Option<Frame> {
        Some(Frame {
            kind: FrameKind::Event,
            data: Bytes::from_static(self.reader.missing_end()?),
            facts: Facts::default(),
        })
    }

    fn event(&mut self, data: Bytes) -> Result<Frame, Failure> {
        let (facts, is_last) = match self.reader.event(&data) {
            Ok(Event::Done) => return self.done(),
            Ok(Event::Piece(facts)) => (facts, false),
            Ok(Event::Last(facts)) => (facts, true),
            Ok(Event::Cut) => return Err(self.evidence.cut(None, self.progress)),
            Ok(Event::Error(error)) => {
                let failure = self.evidence.error(&error, &data, self.progress);
                return self.failed(failure, usage_of(&error, self.lane));
            }
            Ok(Event::BrokenOff(usage)) => {
                let what = "the upstream broke its answer off with an error";
                let failure = self.evidence.bad_reply(what, &data, self.progress);
                return self.failed(failure, usage);
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
        Ok(self.missing_end().unwrap_or_else(Frame::done))
    }

    /// The failure of the answer, after what it used, if that is known.
    fn failed(
        &mut self,
        failure: Failure,
        usage: Option<Box<UsageReport>>,
    ) -> Result<Frame, Failure> {
        let Some(facts) = of_failed(usage) else {
            return Err(failure);
        };
        self.failure = Some(failure);
        self.state = State::Over;
        Ok(aside(facts))
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
