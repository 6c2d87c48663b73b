//! Performs a script for one client, and notices when the client goes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::fault::Ending;
use crate::script::{Head, Script, Step};

/// Between two comments of an endless row of them.
const COMMENT_GAP: Duration = Duration::from_millis(250);

/// What became of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: Option<u16>,
    pub(crate) bytes: u64,
    pub(crate) tokens: u64,
    /// The client went before the script ended.
    pub(crate) cancelled: bool,
}

/// The connection broke, on the simulator's side and on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulated connection broke")]
pub struct Broken;

/// Tells the connection to end with a reset instead of a close.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResetFlag(Arc<AtomicBool>);

impl ResetFlag {
    fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Performs the script; `settle` is called once, before the client can know
/// that it has everything, so that a bill is never behind its answer.
pub(crate) async fn play(
    script: Script,
    seat: oneshot::Sender<Response<Body>>,
    reset: ResetFlag,
    settle: impl FnOnce(Outcome),
) {
    let last = script
        .steps
        .iter()
        .rposition(|step| matches!(step, Step::Send(_)))
        .unwrap_or(script.steps.len());
    let endless = script
        .steps
        .iter()
        .any(|step| matches!(step, Step::Comments(_) | Step::Silence));
    let mut player = Player {
        line: Line::Waiting(seat),
        outcome: Outcome::default(),
        settle: Some(settle),
    };
    for (index, step) in script.steps.into_iter().enumerate() {
        let is_last = index == last && !endless && script.ending == Ending::Clean;
        if player.perform(step, is_last).await.is_err() {
            player.outcome.cancelled = true;
            player.settle();
            return;
        }
    }
    player.settle();
    player.end(script.ending, &reset).await;
}

struct Player<F: FnOnce(Outcome)> {
    line: Line,
    outcome: Outcome,
    settle: Option<F>,
}

/// The way to the client.
enum Line {
    /// Nothing is sent yet.
    Waiting(oneshot::Sender<Response<Body>>),
    /// The head is out, the body follows.
    Open(mpsc::Sender<Result<Bytes, Broken>>),
    /// The client went.
    Gone,
}

/// The client went.
struct Gone;

impl<F: FnOnce(Outcome)> Player<F> {
    async fn perform(&mut self, step: Step, is_last: bool) -> Result<(), Gone> {
        match step {
            Step::Wait(wait) => self.line.wait(sleep(wait)).await,
            Step::Head(head) => {
                self.outcome.status = Some(head.status);
                self.line.open(&head)
            }
            Step::Send(piece) => {
                let Line::Open(body) = &self.line else {
                    return Err(Gone);
                };
                let permit = body.reserve().await.map_err(|_| Gone)?;
                self.outcome.bytes += piece.bytes.len() as u64;
                self.outcome.tokens += piece.tokens;
                if is_last && let Some(settle) = self.settle.take() {
                    settle(self.outcome);
                }
                permit.send(Ok(piece.bytes));
                Ok(())
            }
            Step::Comments(keep_alive) => loop {
                self.line.wait(sleep(COMMENT_GAP)).await?;
                let Line::Open(body) = &self.line else {
                    return Err(Gone);
                };
                body.send(Ok(Bytes::from_static(keep_alive)))
                    .await
                    .map_err(|_| Gone)?;
                self.outcome.bytes += keep_alive.len() as u64;
            },
            Step::Silence => self.line.wait(std::future::pending()).await,
        }
    }

    fn settle(&mut self) {
        if let Some(settle) = self.settle.take() {
            settle(self.outcome);
        }
    }

    async fn end(self, ending: Ending, reset: &ResetFlag) {
        if ending == Ending::Reset {
            reset.raise();
        }
        // A seat or body that is dropped without more is a clean end for an open
        // body, and a broken connection where there is no head yet.
        if let (Line::Open(body), Ending::Close | Ending::Reset) = (self.line, ending) {
            // An error means that the client went first; nothing is left to break.
            let _ = body.send(Err(Broken)).await;
        }
    }
}

impl Line {
    /// Waits, unless the client goes first.
    async fn wait(&mut self, event: impl Future<Output = ()>) -> Result<(), Gone> {
        let gone = async {
            match self {
                Self::Waiting(seat) => seat.closed().await,
                Self::Open(body) => body.closed().await,
                Self::Gone => {}
            }
        };
        tokio::select! {
            biased;
            () = gone => Err(Gone),
            () = event => Ok(()),
        }
    }

    fn open(&mut self, head: &Head) -> Result<(), Gone> {
        let Self::Waiting(seat) = std::mem::replace(self, Self::Gone) else {
            return Err(Gone);
        };
        let (sender, receiver) = mpsc::channel(1);
        let body = Body {
            pieces: receiver,
            broken: false,
        };
        seat.send(response(head, body)).map_err(|_| Gone)?;
        *self = Self::Open(sender);
        Ok(())
    }
}

fn response(head: &Head, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &head.headers {
        // Scenarios are checked when they are read, so both always succeed.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The body that the client receives, a frame for each piece that goes out together. Dropping it is
/// a client that goes away.
#[derive(Debug)]
pub struct Body {
    pieces: mpsc::Receiver<Result<Bytes, Broken>>,
    broken: bool,
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.broken {
            return Poll::Ready(Some(Err(Broken)));
        }
        match self.pieces.poll_recv(context) {
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Poll::Ready(Some(Err(Broken))) => {
                // The server throws away what it has not flushed when a body
                // fails, and flushes when a body has nothing: so have nothing once.
                self.broken = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
