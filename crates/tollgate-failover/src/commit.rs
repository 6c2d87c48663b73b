//! Reading a reply up to the commit point. Until then nothing was shown, so
//! everything can still be undone.

use std::collections::VecDeque;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};
use tollgate_core::{
    Delivery, Failure, FailureKind, Finish, Frame, FrameKind, Frames, Head, Reply, Scope, Served,
    UsageReport,
};

use crate::config::OnRefusal;
use crate::limits::Buffer;
use crate::watch::Idle;

/// When an answer counts as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitPoint {
    /// With its first semantic frame, or as much after it as is held back: what
    /// follows is shown as it comes.
    Begun(Buffer),
    /// At its end: nothing is shown before.
    End,
}

impl CommitPoint {
    pub(crate) fn of(delivery: Delivery, buffer: Buffer) -> Self {
        match delivery {
            Delivery::Stream => Self::Begun(buffer),
            Delivery::Whole => Self::End,
        }
    }

    /// When an answer is given however little of it is there.
    fn ripe_at(self, seen: &Seen) -> Option<Instant> {
        match self {
            Self::Begun(buffer) if !buffer.span.is_zero() => {
                seen.first_semantic.map(|first| first + buffer.span)
            }
            _ => None,
        }
    }

    /// Whether enough of an answer is there to give it.
    fn is_reached(self, seen: &Seen) -> bool {
        let Self::Begun(buffer) = self else {
            return false;
        };
        let waits_for_time_only = buffer.bytes == 0 && !buffer.span.is_zero();
        seen.first_semantic.is_some() && seen.output_bytes >= buffer.bytes && !waits_for_time_only
    }
}

/// How long an attempt may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timers {
    /// Until when the first semantic frame must be there.
    pub(crate) first: Instant,
    /// Whose fault it is when it is not: a target's own only if it had its full time.
    pub(crate) first_scope: Scope,
    /// Longest silence after it.
    pub(crate) idle: std::time::Duration,
    /// When the call's time is over.
    pub(crate) deadline: Instant,
    /// What a refusal by policy means.
    pub(crate) on_refusal: OnRefusal,
    /// How many answers the stream holds.
    pub(crate) answers: u64,
    /// Bytes of output that the call can still pay for; no limit when absent.
    pub(crate) affordable: Option<u64>,
}

impl Timers {
    /// The failure of an attempt that showed nothing in time.
    pub(crate) fn late(&self) -> Failure {
        if self.first >= self.deadline {
            return out_of_time();
        }
        Failure::new(
            FailureKind::Silent,
            "the upstream sent no part of an answer in time",
        )
        .with_scope(self.first_scope)
    }
}

/// The failure of a call whose total time is over.
pub(crate) fn out_of_time() -> Failure {
    Failure::new(FailureKind::Deadline, "the call's total time is over")
        .with_hint("allow more time, or ask for a shorter answer")
}

/// Most bytes of frames that are held back.
const MOST_HELD_BACK: usize = 64 << 20;

/// About what a frame takes beside its data.
const FRAME_OVERHEAD: usize = 64;

/// What was seen of a reply before its commit point.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) served: Served,
    pub(crate) usage: Option<Box<UsageReport>>,
    pub(crate) output_bytes: u64,
    /// Bytes of all frames, with a little for each.
    held_bytes: usize,
    /// When the first semantic frame came.
    pub(crate) first_semantic: Option<Instant>,
    /// Why the answer ends, once it has said so.
    pub(crate) finish: Option<Finish>,
    /// Whether the upstream's end was seen.
    ended: bool,
}

/// A committed reply.
pub(crate) struct Committed {
    pub(crate) head: Head,
    pub(crate) seen: Seen,
    /// Frames that came so far, without keep-alives: they have done their work.
    pub(crate) held_back: VecDeque<Frame>,
    /// The rest; `None` when the upstream's end was seen.
    pub(crate) rest: Option<Frames>,
}

/// Reads until the commit point. An answer that ends well before it is an
/// answer: a model may have nothing to say, if it says so.
///
/// # Errors
/// The failure, with what was seen before it.
///
/// # Cancellation
/// Dropping the future drops the reply, which closes the upstream.
pub(crate) async fn read_until(
    point: CommitPoint,
    reply: Reply,
    timers: Timers,
) -> Result<Committed, (Seen, Failure)> {
    let Reply { head, mut frames } = reply;
    let mut seen = Seen::of_head(&head);
    let mut held_back = VecDeque::new();
    let mut idle = Idle::new(timers.idle);
    loop {
        let next = next(&mut frames, &mut idle, &seen, &timers);
        let came = match point.ripe_at(&seen) {
            None => next.await,
            Some(moment) => timeout_at(moment, next).await.unwrap_or(Ok(Came::Ripe)),
        };
        match came {
            Err(failure) if lacks_usage_only(seen.finish, timers.answers, &failure) => {
                return seen.ended(head, held_back, &timers);
            }
            Err(failure) => return Err((seen, unseen(failure))),
            Ok(Came::End) => return seen.ended(head, held_back, &timers),
            Ok(Came::Frame(frame)) => {
                seen.note(&frame);
                if let Err(failure) = seen.within_limits(&timers) {
                    return Err((seen, failure));
                }
                if frame.kind != FrameKind::KeepAlive {
                    held_back.push_back(*frame);
                }
                if !point.is_reached(&seen) {
                    continue;
                }
            }
            Ok(Came::Ripe) => {}
        }
        return Ok(Committed {
            head,
            seen,
            held_back,
            rest: Some(frames),
        });
    }
}

/// What comes of a reply.
enum Came {
    Frame(Box<Frame>),
    End,
    /// Nothing more, but what is there is to be given now.
    Ripe,
}

async fn next(
    frames: &mut Frames,
    idle: &mut Idle,
    seen: &Seen,
    timers: &Timers,
) -> Result<Came, Failure> {
    let next = match seen.first_semantic {
        None => timeout_at(timers.first, frames.next())
            .await
            .map_err(|_| timers.late())?,
        Some(_) => idle.next(frames, Instant::now(), timers.deadline).await?,
    };
    match next {
        Some(frame) => frame.map(Box::new).map(Came::Frame),
        None => Ok(Came::End),
    }
}

impl Seen {
    /// What a reply's head tells.
    pub(crate) fn of_head(head: &Head) -> Self {
        let mut seen = Self::default();
        seen.served.generation.clone_from(&head.generation);
        seen
    }

    /// What a refusal tells.
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        let mut seen = Self::default();
        seen.served.generation = failure.generation().cloned();
        seen
    }

    /// The report on all of the answer. Some upstreams report usage all along;
    /// what an unfinished answer reported is not the whole.
    pub(crate) fn whole_usage(&self) -> Option<&UsageReport> {
        let usage = self.usage.as_deref();
        usage.filter(|_| self.ended || self.finish.is_some())
    }

    fn note(&mut self, frame: &Frame) {
        let facts = &frame.facts;
        self.output_bytes += u64::from(facts.output_bytes);
        self.held_bytes += frame.data.len() + FRAME_OVERHEAD;
        self.finish = facts.finish.or(self.finish);
        if facts.semantic {
            self.first_semantic.get_or_insert_with(Instant::now);
        }
        if let Some(served) = &facts.served {
            self.served.update(served);
        }
        if facts.usage.is_some() {
            self.usage.clone_from(&facts.usage);
        }
    }

    /// What is read before anything is shown is bounded as well: by what the
    /// call can pay, and by memory.
    fn within_limits(&self, timers: &Timers) -> Result<(), Failure> {
        if timers
            .affordable
            .is_some_and(|most| self.output_bytes > most)
        {
            return Err(Failure::new(
                FailureKind::CostLimit,
                "the answer reached the call's cost limit",
            )
            .with_hint("raise the limit, or ask for fewer tokens")
            .stop());
        }
        if self.held_bytes > MOST_HELD_BACK {
            return Err(Failure::new(
                FailureKind::BadReply,
                "the upstream sends more than is held back before an answer begins or ends",
            ));
        }
        Ok(())
    }

    /// Whether a filter took the whole answer away, and others may be asked.
    fn is_refused(&self, on_refusal: OnRefusal) -> bool {
        on_refusal == OnRefusal::FailOver
            && self.finish == Some(Finish::ContentFilter)
            && self.output_bytes == 0
    }

    fn ended(
        mut self,
        head: Head,
        held_back: VecDeque<Frame>,
        timers: &Timers,
    ) -> Result<Committed, (Self, Failure)> {
        self.ended = true;
        if self.first_semantic.is_none() && self.finish.is_none() {
            let failure = Failure::new(FailureKind::BadReply, "the upstream's answer is empty");
            return Err((self, failure));
        }
        if self.is_refused(timers.on_refusal) {
            let failure = Failure::new(FailureKind::ContentPolicy, "a filter left no answer");
            return Err((self, failure));
        }
        Ok(Committed {
            head,
            seen: self,
            held_back,
            rest: None,
        })
    }
}

/// Whether nothing but its usage is missing of an answer that ends like this:
/// it has said why it ends, and then only silence came. With several answers in
/// one stream nobody here knows which of them have ended.
pub(crate) fn lacks_usage_only(finish: Option<Finish>, answers: u64, failure: &Failure) -> bool {
    finish.is_some() && answers == 1 && failure.kind() == FailureKind::Silent
}

/// What a broken answer means while nobody has seen any of it: who reports it
/// as cut cannot know that it was held back.
fn unseen(failure: Failure) -> Failure {
    if failure.kind() != FailureKind::Truncated {
        return failure;
    }
    let rule = failure.rule();
    Failure::new(
        FailureKind::Interrupted,
        "the answer broke off before any of it was shown",
    )
    .with_scope(rule.scope)
    .with_billed(rule.billed)
    .with_source(failure)
}
