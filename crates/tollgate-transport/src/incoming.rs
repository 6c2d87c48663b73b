//! The bytes of an answer, with a limit on each wait.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::send::HttpBody;

/// How long the body of an error may take, all in all.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);

/// The body of an answer on its way. Dropping it closes the connection, unless it was read to
/// its end.
#[derive(Debug)]
pub(crate) struct Incoming {
    body: HttpBody,
    idle: Duration,
    /// Runs from the begin of each wait. It is one for all of them, since moving a timer on costs
    /// little and making one does not.
    silence: Option<Pin<Box<Sleep>>>,
}

/// Why no more bytes come.
#[derive(Debug)]
pub(crate) enum Gone {
    /// None came for this long.
    Idle(Duration),
    /// The connection broke.
    Broken(Box<dyn Error + Send + Sync>),
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
            let until = Instant::now() + self.idle;
            let silence = match &mut self.silence {
                Some(silence) => {
                    silence.as_mut().reset(until);
                    silence
                }
                None => self.silence.insert(Box::pin(sleep_until(until))),
            };
            let next = tokio::select! {
                biased;
                next = self.body.frame() => next,
                () = silence => return Err(Gone::Idle(self.idle)),
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
