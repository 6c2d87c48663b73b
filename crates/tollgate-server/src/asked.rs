use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use tollgate::{Failure, FailureKind, Order, StreamMode, Surface};

use crate::pages::caller;
use crate::reply::Refusal;
use crate::router::MAX_BODY_BYTES;
use crate::{hints, patience};

/// A request as it was asked for over HTTP: the body, and what the headers add.
pub(crate) struct Asked {
    pub(crate) order: Order,
    pub(crate) mode: StreamMode,
}

impl Asked {
    /// Reads a request of a surface.
    pub(crate) async fn read(surface: Surface, request: Request) -> Result<Self, Refusal> {
        let hints = hints::read(request.headers())?;
        let patience = patience::read(request.headers())?;
        let caller = caller::of(request.extensions());
        let body = Bytes::from_request(request, &())
            .await
            .map_err(|rejection| {
                Refusal::of_http(rejection.status(), "the request's body cannot be read")
                    .with_hint(format!("at most {MAX_BODY_BYTES} bytes are read"))
            })?;
        let request = tollgate::Request::parse(surface, &body).map_err(|error| {
            Failure::new(
                FailureKind::InvalidRequest,
                format!("the request cannot be read: {error}"),
            )
        })?;
        let mode = match request.stream() {
            true => StreamMode::Stream,
            false => StreamMode::Whole,
        };
        let order = Order::from(request).with_hints(hints).with_caller(caller);
        Ok(Self {
            mode,
            order: match patience {
                Some(patience) => order.with_timeout(patience),
                None => order,
            },
        })
    }
}
