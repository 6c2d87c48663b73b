use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use tollgate::{ChatRequest, Failure, FailureKind, Order, StreamMode};

use crate::reply::Refusal;
use crate::router::MAX_BODY_BYTES;
use crate::{hints, patience};

/// A chat as it was asked for over HTTP: the body, and what the headers add.
pub(crate) struct Asked {
    pub(crate) order: Order,
    pub(crate) mode: StreamMode,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let hints = hints::read(request.headers())?;
        let patience = patience::read(request.headers())?;
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                Refusal::of_http(rejection.status(), "the request's body cannot be read")
                    .with_hint(format!("at most {MAX_BODY_BYTES} bytes are read"))
            })?;
        let chat = ChatRequest::parse(&body).map_err(|error| {
            Failure::new(
                FailureKind::InvalidRequest,
                format!("the request is not a chat: {error}"),
            )
        })?;
        let mode = match chat.stream() {
            true => StreamMode::Stream,
            false => StreamMode::Whole,
        };
        let order = Order::from(chat).with_hints(hints);
        Ok(Self {
            mode,
            order: match patience {
                Some(patience) => order.with_timeout(patience),
                None => order,
            },
        })
    }
}
