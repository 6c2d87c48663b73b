//! Answers over HTTP/2 of which the client takes no more.
//!
//! Over HTTP/1 such a client blocks its connection, which fails by itself. Over
//! HTTP/2 it can keep the window of a stream shut and answer pings all the same.
//! Then hyper waits for the window and does not ask the answer for more, so no
//! timer within the answer runs. The task of the stream can tell from outside.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use http_body::{Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Sleep, sleep};

/// The answer was asked for more and has none yet, or has not begun.
const ASKED: u8 = 0;
/// Something was handed out since the task of the stream has looked.
const HANDED_OUT: u8 = 1;
/// It is measured how long what was handed out waits for the client.
const MEASURED: u8 = 2;

tokio::task_local! {
    /// How the answer of the task's stream stands.
    static STANDING: Arc<AtomicU8>;
}

/// Runs the streams of HTTP/2 connections. One whose client takes nothing of
/// what is there for so long is dropped, which resets it and ends its call.
#[derive(Clone)]
pub(crate) struct Streams {
    pub(crate) limit: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(until_untaken(stream, self.limit));
    }
}

async fn until_untaken(stream: impl Future<Output = ()>, limit: Duration) {
    let standing = Arc::new(AtomicU8::new(ASKED));
    let mut stream = pin!(STANDING.scope(standing.clone(), stream));
    let mut waits: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // The stream is polled by this task alone, so nothing comes between.
        match standing.load(Ordering::Relaxed) {
            ASKED => waits = None,
            HANDED_OUT => {
                standing.store(MEASURED, Ordering::Relaxed);
                waits = Some(Box::pin(sleep(limit)));
            }
            _ => {}
        }
        match &mut waits {
            Some(waits) => waits.as_mut().poll(cx),
            None => Poll::Pending,
        }
    })
    .await;
}

/// Lets the task of a stream see how its answer stands. Answers over HTTP/1 are
/// left alone.
pub(crate) fn watched(response: Response<Body>) -> Response<Body> {
    match STANDING.try_with(Arc::clone) {
        Ok(standing) => response.map(|body| {
            standing.store(HANDED_OUT, Ordering::Relaxed);
            Body::new(Watched { body, standing })
        }),
        Err(_) => response,
    }
}

struct Watched {
    body: Body,
    standing: Arc<AtomicU8>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let standing = if polled.is_pending() {
            ASKED
        } else {
            HANDED_OUT
        };
        self.standing.store(standing, Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
