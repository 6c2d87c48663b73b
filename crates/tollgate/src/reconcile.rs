//! Asks upstreams afterwards for costs that the answer did not bring.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tollgate_core::{
    Billing, CallId, CostLookup, CostSource, GenerationId, LaneId, OpenAttempt, Receipt,
    Reconciled, Uncertain, Usd,
};
use tollgate_ledger::UsageTracker;

const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Longest time for one question.
const PATIENCE: Duration = Duration::from_secs(10);
/// Questions at the same time.
const AT_ONCE: usize = 16;
/// Costs that are open at the same time.
const MOST_OPEN: usize = 10_000;
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Watches receipts for costs that were only estimated.
#[derive(Clone)]
pub(crate) struct Reconciler {
    inbox: mpsc::UnboundedSender<Unknown>,
    task: AbortHandle,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Unknown {
    call: CallId,
    attempt: u32,
    lane: LaneId,
    generation: GenerationId,
}

impl Reconciler {
    /// Starts the task that asks; it ends with the last clone of this handle.
    pub(crate) fn start(lookup: Arc<dyn CostLookup>, ledger: Arc<UsageTracker>) -> Self {
        let (sender, inbox) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(inbox, lookup, ledger)).abort_handle();
        Self {
            inbox: sender,
            task,
        }
    }

    /// Stops asking; what is open stays as it is booked.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }

    /// Takes up what an earlier process did not learn.
    pub(crate) fn take_up(&self, uncertain: impl IntoIterator<Item = Uncertain>) {
        for one in uncertain {
            let _ = self.inbox.send(Unknown {
                call: one.call,
                attempt: one.attempt,
                lane: one.lane,
                generation: one.generation,
            });
        }
    }

    /// Takes up what was just booked at worst case.
    pub(crate) fn take_up_ended(&self, ended: Vec<OpenAttempt>) {
        let ours = ended.into_iter();
        for one in ours.filter(|one| one.billing != Billing::Caller) {
            if let Some(generation) = one.generation {
                let _ = self.inbox.send(Unknown {
                    call: one.facts.call,
                    attempt: one.attempt,
                    lane: one.lane,
                    generation,
                });
            }
        }
    }

    /// Takes note of what is unknown in a receipt.
    pub(crate) fn watch(&self, receipt: &Receipt) {
        // What a caller's own key is charged, only the caller can ask.
        let ours = receipt.attempts.iter();
        for attempt in ours.filter(|attempt| attempt.billing != Billing::Caller) {
            // Where the upstream knows its own figure, tokens at the published
            // price are not the last word.
            let knows_better = attempt.billing != Billing::Direct;
            let unknown = attempt.cost.is_some_and(|cost| match cost.source {
                CostSource::Computed => knows_better && cost.amount() > Usd::ZERO,
                source => source >= CostSource::Estimated,
            });
            if let (true, Some(generation)) = (unknown, attempt.generation()) {
                let _ = self.inbox.send(Unknown {
                    call: receipt.facts.call,
                    attempt: attempt.number,
                    lane: attempt.lane.clone(),
                    generation: generation.clone(),
                });
            }
        }
    }
}

async fn run(
    mut inbox: mpsc::UnboundedReceiver<Unknown>,
    lookup: Arc<dyn CostLookup>,
    ledger: Arc<UsageTracker>,
) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    loop {
        tokio::select! {
            received = inbox.recv() => {
                let Some(what) = received else { return };
                if asking.len() >= MOST_OPEN {
                    tracing::warn!(call = %what.call, "too many open costs; this one stays estimated");
                    continue;
                }
                asking.spawn(ask(what, lookup.clone(), ledger.clone(), turns.clone()));
            }
            Some(_) = asking.join_next() => {}
        }
    }
}

/// Asks until the upstream knows, or never will.
async fn ask(
    what: Unknown,
    lookup: Arc<dyn CostLookup>,
    ledger: Arc<UsageTracker>,
    turns: Arc<Semaphore>,
) {
    let since = Instant::now();
    let mut wait = FIRST_WAIT;
    while since.elapsed() < GIVE_UP_AFTER {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        let Ok(_turn) = turns.acquire().await else {
            return;
        };
        let answer = lookup.look_up(&what.lane, &what.generation);
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(Some(found))) => return book(&what, found, &ledger),
            Ok(Err(failure)) if !failure.is_retryable() => return,
            Ok(Ok(None) | Err(_)) | Err(_) => {}
        }
    }
}

fn book(what: &Unknown, found: Reconciled, ledger: &UsageTracker) {
    let Unknown { call, attempt, .. } = *what;
    if let Err(failure) = ledger.adjust(call, attempt, found.cost, Some(found.tokens)) {
        tracing::warn!(%call, attempt, %failure, "a cost learned later was not booked");
    }
}
