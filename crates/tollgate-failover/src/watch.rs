//! An answer after its commit point: it is shown as it comes, and can only
//! end, well or with a failure as its last item.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, Sleep, sleep_until};
use tollgate_core::{Failure, FailureKind, Finish, Frame, FrameKind, Frames, Origin, Planned};

use crate::commit::{lacks_usage_only, out_of_time};
use crate::health::HealthBook;
use crate::in_flight::Ticket;

/// A running answer, with who is told how it ends.
pub(crate) struct Watch {
    pub(crate) held_back: VecDeque<Frame>,
    pub(crate) rest: Option<Frames>,
    pub(crate) idle: Idle,
    pub(crate) deadline: Instant,
    /// Why the answer ends, once it has said so.
    pub(crate) finish: Option<Finish>,
    /// How many answers the stream holds.
    pub(crate) answers: u64,
    /// Present until it has spoken.
    pub(crate) witness: Option<Witness>,
}

/// Tells health how an attempt ended. Nobody is told of an answer that is
/// dropped: leaving is no evidence.
pub(crate) struct Witness {
    pub(crate) health: Arc<HealthBook>,
    pub(crate) planned: Planned,
    pub(crate) first_token: Option<Duration>,
    /// The attempt's slot, for as long as it runs.
    pub(crate) _ticket: Ticket,
}

impl Witness {
    pub(crate) fn worked(self) {
        self.health.worked(&self.planned, self.first_token);
    }

    fn failed(self, failure: &Failure) {
        self.health.failed(std::iter::once(&self.planned), failure);
    }
}

impl Watch {
    /// The frames: those held back, then the rest as it comes.
    pub(crate) fn into_frames(self) -> Frames {
        // What is large is not moved for each frame.
        stream::unfold(Box::new(self), |mut watch| async move {
            Some((watch.next().await?, watch))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<Frame, Failure>> {
        if let Some(frame) = self.held_back.pop_front() {
            return Some(Ok(frame));
        }
        let frames = self.rest.as_mut()?;
        // A slow reader finds frames that have come long ago: they do not
        // prolong the call.
        let now = Instant::now();
        let next = match now < self.deadline {
            true => self.idle.next(frames, now, self.deadline).await,
            false => Err(out_of_time()),
        };
        let failure = match next {
            Ok(Some(Ok(frame))) => {
                self.finish = frame.facts.finish.or(self.finish);
                // Readers may leave at the end marker, without asking for more.
                if frame.kind == FrameKind::Done {
                    self.end_seen();
                }
                return Some(Ok(frame));
            }
            Ok(None) => {
                self.end_seen();
                self.rest = None;
                return None;
            }
            Err(failure) if lacks_usage_only(self.finish, self.answers, &failure) => {
                self.end_seen();
                self.rest = None;
                return None;
            }
            Ok(Some(Err(failure))) | Err(failure) => failure,
        };
        if let Some(witness) = self.witness.take() {
            witness.failed(&failure);
        }
        self.rest = None;
        Some(Err(cut(failure)))
    }

    fn end_seen(&mut self) {
        if let Some(witness) = self.witness.take() {
            witness.worked();
        }
    }
}

/// What a failure means once some of the answer was seen: it is cut, whatever
/// the cause, and nobody may try again. A call whose own time is over was not
/// cut by the upstream.
fn cut(failure: Failure) -> Failure {
    if matches!(
        failure.kind(),
        FailureKind::Truncated | FailureKind::Deadline
    ) {
        return failure.stop();
    }
    let cause = failure.kind();
    let mut cut = Failure::new(FailureKind::Truncated, "the answer broke off in the middle")
        .with("cause", cause)
        .with_billed(failure.rule().billed);
    if let Some(status) = failure.status() {
        cut = cut.with_status(status);
    }
    // A moderation's cut is not the upstream's fault, and no reason to go on elsewhere.
    if failure.origin() == Origin::Caller {
        cut = cut.with_origin(Origin::Caller);
    }
    for (key, value) in failure.context() {
        cut = cut.with(key, value);
    }
    cut.with_source(failure).stop()
}

/// Measures silence between semantic frames. Comments and empty events do not
/// end it, and only time that was spent waiting counts: a slow reader is not a
/// silent upstream.
#[derive(Debug)]
pub(crate) struct Idle {
    limit: Duration,
    left: Duration,
    /// One for all waits, since moving a timer on costs little and making one does not.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            left: limit,
            timer: None,
        }
    }

    /// The next frame after `now`, or the failure of silence or of the call's total time.
    pub(crate) async fn next(
        &mut self,
        frames: &mut Frames,
        now: Instant,
        deadline: Instant,
    ) -> Result<Option<Result<Frame, Failure>>, Failure> {
        let until = now + self.left;
        let next = self.within(frames, until.min(deadline)).await;
        let Some(next) = next else {
            return Err(match deadline <= until {
                true => out_of_time(),
                false => self.silence(),
            });
        };
        self.left = match &next {
            Some(Ok(frame)) if frame.facts.semantic => self.limit,
            _ => self.left.saturating_sub(now.elapsed()),
        };
        Ok(next)
    }

    /// What comes next, be it the end; `None` when nothing has come until then. A frame that is
    /// there needs no timer, and most frames of a stream are there when they are asked for.
    async fn within(
        &mut self,
        frames: &mut Frames,
        until: Instant,
    ) -> Option<Option<Result<Frame, Failure>>> {
        let mut is_set = false;
        poll_fn(|context| {
            if let Poll::Ready(next) = frames.as_mut().poll_next(context) {
                return Poll::Ready(Some(next));
            }
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(until)));
            if !is_set {
                timer.as_mut().reset(until);
                is_set = true;
            }
            timer.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    fn silence(&self) -> Failure {
        let seconds = self.limit.as_secs_f64();
        Failure::new(
            FailureKind::Silent,
            format!("the upstream fell silent for {seconds} s"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_is_there_needs_no_timer() {
        let mut frames: Frames = stream::iter([Ok(Frame::done())]).boxed();
        let mut idle = Idle::new(LIMIT);
        let now = Instant::now();
        let next = idle.next(&mut frames, now, now + 2 * LIMIT).await;
        assert!(matches!(next, Ok(Some(Ok(_)))));
        assert!(idle.timer.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_measured_anew_from_each_wait_on() {
        let mut idle = Idle::new(LIMIT);
        let mut silent: Frames = stream::pending().boxed();
        for (limit, kind) in [(2, FailureKind::Silent), (1, FailureKind::Deadline)] {
            let now = Instant::now();
            let next = idle.next(&mut silent, now, now + limit * LIMIT).await;
            assert_eq!(next.err().map(|failure| failure.kind()), Some(kind));
            assert_eq!(now.elapsed(), LIMIT);
        }
    }
}
