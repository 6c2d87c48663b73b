//! Answers as server-sent events.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tollgate::{Answer, Failure, FailureKind, Frame, FrameKind};
use tollgate_wire::Object;

use crate::chat::Pending;
use crate::{chunks, disclose, reply};

/// Longest silence on an open stream.
const SILENCE: Duration = Duration::from_secs(10);

const COMMENT: Bytes = Bytes::from_static(b": waiting\n\n");
const DONE: &[u8] = b"[DONE]";

/// The events of an answer. The end marker is sent only when the answer is
/// complete; a cut one ends with an error event.
pub(crate) fn of(answer: Answer) -> impl Stream<Item = Bytes> {
    Telling::of(Source::Answer(Box::new(answer))).events()
}

/// The same for an answer that has not begun: a comment now, and whenever
/// nothing else was sent for a while.
pub(crate) fn awaited(chat: Pending) -> impl Stream<Item = Bytes> {
    stream::once(async { COMMENT }).chain(Telling::of(Source::Chat(chat)).events())
}

/// An answer on its way to a client.
struct Telling {
    source: Source,
    /// The last event, when it says what the answer used. It waits for what can
    /// only be said at the end.
    usage: Option<Vec<u8>>,
}

enum Source {
    Chat(Pending),
    Answer(Box<Answer>),
    Over,
}

impl Telling {
    fn of(source: Source) -> Self {
        Self {
            source,
            usage: None,
        }
    }

    fn events(self) -> impl Stream<Item = Bytes> {
        stream::unfold(self, |mut telling| async move {
            let text = match tokio::time::timeout(SILENCE, telling.next()).await {
                Ok(text) => text?,
                Err(_) => COMMENT,
            };
            Some((text, telling))
        })
    }

    /// The next text to send. It may be dropped while it waits.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let text = match &mut self.source {
                Source::Over => return None,
                Source::Chat(chat) => match chat.await {
                    Ok(answer) => {
                        self.source = Source::Answer(Box::new(answer));
                        continue;
                    }
                    Err(error) => self.failed(error.failure()),
                },
                Source::Answer(answer) => match answer.next().await {
                    Some(Ok(frame)) => match self.told(&frame) {
                        Ok(text) => text,
                        Err(failure) => self.failed(&failure),
                    },
                    Some(Err(failure)) => self.failed(&failure),
                    None => self.done(),
                },
            };
            if !text.is_empty() {
                return Some(text.into());
            }
        }
    }

    /// A frame as the events that it makes: one, or those of a whole answer.
    fn told(&mut self, frame: &Frame) -> Result<Vec<u8>, Failure> {
        if frame.kind == FrameKind::Done {
            return Ok(Vec::new());
        }
        let mut text = self.held_back();
        match frame.kind {
            FrameKind::KeepAlive => write_line(&mut text, b": ", &frame.data),
            FrameKind::Event if is_usage(frame) => self.usage = Some(frame.data.to_vec()),
            FrameKind::Event | FrameKind::Notice => write_line(&mut text, b"data: ", &frame.data),
            FrameKind::Body => {
                let mut chunks = chunks_of(frame)?;
                if frame.facts.usage.is_some() {
                    self.usage = chunks.pop();
                }
                for chunk in chunks {
                    write_line(&mut text, b"data: ", &chunk);
                }
            }
            FrameKind::Done => {}
        }
        Ok(text)
    }

    /// The end of a complete answer.
    fn done(&mut self) -> Vec<u8> {
        if let (Source::Answer(answer), Some(usage)) = (&self.source, &mut self.usage) {
            disclose_in(usage, answer);
        }
        let mut text = self.held_back();
        write_line(&mut text, b"data: ", DONE);
        self.source = Source::Over;
        text
    }

    /// The end of any other.
    fn failed(&mut self, failure: &Failure) -> Vec<u8> {
        let mut text = self.held_back();
        text.extend_from_slice(&failed(failure));
        self.source = Source::Over;
        text
    }

    fn held_back(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(usage) = self.usage.take() {
            write_line(&mut text, b"data: ", &usage);
        }
        text
    }
}

/// The event that ends an answer which is not complete.
pub(crate) fn failed(failure: &Failure) -> Bytes {
    let mut body = reply::body(failure);
    body["choices"] = serde_json::json!([
        { "index": 0, "delta": { "content": "" }, "finish_reason": "error" }
    ]);
    let mut text = Vec::new();
    write_line(&mut text, b"data: ", body.to_string().as_bytes());
    text.into()
}

/// Whether a frame says what was used, and nothing that a reader waits for.
fn is_usage(frame: &Frame) -> bool {
    frame.facts.usage.is_some() && !frame.facts.semantic
}

fn chunks_of(frame: &Frame) -> Result<Vec<Vec<u8>>, Failure> {
    let chunks = chunks::of_body(&frame.data).map_err(|error| {
        Failure::new(
            FailureKind::BadReply,
            "the upstream's answer cannot be streamed",
        )
        .with_source(error)
    })?;
    Ok(chunks.iter().map(Object::to_vec).collect())
}

/// Adds to the last event what headers say of answers that come whole.
fn disclose_in(usage: &mut Vec<u8>, answer: &Answer) {
    let Some(receipt) = answer.receipt() else {
        return;
    };
    if let Ok(mut event) = Object::parse(usage)
        && event
            .set("tollgate", &disclose::in_band(answer, receipt))
            .is_ok()
    {
        *usage = event.to_vec();
    }
}

fn write_line(text: &mut Vec<u8>, prefix: &[u8], data: &[u8]) {
    text.extend_from_slice(prefix);
    // A line end inside JSON can only be white space, so it may become a blank.
    text.extend(data.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        byte => *byte,
    }));
    text.extend_from_slice(b"\n\n");
}
