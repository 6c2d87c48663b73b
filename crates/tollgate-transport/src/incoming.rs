//! The bytes of an answer, with a limit on each wait.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::send::HttpBody;

/// How long the body of an error may take, all in all.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);

type BoxError = Box<dyn Error + Send + Sync>;

/// The body of an answer on its way. Dropping it closes the connection, unless it was read to
/// its end.
#[derive(Debug)]
pub(crate) struct Incoming {
    body: HttpBody,
    idle: Duration,
    /// Runs from the begin of each wait. It is one for all of them, since moving a timer on costs
    /// little and making one does not; and what does not wait has none.
    silence: Option<Pin<Box<Sleep>>>,
}

/// Why no more bytes come.
#[derive(Debug)]
pub(crate) enum Gone {
    /// None came for this long.
    Idle(Duration),
    /// The connection broke.
    Broken(BoxError),
    /// The body is longer than this many bytes.
    TooLong(usize),
}

impl Incoming {
    pub(crate) fn new(body: HttpBody, idle: Duration) -> Self {
        Self {
            body,
            idle,
            silence: None,
        }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Gone> {
        loop {
            let Some(next) = self.within_idle().await else {
                return Err(Gone::Idle(self.idle));
            };
            match next
                .transpose()
                .map_err(Gone::Broken)?
                .map(Frame::into_data)
            {
                Some(Ok(bytes)) => return Ok(Some(bytes)),
                // Trailers say nothing that is needed.
                Some(Err(_)) => continue,
                None => return Ok(None),
            }
        }
    }

    /// What comes next, be it the end; `None` when nothing has come for too long. What is there
    /// already needs no timer, and a body in one piece mostly is when its head is read.
    async fn within_idle(&mut self) -> Option<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut waits = false;
        poll_fn(|context| {
            if let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(context) {
                return Poll::Ready(Some(next));
            }
            let until = Instant::now() + self.idle;
            let silence = self
                .silence
                .get_or_insert_with(|| Box::pin(sleep_until(until)));
            if !waits {
                silence.as_mut().reset(until);
                waits = true;
            }
            silence.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// All bytes up to the end.
    pub(crate) async fn all(&mut self, limit: usize) -> Result<Bytes, Gone> {
        let Some(first) = self.next().await? else {
            return Ok(Bytes::new());
        };
        let mut whole = BytesMut::from(first);
        while whole.len() <= limit {
            match self.next().await? {
                Some(more) => whole.extend_from_slice(&more),
                None => return Ok(whole.freeze()),
            }
        }
        Err(Gone::TooLong(limit))
    }

    /// As many bytes as come in good time before the end, the limit or a fault: for the bodies
    /// of errors, whose status says most. A body that does not come must not hold up the next
    /// attempt.
    pub(crate) async fn some(&mut self, limit: usize) -> Bytes {
        let mut some = BytesMut::new();
        let to_the_end = async {
            while let Ok(Some(more)) = self.next().await {
                some.extend_from_slice(&more);
                if some.len() >= limit {
                    break;
                }
            }
        };
        // What has come by then is what there is.
        let _ = timeout(ERROR_PATIENCE, to_the_end).await;
        some.freeze()
    }

    /// Reads to the end if it is near, so that the connection can be used again.
    pub(crate) async fn linger(&mut self, at_most: Duration) {
        let to_the_end = async { while let Ok(Some(_)) = self.next().await {} };
        // Not in time is no harm: the connection is closed.
        let _ = timeout(at_most, to_the_end).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::stream;
    use http_body_util::{BodyExt, Full, StreamBody};
    use tokio::time::sleep;

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_is_there_already_needs_no_timer() {
        let body = Full::from("whole").map_err(|never| match never {});
        let mut incoming = Incoming::new(body.boxed_unsync(), IDLE);
        assert_eq!(incoming.all(16).await.unwrap(), "whole");
        assert!(incoming.silence.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_all_of_the_time() {
        let pieces = stream::unfold(0, |count| async move {
            match count {
                3 => pending().await,
                _ => sleep(IDLE * 9 / 10).await,
            }
            Some((Ok(Frame::data(Bytes::from_static(b"piece"))), count + 1))
        });
        let mut incoming = Incoming::new(StreamBody::new(pieces).boxed_unsync(), IDLE);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(incoming.next().await.unwrap().unwrap(), "piece");
        }
        assert!(matches!(incoming.next().await, Err(Gone::Idle(IDLE))));
        assert_eq!(start.elapsed(), IDLE * 9 / 10 * 3 + IDLE);
    }
}
