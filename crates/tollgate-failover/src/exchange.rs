//! One attempt on its way to its commit point, and two side by side.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tollgate_core::{Attempt, Failure, LimitLeft, LlmProvider, Reply};
use tracing::{Instrument, Span};

use crate::commit::{CommitPoint, Committed, Seen, Timers, read_until};
use crate::record::Running;

/// What is learned of an attempt before its commit point.
pub(crate) enum Progress {
    /// Its head is there.
    Head { known: Seen, limits: Vec<LimitLeft> },
    /// It is committed, or failed; the last item.
    Over(Box<Result<Committed, (Seen, Failure)>>),
}

/// Sends the attempt and reads up to the commit point. Dropping it closes the
/// upstream. What sends it runs in the attempt's span.
pub(crate) fn exchange<'a>(
    provider: &'a dyn LlmProvider,
    attempt: Arc<Attempt>,
    point: CommitPoint,
    timers: Timers,
    span: Span,
) -> impl Stream<Item = Progress> + Send + 'a {
    stream::unfold(Stage::Send(attempt, span), move |stage| async move {
        match stage {
            Stage::Send(attempt, span) => {
                Some(send(provider, &attempt, timers).instrument(span).await)
            }
            Stage::Read(reply) => {
                let outcome = Box::new(read_until(point, *reply, timers).await);
                Some((Progress::Over(outcome), Stage::Over))
            }
            Stage::Over => None,
        }
    })
}

enum Stage {
    Send(Arc<Attempt>, Span),
    Read(Box<Reply>),
    Over,
}

async fn send(provider: &dyn LlmProvider, attempt: &Attempt, timers: Timers) -> (Progress, Stage) {
    let failed = |seen, failure| (Progress::Over(Box::new(Err((seen, failure)))), Stage::Over);
    match timeout_at(timers.first, provider.send(attempt)).await {
        Ok(Ok(reply)) => {
            let head = Progress::Head {
                known: Seen::of_head(&reply.head),
                limits: reply.head.limits.clone(),
            };
            (head, Stage::Read(Box::new(reply)))
        }
        Ok(Err(failure)) => failed(Seen::of_failure(&failure), failure),
        Err(_) => failed(Seen::default(), timers.late()),
    }
}

/// An attempt that was sent, with its way to the commit point.
pub(crate) struct Racer<'a> {
    pub(crate) running: Running<'a>,
    /// What is known of it so far.
    pub(crate) known: Seen,
    progress: Pin<Box<dyn Stream<Item = Progress> + Send + 'a>>,
}

impl<'a> Racer<'a> {
    pub(crate) fn new(
        running: Running<'a>,
        progress: impl Stream<Item = Progress> + Send + 'a,
    ) -> Self {
        Self {
            running,
            known: Seen::default(),
            progress: progress.fuse().boxed(),
        }
    }
}

/// One attempt, and perhaps a second one beside it.
pub(crate) struct Race<'a> {
    racers: Vec<Racer<'a>>,
    slow_at: Option<Pin<Box<Sleep>>>,
    /// What was learned while something else was waited for, oldest first.
    learned: VecDeque<Turn>,
}

/// What happens next in a race.
pub(crate) enum Turn {
    /// The first attempt shows nothing for too long; said once.
    Slow,
    /// Something is learned of the racer at that place.
    Progress(usize, Progress),
}

impl Turn {
    fn is_answer(&self) -> bool {
        match self {
            Self::Progress(_, Progress::Over(outcome)) => outcome.is_ok(),
            _ => false,
        }
    }
}

impl<'a> Race<'a> {
    pub(crate) fn new(racer: Racer<'a>, slow_at: Option<Instant>) -> Self {
        Self {
            racers: vec![racer],
            slow_at: slow_at.map(|moment| Box::pin(sleep_until(moment))),
            learned: VecDeque::new(),
        }
    }

    /// The attempt that was sent first.
    pub(crate) fn first(&self) -> &Running<'a> {
        &self.racers[0].running
    }

    pub(crate) fn join(&mut self, racer: Racer<'a>) {
        self.racers.push(racer);
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> &mut Racer<'a> {
        &mut self.racers[place]
    }

    /// Takes a racer out, whose attempt is over.
    pub(crate) fn leave(&mut self, place: usize) -> Racer<'a> {
        self.racers.remove(place)
    }

    /// Whoever is still running.
    pub(crate) fn other(&mut self) -> Option<Racer<'a>> {
        self.racers.pop()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.racers.is_empty()
    }

    /// The next turn.
    pub(crate) async fn next(&mut self) -> Turn {
        match self.learned.pop_front() {
            Some(turn) => turn,
            None => self.learn().await,
        }
    }

    /// What another future comes to, unless an answer is there first: then it is
    /// dropped. The race goes on meanwhile, and what is learned comes as the
    /// next turns.
    pub(crate) async fn unless_answered<T>(&mut self, other: impl Future<Output = T>) -> Option<T> {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                biased;
                turn = self.learn() => {
                    let is_answered = turn.is_answer();
                    self.learned.push_back(turn);
                    if is_answered {
                        return None;
                    }
                }
                done = &mut other => return Some(done),
            }
        }
    }

    /// Waits for the next turn. The attempt that was sent first is asked first, so
    /// that a race can be repeated exactly.
    async fn learn(&mut self) -> Turn {
        poll_fn(|context| {
            for (place, racer) in self.racers.iter_mut().enumerate() {
                if let Poll::Ready(Some(progress)) = racer.progress.as_mut().poll_next(context) {
                    return Poll::Ready(Turn::Progress(place, progress));
                }
            }
            match &mut self.slow_at {
                Some(sleep) => sleep.as_mut().poll(context).map(|()| {
                    self.slow_at = None;
                    Turn::Slow
                }),
                None => Poll::Pending,
            }
        })
        .await
    }
}
