use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tollgate::{Answer, FrameKind, Gateway, StreamMode};

use crate::asked::Asked;
use crate::reply::Refusal;
use crate::{disclose, events};

/// `POST /v1/chat/completions`
pub(crate) async fn complete(
    State(gateway): State<Gateway>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let answer = gateway.chat(asked.order).await?;
    let disclosed = disclose::answer(&answer);
    let mut response = match asked.mode {
        StreamMode::Stream => stream(answer),
        StreamMode::Whole => whole(answer).await?,
    };
    response.headers_mut().extend(disclosed);
    Ok(response)
}

fn stream(answer: Answer) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(events::of(answer))).into_response()
}

/// The upstream's body, byte for byte, with cost and attempts in headers.
async fn whole(mut answer: Answer) -> Result<Response, Refusal> {
    let mut body = Bytes::new();
    while let Some(frame) = answer.next().await {
        match frame {
            Ok(frame) if frame.kind == FrameKind::Body => body = frame.data,
            Ok(_) => {}
            Err(failure) => return Err(answer.into_error(failure).into()),
        }
    }
    let headers = [(header::CONTENT_TYPE, "application/json")];
    let mut response = (headers, Body::from(body)).into_response();
    if let Some(receipt) = answer.receipt() {
        response.headers_mut().extend(disclose::receipt(receipt));
    }
    Ok(response)
}
