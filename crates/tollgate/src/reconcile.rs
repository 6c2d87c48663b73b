//! Asks upstreams afterwards for costs that the answer did not bring.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tollgate_core::{
    Billing, CallId, CostLookup, CostSource, GenerationId, LaneId, OpenAttempt, Receipt,
    Reconciled, Uncertain,
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

    /// Takes note of what is unknown in a receipt. A cost that was computed is not:
    /// the upstream has said what was used, and the price is published. The ledger
    /// lets it stand, so it would be asked for in vain.
    pub(crate) fn watch(&self, receipt: &Receipt) {
        // What a caller's own key is charged, only the caller can ask.
        let ours = receipt.attempts.iter();
        for attempt in ours.filter(|attempt| attempt.billing != Billing::Caller) {
            let unknown = attempt
                .cost
                .is_some_and(|cost| cost.source >= CostSource::Estimated);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use tollgate_core::{Cost, Ended, Failure, Ledger, Outcome, Served, Silent, TokenUsage, Usd};
    use tollgate_ledger::LedgerConfig;
    use tollgate_testkit::builders::{NOON, attempt, call, plan, planned, record};

    use super::*;

    fn credits(nanos: i64, source: CostSource) -> Cost {
        Cost::paid_by(Billing::Credits, Usd::from_nanos(nanos), source)
    }

    /// An upstream that knows the cost of everything, and whether it was asked.
    #[derive(Default)]
    struct Upstream(AtomicBool);

    #[async_trait]
    impl CostLookup for Upstream {
        async fn look_up(
            &self,
            _: &LaneId,
            _: &GenerationId,
        ) -> Result<Option<Reconciled>, Failure> {
            self.0.store(true, Ordering::Relaxed);
            Ok(Some(Reconciled {
                cost: credits(200, CostSource::Reconciled),
                tokens: TokenUsage::default(),
                served: Served::default(),
            }))
        }
    }

    /// Settles a call of one attempt at 100, and checks whether its cost is asked
    /// for, and booked.
    async fn check(source: CostSource, expected: bool) {
        let config = LedgerConfig::default();
        let ledger = UsageTracker::totals_only(&config, Arc::new(|| NOON), Arc::new(Silent));
        let ledger = Arc::new(ledger);
        let upstream = Arc::new(Upstream::default());
        let reconciler = Reconciler::start(upstream.clone(), ledger.clone());
        let planned = planned("a/one", "openrouter");
        let mut hold = ledger
            .hold(&call(1, "a/one"), &plan(vec![planned]))
            .unwrap();
        let mut attempt = attempt(1, "a/one", "openrouter");
        attempt.call = hold.facts.call;
        ledger.dispatch(&mut hold, &attempt).await.unwrap();
        let mut record = record(attempt.number, "a/one", 0);
        record.served.generation = Some(GenerationId::new("gen-1").unwrap());
        record.cost = Some(credits(100, source));
        let outcome = Outcome {
            ended: Ended::Complete,
            attempts: vec![record],
            took_ms: 1,
        };
        reconciler.watch(&ledger.settle(hold, outcome));
        tokio::time::sleep(2 * FIRST_WAIT).await;
        let asked = upstream.0.load(Ordering::Relaxed);
        let booked = ledger.totals().credits == Usd::from_nanos(200);
        assert_eq!((asked, booked), (expected, expected), "{source}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_not_be_booked_is_not_asked_for() {
        for (source, is_open) in [
            (CostSource::Reported, false),
            (CostSource::Reconciled, false),
            (CostSource::Computed, false),
            (CostSource::Estimated, true),
            (CostSource::WorstCase, true),
        ] {
            check(source, is_open).await;
        }
    }
}
