use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use tollgate::{ChatOrder, ChatRequest, Failure, FailureKind, StreamMode};

use crate::reply::Refusal;
use crate::{fields, hints, patience};

/// A chat as it was asked for over HTTP: the body, and what the headers add.
pub(crate) struct Asked {
    pub(crate) order: ChatOrder,
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
            })?;
        let chat = ChatRequest::parse(&body).and_then(|chat| {
            fields::check(chat.object())?;
            Ok(chat)
        });
        let chat = chat.map_err(|error| {
            Failure::new(
                FailureKind::InvalidRequest,
                format!("the request is not a chat: {error}"),
            )
        })?;
        let mode = match chat.stream() {
            true => StreamMode::Stream,
            false => StreamMode::Whole,
        };
        let order = ChatOrder::from(chat).with_hints(hints);
        Ok(Self {
            mode,
            order: match patience {
                Some(patience) => order.with_timeout(patience),
                None => order,
            },
        })
    }
}
