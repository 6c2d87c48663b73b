//! Answers as server-sent events, in the words of each surface.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate::{Answer, Failure, FailureKind, Frame, FrameKind, Surface};
use tollgate_wire::{Object, Text};

use crate::allowance::Allowance;
use crate::infer::Pending;
use crate::tail::Tail;
use crate::whole::{self, Events};
use crate::words::Told;

/// Longest silence on an open stream.
const SILENCE: Duration = Duration::from_secs(10);

/// Bytes from which on events are no longer put together. It is what TLS and most proxies send at
/// once.
const ENOUGH: usize = 16 << 10;

const COMMENT: &[u8] = b": waiting\n\n";
const DONE: &[u8] = b"[DONE]";

/// The events of an answer. Its end is told only when it is complete; a cut one
/// ends with an error event.
pub(crate) fn of(
    surface: Surface,
    answer: Answer,
    allowance: Allowance,
) -> impl Stream<Item = Bytes> {
    Telling::of(surface, Source::Answer(Box::new(answer)), allowance).events()
}

/// The same for an answer that has not begun: a comment now, and whenever
/// nothing else was sent for a while.
pub(crate) fn awaited(
    surface: Surface,
    pending: Pending,
    allowance: Allowance,
) -> impl Stream<Item = Bytes> {
    let events = Telling::of(surface, Source::Pending(pending), allowance).events();
    stream::once(async { Bytes::from_static(COMMENT) }).chain(events)
}

/// An answer on its way to a client.
struct Telling {
    surface: Surface,
    source: Source,
    /// What is taken of the limits of the caller's key until it has ended.
    allowance: Allowance,
    tail: Tail,
    /// The last event that was sent, for the one that may have to follow it.
    last: Bytes,
}

enum Source {
    Pending(Pending),
    Answer(Box<Answer>),
    Over,
}

impl Telling {
    fn of(surface: Surface, source: Source, allowance: Allowance) -> Self {
        Self {
            surface,
            source,
            allowance,
            tail: Tail::default(),
            last: Bytes::new(),
        }
    }

    fn events(self) -> impl Stream<Item = Bytes> {
        // What is large is not moved for each piece.
        stream::unfold(Box::new(self), |mut telling| async move {
            let mut text = Vec::new();
            match tokio::time::timeout(SILENCE, telling.tell(&mut text)).await {
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
                self.last = frame.data;
            }
            FrameKind::Body => {
                let Events { events, end } = events_of(self.surface, &frame)?;
                let shown = events.len() - end.min(events.len());
                for (index, event) in events.iter().map(Object::to_vec).enumerate() {
                    match index < shown {
                        true => self.write(text, &event),
                        false => self.tail.push(event),
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
        if let Source::Answer(answer) = &self.source
            && let Some(receipt) = answer.receipt()
        {
            self.allowance.correct(receipt);
        }
        self.write_kept(text);
        text.extend_from_slice(&failed(self.surface, failure, &self.last));
        self.source = Source::Over;
    }

    fn write_kept(&mut self, text: &mut Vec<u8>) {
        for event in self.tail.release() {
            self.write(text, &event);
        }
    }

    fn write(&self, text: &mut Vec<u8>, data: &[u8]) {
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

/// The event that ends an answer which is not complete, after the event `last`.
pub(crate) fn failed(surface: Surface, failure: &Failure, last: &[u8]) -> Bytes {
    let event = error_event(surface, failure, last).to_string();
    let mut text = Vec::new();
    write_event(&mut text, surface, event.as_bytes());
    text.into()
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

/// What tells a client that an answer broke off.
fn error_event(surface: Surface, failure: &Failure, last: &[u8]) -> Value {
    let mut body = Told::of(failure).body(surface);
    match surface {
        Surface::Messages => body,
        Surface::Responses => failed_response(failure, last),
        Surface::Chat | Surface::Completions | Surface::Embeddings => {
            // Without the `id` and `created` of a chunk: OpenRouter's clients refuse it then, where
            // they would hand a chunk over as one more, whose `error` few programs look at.
            let mut choice = json!({ "index": 0, "finish_reason": "error" });
            match surface {
                Surface::Completions => choice["text"] = "".into(),
                _ => choice["delta"] = json!({ "content": "" }),
            }
            body["choices"] = json!([choice]);
            body
        }
    }
}

/// The event that ends Responses: the next in the count, with all that is known
/// of the response.
fn failed_response(failure: &Failure, last: &[u8]) -> Value {
    #[derive(Deserialize, Default)]
    struct Last {
        #[serde(default)]
        sequence_number: Option<u64>,
    }
    let last: Last = serde_json::from_slice(last).unwrap_or_default();
    let number = last.sequence_number.map_or(0, |number| number + 1);
    let error = json!({ "code": failure.rule().name, "message": failure.to_string() });
    json!({
        "type": "response.failed",
        "sequence_number": number,
        "response": {
            "object": "response",
            "status": "failed",
            "error": error,
            "incomplete_details": null,
            "output": [],
        },
    })
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
