//! What becomes of an answer that breaks off after some of it was read.

use std::sync::Arc;

use serde_json::json;
use tollgate_core::{
    AfterCommit, AttemptRecord, Call, Delivery, Event, Exhausted, Facts, Failure, FailureKind,
    Frame, FrameKind, ModelId, Origin, Plan, Trip, Won,
};
use tollgate_wire::Surface;
use tracing::Instrument;

use crate::gateway::Parts;
use crate::meter::Meter;
use crate::pending::Pending;
use crate::resume::{Resumed, Shown};

/// What it takes to go on with a call whose answer broke off.
pub(crate) struct Onward {
    pub(crate) parts: Arc<Parts>,
    pub(crate) call: Call,
    pub(crate) plan: Plan,
    after_commit: AfterCommit,
    seen: Seen,
    shown: Shown,
}

/// What the caller has seen of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Something,
    /// Nothing, and it stays so until the answer is complete.
    NotBeforeItsEnd,
}

/// An attempt whose answer broke off.
pub(crate) struct Cut {
    /// What the caller is told when nobody goes on.
    pub(crate) failure: Failure,
    pub(crate) record: AttemptRecord,
}

/// How the answer goes on.
pub(crate) enum Way {
    /// Another target answers from the beginning.
    Restart,
    /// The same model goes on; it may begin with `overlap`, which was shown.
    Resume { overlap: String },
}

/// How a walk after a cut has ended.
pub(crate) struct Rejoined {
    pub(crate) onward: Box<Onward>,
    pub(crate) pending: Box<Pending>,
    pub(crate) cut: Cut,
    pub(crate) way: Way,
    pub(crate) result: Result<Won, Exhausted>,
}

impl Onward {
    pub(crate) fn new(parts: Arc<Parts>, call: Call, plan: Plan) -> Self {
        // The notice, and the way to go on, are those of chats.
        let after_commit = match call.request.surface() {
            Surface::Chat => call.hints.after_commit.unwrap_or(parts.after_commit),
            _ => AfterCommit::Error,
        };
        Self {
            after_commit,
            seen: match call.delivery {
                Delivery::Stream => Seen::Nothing,
                Delivery::Whole => Seen::NotBeforeItsEnd,
            },
            parts,
            call,
            plan,
            shown: Shown::default(),
        }
    }

    /// Takes what the caller should know of the plan.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.plan.warnings)
    }

    /// From now on nothing is shown before the answer's end: if nothing was
    /// shown so far, it may begin anew unseen.
    pub(crate) fn hide(&mut self) {
        if self.seen == Seen::Nothing {
            self.seen = Seen::NotBeforeItsEnd;
        }
    }

    /// Takes note of a frame that is shown. Whether a cut can still be mended
    /// after it.
    pub(crate) fn survives(&mut self, frame: &Frame) -> bool {
        if frame.kind == FrameKind::KeepAlive {
            return true;
        }
        self.seen = Seen::Something;
        match self.after_commit {
            AfterCommit::Restart => true,
            AfterCommit::Resume => self.shown.note(frame),
            _ => false,
        }
    }

    /// How the answer can go on after a failure, if it can. Only what the
    /// upstream cut goes on, not what the call's own limits did.
    pub(crate) fn way(&mut self, failure: &Failure, meter: &Meter) -> Option<Way> {
        if failure.kind() != FailureKind::Truncated || failure.origin() != Origin::Upstream {
            return None;
        }
        if self.seen != Seen::Something {
            return Some(Way::Restart);
        }
        // An answer that has said why it ends was told in full.
        if meter.finished() {
            return None;
        }
        match self.after_commit {
            AfterCommit::Restart => Some(Way::Restart),
            AfterCommit::Resume => {
                let Resumed {
                    call,
                    plan,
                    overlap,
                } = self
                    .shown
                    .resume(&self.parts, &self.call, meter.planned())?;
                (self.call, self.plan) = (call, plan);
                Some(Way::Resume { overlap })
            }
            _ => None,
        }
    }

    /// Books the attempt that broke off, and walks on.
    ///
    /// # Cancellation
    /// As [`walk_on`](Self::walk_on).
    pub(crate) async fn walk(
        self: Box<Self>,
        mut pending: Box<Pending>,
        cut: Cut,
        way: Way,
    ) -> Rejoined {
        let result = self.walk_on(&mut pending, cut.record.clone()).await;
        Rejoined {
            onward: self,
            pending,
            cut,
            way,
            result,
        }
    }

    /// Books a rejected attempt, and walks on with all other models.
    ///
    /// # Errors
    /// Why nobody else answers.
    ///
    /// # Cancellation
    /// As [`walk_on`](Self::walk_on).
    pub(crate) async fn replace(
        &mut self,
        pending: &mut Pending,
        rejected: AttemptRecord,
        model: &ModelId,
    ) -> Result<Won, Failure> {
        let rest = self.plan.only(|planned| planned.model != *model);
        self.plan = rest.ok_or_else(|| {
            Failure::new(
                FailureKind::NoCandidate,
                "there is no other model in the plan",
            )
        })?;
        let result = self.walk_on(pending, rejected).await;
        result.map_err(|exhausted| {
            pending.note(exhausted.failed);
            exhausted.failure
        })
    }

    /// Books an attempt that will not be the answer, and walks on: what it used
    /// of the call's attempts, time and money is gone.
    ///
    /// # Cancellation
    /// Dropping the future, and `pending` with it, reports the call, as dropping
    /// an answer does.
    async fn walk_on(&self, pending: &mut Pending, over: AttemptRecord) -> Result<Won, Exhausted> {
        pending.book(over);
        let Parts {
            failover,
            ledger,
            provider,
            ..
        } = &*self.parts;
        let (used, within) = (pending.started().elapsed(), pending.span().call());
        let (hold, earlier) = pending.going_on();
        let trip = Trip {
            earlier,
            used,
            ..Trip::new(&self.call, &self.plan, hold, &**ledger, &**provider)
        };
        failover.run(trip).instrument(within).await
    }

    /// Tells the observer that the answer goes on; gives back the notice for
    /// the caller. To readers of OpenAI's dialect it is one more chunk of the
    /// answer that broke off, with nothing in it.
    pub(crate) fn announce(&self, cut: Cut, way: &Way, won: &Won) -> Frame {
        let Cut { failure, record } = cut;
        let event = match way {
            Way::Restart => "restarted",
            Way::Resume { .. } => "resumed",
        };
        let mut chunk = json!({
            "id": record.generation().map_or_else(|| self.call.id.to_string(), ToString::to_string),
            "object": "chat.completion.chunk",
            "created": self.call.at.secs(),
            "model": record.model(),
            "choices": [],
            "tollgate": {
                "event": event,
                "attempt": won.running.number,
                "model": won.running.model(),
                "reason": failure.kind().rule().name,
            },
        });
        if let Some(provider) = record.provider() {
            chunk["provider"] = json!(provider);
        }
        self.parts.observer.on(&Event::Rejoined {
            call: self.call.id,
            record,
            anew: matches!(way, Way::Restart),
        });
        Frame {
            kind: FrameKind::Notice,
            data: chunk.to_string().into(),
            facts: Facts::default(),
        }
    }
}
