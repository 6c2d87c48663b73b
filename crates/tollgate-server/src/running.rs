//! Knows when the last answer is gone: a connection's end comes before that of
//! what it carried, and whoever books what was cut must wait for the latter.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::middleware::{self, Next};
use axum::{Router, response};
use futures_util::StreamExt;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Held by every request until its answer is gone.
type Guard = Sender<Infallible>;

/// Waits for answers.
#[derive(Debug)]
pub(crate) struct Running(Receiver<Infallible>);

impl Running {
    /// Watches the answers of a router.
    pub(crate) fn watch(router: Router) -> (Router, Self) {
        let (guard, receiver) = mpsc::channel(1);
        let hold = move |request: Request, next: Next| hold(guard.clone(), request, next);
        (router.layer(middleware::from_fn(hold)), Self(receiver))
    }

    /// Waits until the router and every answer of it are gone.
    pub(crate) async fn ended(mut self) {
        // Nothing is ever sent; the channel ends with its last guard.
        let _ = self.0.recv().await;
    }
}

async fn hold(guard: Guard, request: Request, next: Next) -> response::Response {
    let response = next.run(request).await;
    until_gone(response, guard)
}

/// Keeps a value until a response is gone, be it sent, cut or dropped.
pub(crate) fn until_gone<T: Send + 'static>(response: Response<Body>, kept: T) -> Response<Body> {
    // What is told in one piece has ended before it is sent.
    if size_of_whole(&response).is_some() {
        return response;
    }
    response.map(|body| {
        let frames = body.into_data_stream().map(move |frame| {
            let _kept = &kept;
            frame
        });
        Body::from_stream(frames)
    })
}

fn size_of_whole(response: &Response<Body>) -> Option<u64> {
    use axum::body::HttpBody;
    response.body().size_hint().exact()
}
