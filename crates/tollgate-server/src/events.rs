//! Answers as server-sent events.

use std::convert::Infallible;

use axum::body::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tollgate::{Answer, Failure, FailureKind, Frame, FrameKind};

use crate::{chunks, reply};

/// The events of an answer. The end marker is sent only when the answer is
/// complete; a cut one ends with an error event.
pub(crate) fn of(answer: Answer) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some(answer), |answer| async {
        let mut answer = answer?;
        let Some(frame) = answer.next().await else {
            return Some((Ok(Bytes::from_static(b"data: [DONE]\n\n")), None));
        };
        Some(match frame.and_then(|frame| text(&frame)) {
            Ok(text) => (Ok(text), Some(answer)),
            Err(failure) => (Ok(error(&failure)), None),
        })
    })
}

/// A frame as the events that it makes: one, or those of a whole answer.
fn text(frame: &Frame) -> Result<Bytes, Failure> {
    let mut text = Vec::new();
    match frame.kind {
        FrameKind::KeepAlive => write_line(&mut text, b": ", &frame.data),
        FrameKind::Event => write_line(&mut text, b"data: ", &frame.data),
        FrameKind::Body => {
            let chunks = chunks::of_body(&frame.data).map_err(|error| {
                Failure::new(
                    FailureKind::BadReply,
                    "the upstream's answer cannot be streamed",
                )
                .with_source(error)
            })?;
            for chunk in chunks {
                write_line(&mut text, b"data: ", &chunk.to_vec());
            }
        }
        FrameKind::Done => {}
        FrameKind::Notice => {}
    }
    Ok(text.into())
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

fn error(failure: &Failure) -> Bytes {
    let mut body = reply::body(failure);
    body["choices"] = serde_json::json!([
        { "index": 0, "delta": { "content": "" }, "finish_reason": "error" }
    ]);
    format!("data: {body}\n\n").into()
}
