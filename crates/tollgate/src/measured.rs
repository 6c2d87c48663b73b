//! One request from the order to its answer: `chat` is both halves of it, in the
//! order in which they are read here.

use std::sync::Arc;

use tokio::time::Instant;
use tollgate_core::{Call, CallProfile, Failure, TokenBounds, Trip};
use tracing::Instrument;

use crate::answer::Answer;
use crate::error::Error;
use crate::gateway::{Gateway, Parts};
use crate::habits::Lesson;
use crate::order::Order;
use crate::pending::Pending;
use crate::rejoin::Onward;
use crate::span::CallSpan;

impl Gateway {
    /// Sends a chat, or a request of any other [`Surface`](crate::Surface), and
    /// returns its answer at the commit point: when the first
    /// token is there (streamed), or the whole answer (not streamed). Until
    /// then a failing target is replaced by the next without a trace in the
    /// answer; after it, a broken answer ends with a failure, or goes on
    /// elsewhere as `failover.after_commit` says.
    ///
    /// # Errors
    /// [`Error`] with the failure, what to do about it, and the receipt of
    /// whatever was attempted.
    ///
    /// # Cancellation
    /// Dropping the future or the answer closes the upstream connection; what
    /// the call may have cost is booked by the ledger's own task.
    pub async fn chat(&self, order: impl Into<Order>) -> Result<Answer, Error> {
        self.measure(order)?.send().await
    }

    /// The first half of [`chat`](Self::chat): admits an order and measures it.
    /// For whoever has to know how long the prompt is before it is sent, such
    /// as a limit of tokens.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), for a request that cannot be read.
    pub fn measure(&self, order: impl Into<Order>) -> Result<Measured, Error> {
        Measured::new(self.parts(), order.into())
    }
}

/// A call that was admitted and measured, and of which nothing was sent.
///
/// Its time runs from [`Gateway::measure`](crate::Gateway::measure) on, so it
/// is sent at once or not at all.
#[must_use = "nothing was sent yet"]
pub struct Measured {
    parts: Arc<Parts>,
    started: Instant,
    span: CallSpan,
    call: Call,
    profile: CallProfile,
}

impl Measured {
    /// The first steps of a call: admit and profile.
    pub(crate) fn new(parts: Arc<Parts>, order: Order) -> Result<Self, Error> {
        let started = Instant::now();
        let span = CallSpan::open();
        let call = span.admit(|| parts.admit(order))?;
        span.admitted(&call);
        parts.note_prompt(&call);
        let profile = span.profile(|| parts.optimizer.profile(&call))?;
        span.profiled(&profile);
        Ok(Self {
            parts,
            started,
            span,
            call,
            profile,
        })
    }

    /// Tokens of the prompt, as they are estimated for routing.
    pub fn prompt(&self) -> TokenBounds {
        self.profile.prompt
    }

    /// Sends nothing after all, for that reason, which is given back.
    pub fn refuse(self, why: Failure) -> Failure {
        self.span.refuse(&why);
        why
    }

    /// The other steps of a call, from the plan to its answer; see
    /// [`Gateway::chat`](crate::Gateway::chat).
    ///
    /// # Errors
    /// As `chat`.
    ///
    /// # Cancellation
    /// As `chat`.
    pub async fn send(self) -> Result<Answer, Error> {
        let Self {
            parts,
            started,
            span,
            call,
            mut profile,
        } = self;
        let Parts {
            catalog,
            ledger,
            failover,
            provider,
            sessions,
            ..
        } = &*parts;

        let (view, health) = (catalog.view(), failover.health());
        let conversation = sessions.recognise(&call, &mut profile, &view);
        let mut plan = span.plan(|| parts.plan(&call, profile, &view, &health))?;
        parts.explore(&call, &mut plan);
        parts.warn_unjudged(&mut plan);
        span.planned(&plan);
        let hold = span.hold(|| ledger.hold(&call, &plan))?;

        let within = span.call();
        let pending = Pending::new(parts.settler.clone(), hold, span, started);
        let mut pending = Box::new(pending);
        let trip = Trip::new(&call, &plan, pending.hold(), &**ledger, &**provider);
        match failover.run(trip).instrument(within).await {
            Ok(won) => {
                let lesson = Lesson::new(parts.clone(), &call, &plan, conversation);
                let onward = Box::new(Onward::new(parts.clone(), call, plan));
                Ok(Answer::new(onward, won, pending, lesson).judged().await)
            }
            Err(exhausted) => Err(pending.fail(exhausted)),
        }
    }
}

impl std::fmt::Debug for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measured")
            .field("call", &self.call.id)
            .field("prompt", &self.profile.prompt)
            .finish_non_exhaustive()
    }
}
