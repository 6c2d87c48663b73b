//! Answers as server-sent events, in the words of each surface.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use serde::Deserialize;
use tollgate::{Answer, Failure, FailureKind, Frame, FrameKind, Surface};
use tollgate_wire::{Object, Text};

use crate::allowance::Allowance;
use crate::infer::Pending;
use crate::so_far::SoFar;
use crate::tail::Tail;
use crate::whole::{self, Events};

/// Longest silence on an open stream, where its client does not bear less.
const SILENCE: Duration = Duration::from_secs(10);

/// Bytes from which on events are no longer put together. It is what TLS and most proxies send at
/// once.
const ENOUGH: usize = 16 << 10;

const COMMENT: &[u8] = b": waiting\n\n";
const DONE: &[u8] = b"[DONE]";

/// The events of an answer. Its end is told only when it is complete; a cut one
/// ends with an error event.
pub(crate) fn of(
    so_far: SoFar,
    answer: Answer,
    allowance: Allowance,
    silence: Option<Duration>,
) -> impl Stream<Item = Bytes> {
    Telling::of(so_far, Source::Answer(Box::new(answer)), allowance, silence).events()
}

/// The same for an answer that has not begun: a comment now, and whenever
/// nothing else was sent for a while.
pub(crate) fn awaited(
    so_far: SoFar,
    pending: Pending,
    allowance: Allowance,
    silence: Option<Duration>,
) -> impl Stream<Item = Bytes> {
    let events = Telling::of(so_far, Source::Pending(pending), allowance, silence).events();
    stream::once(async { Bytes::from_static(COMMENT) }).chain(events)
}

/// An answer on its way to a client.
struct Telling {
    surface: Surface,
    source: Source,
    /// What is taken of the limits of the caller's key until it has ended.
    allowance: Allowance,
    tail: Tail,
    /// What was told, for the event that may have to follow it.
    so_far: SoFar,
    /// After which silence there is a comment.
    silence: Duration,
}

enum Source {
    Pending(Pending),
    Answer(Box<Answer>),
    Over,
}

impl Telling {
    fn of(so_far: SoFar, source: Source, allowance: Allowance, silence: Option<Duration>) -> Self {
        Self {
            surface: so_far.surface(),
            source,
            allowance,
            tail: Tail::default(),
            so_far,
            silence: silence.map_or(SILENCE, |silence| silence.min(SILENCE)),
        }
    }

    fn events(self) -> impl Stream<Item = Bytes> {
        // What is large is not moved for each piece.
        stream::unfold(Box::new(self), |mut telling| async move {
            let mut text = Vec::new();
            match tokio::time::timeout(telling.silence, telling.tell(&mut text)).await {
                Ok(true) => telling.tell_what_is_ready(&mut text),
                Ok(false) => return None,
                Err(_) => text.extend_from_slice(COMMENT),
            }
            Some((text.into(), telling))
        })
    }

    /// What is ready at one moment is sent together: each piece costs a frame of HTTP, and the
    /// reader a read.
    fn tell_what_is_ready(&mut self, text: &mut Vec<u8>) {
        while text.len() < ENOUGH && self.tell(text).now_or_never() == Some(true) {}
    }

    /// Adds the next text to send. Whether there is one; else all was told. It may be dropped while
    /// it waits.
    async fn tell(&mut self, text: &mut Vec<u8>) -> bool {
        let before = text.len();
        while text.len() == before {
            match &mut self.source {
                Source::Over => return false,
                Source::Pending(pending) => match pending.await {
                    Ok(answer) => self.source = Source::Answer(Box::new(answer)),
                    Err(error) => {
                        let error = self.allowance.note(error);
                        self.failed(error.failure(), text);
                    }
                },
                Source::Answer(answer) => match answer.next().await {
                    Some(Ok(frame)) => {
                        self.allowance.note_frame(&frame);
                        if let Err(failure) = self.told(frame, text) {
                            self.failed(&failure, text);
                        }
                    }
                    Some(Err(failure)) => self.failed(&failure, text),
                    None => self.done(text),
                },
            }
        }
        true
    }

    /// A frame as the events that it makes: one, or those of a whole answer.
    fn told(&mut self, frame: Frame, text: &mut Vec<u8>) -> Result<(), Failure> {
        match frame.kind {
            FrameKind::Done => {}
            FrameKind::KeepAlive => write_line(text, b": ", &frame.data, b"\n\n"),
            FrameKind::Event if self.tail.keep(&frame) => {}
            FrameKind::Event | FrameKind::Notice => {
                self.write_kept(text);
                self.write(text, &frame.data);
            }
            FrameKind::Body => {
                let Events { events, end } = events_of(self.surface, &frame)?;
                let shown = events.len() - end.min(events.len());
                for (index, event) in events.iter().map(Object::to_vec).enumerate() {
                    match index < shown {
                        true => self.write(text, &event),
                        false => self.tail.push(event.into()),
                    }
                }
            }
        }
        Ok(())
    }

    /// The end of a complete answer.
    fn done(&mut self, text: &mut Vec<u8>) {
        if let Source::Answer(answer) = &self.source {
            if let Some(receipt) = answer.receipt() {
                self.allowance.correct(receipt);
            }
            for event in self.tail.disclosed(answer) {
                self.write(text, &event);
            }
        }
        // Messages have an event for it, which has come by.
        if self.surface != Surface::Messages {
            write_line(text, b"data: ", DONE, b"\n\n");
        }
        self.source = Source::Over;
    }

    /// The end of any other.
    fn failed(&mut self, failure: &Failure, text: &mut Vec<u8>) {
        let mut used = None;
        if let Source::Answer(answer) = &self.source
            && let Some(receipt) = answer.receipt()
        {
            self.allowance.correct(receipt);
            used = Some(receipt.tokens());
        }
        self.write_kept(text);
        let event = self.so_far.failed(failure, used);
        write_event(text, self.surface, &event);
        self.source = Source::Over;
    }

    fn write_kept(&mut self, text: &mut Vec<u8>) {
        for event in self.tail.release() {
            self.write(text, &event);
        }
    }

    fn write(&self, text: &mut Vec<u8>, data: &[u8]) {
        self.so_far.note(data);
        write_event(text, self.surface, data);
    }
}

/// One event. The surfaces whose events have a type name it on a line of its
/// own as well, where their clients look for it.
fn write_event(text: &mut Vec<u8>, surface: Surface, data: &[u8]) {
    if let Surface::Responses | Surface::Messages = surface
        && let Ok(Typed { kind }) = serde_json::from_slice(data)
    {
        write_line(text, b"event: ", kind.as_bytes(), b"\n");
    }
    write_line(text, b"data: ", data, b"\n\n");
}

/// The event that ends an answer which is not complete.
pub(crate) fn failed(so_far: &SoFar, failure: &Failure) -> Bytes {
    let mut text = Vec::new();
    write_event(&mut text, so_far.surface(), &so_far.failed(failure, None));
    text.into()
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

/// The events of an answer that was to be a stream and came whole.
fn events_of(surface: Surface, frame: &Frame) -> Result<Events, Failure> {
    whole::events_of(surface, &frame.data).map_err(|error| {
        Failure::new(
            FailureKind::BadReply,
            "the upstream's answer cannot be streamed",
        )
        .with_source(error)
    })
}

fn write_line(text: &mut Vec<u8>, prefix: &[u8], data: &[u8], end: &[u8]) {
    text.reserve(prefix.len() + data.len() + end.len());
    text.extend_from_slice(prefix);
    let begin = text.len();
    text.extend_from_slice(data);
    // A line end inside JSON can only be white space, so it may become a blank.
    for byte in &mut text[begin..] {
        let is_line_end = *byte == b'\n' || *byte == b'\r';
        *byte = if is_line_end { b' ' } else { *byte };
    }
    text.extend_from_slice(end);
}
