//! Knows when the last answer is gone: a connection's end comes before that of
//! what it carried, and whoever books what was cut must wait for the latter.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Held by every request until its answer is gone.
pub(crate) type Guard = Sender<Infallible>;

/// Waits for answers.
#[derive(Debug)]
pub(crate) struct Running(Receiver<Infallible>);

impl Running {
    /// Watches the answers that hold the guard, or a clone of it.
    pub(crate) fn watch() -> (Guard, Self) {
        let (guard, receiver) = mpsc::channel(1);
        (guard, Self(receiver))
    }

    /// Waits until every guard is gone.
    pub(crate) async fn ended(mut self) {
        // Nothing is ever sent; the channel ends with its last guard.
        let _ = self.0.recv().await;
    }
}

/// Keeps a value until a response is gone, be it sent, cut or dropped.
pub(crate) fn until_gone<T: Send + Unpin + 'static>(
    response: Response<Body>,
    kept: T,
) -> Response<Body> {
    response.map(|body| Body::new(Kept { body, _kept: kept }))
}

/// A body with something that goes when it goes. Its size stays known, so that
/// an answer in one piece keeps its `content-length`.
struct Kept<T> {
    body: Body,
    _kept: T,
}

impl<T: Unpin> HttpBody for Kept<T> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
