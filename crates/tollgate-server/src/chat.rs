use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use tollgate::{Answer, ChatRequest, Failure, FailureKind, Frame, FrameKind, Gateway};

use crate::hints;
use crate::reply::{self, Refusal};

/// `POST /v1/chat/completions`
pub(crate) async fn complete(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let request = ChatRequest::parse(&body).map_err(|error| {
        Failure::new(
            FailureKind::InvalidRequest,
            format!("the request is not a chat: {error}"),
        )
    })?;
    let streamed = request.stream();
    let answer = gateway.chat(hints::order(request, &headers)?).await?;
    let disclosed = disclose(&answer);
    let mut response = if streamed {
        stream_events(answer)
    } else {
        whole_body(answer).await?
    };
    response.headers_mut().extend(disclosed);
    Ok(response)
}

/// What every answer says about itself.
fn disclose(answer: &Answer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let served = answer.served();
    let facts = [
        ("x-tollgate-model", Some(answer.model().to_string())),
        (
            "x-tollgate-provider",
            served.provider.as_ref().map(ToString::to_string),
        ),
        (
            "x-generation-id",
            served.generation.as_ref().map(ToString::to_string),
        ),
    ];
    for (name, value) in facts {
        if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The upstream's body, byte for byte, with cost and attempts in headers.
async fn whole_body(mut answer: Answer) -> Result<Response, Refusal> {
    let mut body = Bytes::new();
    while let Some(frame) = answer.next().await {
        let frame = frame?;
        if frame.kind == FrameKind::Body {
            body = frame.data;
        }
    }
    let mut response = (
        [(header::CONTENT_TYPE, "application/json")],
        Body::from(body),
    )
        .into_response();
    if let Some(receipt) = answer.receipt() {
        let headers = response.headers_mut();
        headers.insert(
            "x-tollgate-attempts",
            HeaderValue::from(receipt.attempts.len()),
        );
        if let Some(cost) = receipt.cost() {
            if let Ok(amount) = HeaderValue::from_str(&cost.amount().to_string()) {
                headers.insert("x-tollgate-cost", amount);
            }
            headers.insert(
                "x-tollgate-cost-source",
                HeaderValue::from_static(cost.source.as_str()),
            );
        }
    }
    Ok(response)
}

fn stream_events(answer: Answer) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(events(answer))).into_response()
}

/// The answer as server-sent events. The end marker is sent only when the
/// answer is complete; a cut one ends with an error event.
fn events(answer: Answer) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some(answer), |answer| async {
        let mut answer = answer?;
        Some(match answer.next().await {
            Some(Ok(frame)) => (Ok(event(&frame)), Some(answer)),
            Some(Err(failure)) => (Ok(error_event(&failure)), None),
            None => (Ok(Bytes::from_static(b"data: [DONE]\n\n")), None),
        })
    })
}

fn event(frame: &Frame) -> Bytes {
    let (prefix, data): (&[u8], &[u8]) = match frame.kind {
        FrameKind::KeepAlive => (b": ", &frame.data),
        FrameKind::Event | FrameKind::Body => (b"data: ", &frame.data),
        FrameKind::Done => return Bytes::new(),
    };
    // A line end inside JSON can only be white space, so it may become a blank.
    let data = data.iter().map(|byte| {
        if matches!(byte, b'\n' | b'\r') {
            b' '
        } else {
            *byte
        }
    });
    prefix.iter().copied().chain(data).chain(*b"\n\n").collect()
}

fn error_event(failure: &Failure) -> Bytes {
    let mut body = reply::body(failure);
    body["choices"] = serde_json::json!([
        { "index": 0, "delta": { "content": "" }, "finish_reason": "error" }
    ]);
    format!("data: {body}\n\n").into()
}
