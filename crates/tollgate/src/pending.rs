//! A call that is not settled yet. Whatever way it ends, it is settled exactly
//! once: by its own end, or, when it was dropped, by the settler's task.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tollgate_core::{AttemptRecord, Ended, Exhausted, Hold, Ledger, Outcome, Receipt};

use crate::error::Error;
use crate::reconcile::Reconciler;

/// Settles calls: at once when their end is known, in its own task when they
/// were dropped.
#[derive(Clone)]
pub(crate) struct Settler {
    ledger: Arc<dyn Ledger>,
    reconciler: Option<Reconciler>,
    dropped: mpsc::UnboundedSender<Message>,
}

enum Message {
    Dropped(Box<(Hold, Outcome)>),
    Flush(oneshot::Sender<()>),
}

impl Settler {
    /// Starts the task that settles dropped calls.
    pub(crate) fn start(ledger: Arc<dyn Ledger>, reconciler: Option<Reconciler>) -> Self {
        let (dropped, mut inbox) = mpsc::unbounded_channel();
        let settler = Self {
            ledger,
            reconciler,
            dropped,
        };
        let (ledger, reconciler) = (settler.ledger.clone(), settler.reconciler.clone());
        tokio::spawn(async move {
            while let Some(message) = inbox.recv().await {
                match message {
                    Message::Dropped(call) => {
                        settle(&*ledger, reconciler.as_ref(), call.0, call.1);
                    }
                    Message::Flush(done) => {
                        let _ = done.send(());
                    }
                }
            }
        });
        settler
    }

    fn settle(&self, hold: Hold, outcome: Outcome) -> Receipt {
        settle(&*self.ledger, self.reconciler.as_ref(), hold, outcome)
    }

    fn send(&self, hold: Hold, outcome: Outcome) {
        let call = Box::new((hold, outcome));
        let _ = self.dropped.send(Message::Dropped(call));
    }

    /// Waits until every call that was dropped before is settled.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.dropped.send(Message::Flush(done)).is_ok() {
            let _ = wait.await;
        }
    }
}

fn settle(
    ledger: &dyn Ledger,
    reconciler: Option<&Reconciler>,
    hold: Hold,
    outcome: Outcome,
) -> Receipt {
    let receipt = ledger.settle(hold, outcome);
    if let Some(reconciler) = reconciler {
        reconciler.watch(&receipt);
    }
    receipt
}

const STILL_HELD: &str = "a hold leaves only when the call is settled, which consumes it";

/// A hold on its way to being settled.
pub(crate) struct Pending {
    settler: Settler,
    hold: Option<Hold>,
    attempts: Vec<AttemptRecord>,
    started: Instant,
}

impl Pending {
    pub(crate) fn new(settler: Settler, hold: Hold, started: Instant) -> Self {
        Self {
            settler,
            hold: Some(hold),
            attempts: Vec::new(),
            started,
        }
    }

    /// The hold, while the call runs.
    pub(crate) fn hold(&mut self) -> &mut Hold {
        self.hold.as_mut().expect(STILL_HELD)
    }

    /// The hold, with the attempts that are over.
    pub(crate) fn going_on(&mut self) -> (&mut Hold, &[AttemptRecord]) {
        let hold = self.hold.as_mut().expect(STILL_HELD);
        (hold, &self.attempts)
    }

    /// Notes attempts that are over. What is known of one stays as it is.
    pub(crate) fn note(&mut self, attempts: Vec<AttemptRecord>) {
        for attempt in attempts {
            if self.attempts.iter().all(|one| one.number != attempt.number) {
                self.attempts.push(attempt);
            }
        }
    }

    /// Books an attempt that is over while the call goes on.
    pub(crate) fn book(&mut self, attempt: AttemptRecord) {
        let hold = self.hold();
        if let Some(cost) = attempt.cost {
            hold.keep(cost.amount());
        }
        hold.note(attempt.clone());
        self.attempts.push(attempt);
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Settles a call that no target answered.
    pub(crate) fn fail(mut self, exhausted: Exhausted) -> Error {
        self.note(exhausted.failed);
        let kind = exhausted.failure.kind();
        match self.finish(None, Ended::Failed(kind)) {
            Some(receipt) => Error::settled(exhausted.failure, receipt),
            None => exhausted.failure.into(),
        }
    }

    /// Settles the call, with the record of the attempt that answered.
    pub(crate) fn finish(&mut self, last: Option<AttemptRecord>, ended: Ended) -> Option<Receipt> {
        let hold = self.hold.take()?;
        let outcome = self.outcome(last, ended);
        Some(self.settler.settle(hold, outcome))
    }

    /// Hands an answer that nobody reads any more to the settler's task.
    pub(crate) fn leave(&mut self, last: AttemptRecord, ended: Ended) {
        let Some(hold) = self.hold.take() else { return };
        let outcome = self.outcome(Some(last), ended);
        self.settler.send(hold, outcome);
    }

    fn outcome(&mut self, last: Option<AttemptRecord>, ended: Ended) -> Outcome {
        let mut attempts = std::mem::take(&mut self.attempts);
        attempts.extend(last);
        let took_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Outcome {
            ended,
            attempts,
            took_ms,
        }
    }
}

/// A call that was dropped while a target was looked for: what its attempts are
/// known to have done is in the hold. One channel send.
impl Drop for Pending {
    fn drop(&mut self) {
        let Some(mut hold) = self.hold.take() else {
            return;
        };
        self.note(hold.take_log());
        let outcome = self.outcome(None, Ended::Abandoned);
        self.settler.send(hold, outcome);
    }
}
