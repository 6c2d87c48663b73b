//! Asks upstreams afterwards for costs that the answer did not bring.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tollgate_core::{CallId, CostLookup, CostSource, GenerationId, LaneId, Receipt};
use tollgate_ledger::UsageTracker;

const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Watches receipts for costs that were only estimated.
#[derive(Clone)]
pub(crate) struct Reconciler(mpsc::UnboundedSender<Unknown>);

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
        tokio::spawn(run(inbox, lookup, ledger));
        Self(sender)
    }

    /// Takes note of what is unknown in a receipt.
    pub(crate) fn watch(&self, receipt: &Receipt) {
        for attempt in &receipt.attempts {
            let unknown = attempt
                .cost
                .is_some_and(|cost| cost.source >= CostSource::Estimated);
            if let (true, Some(generation)) = (unknown, attempt.generation()) {
                let _ = self.0.send(Unknown {
                    call: receipt.facts.call,
                    attempt: attempt.number,
                    lane: attempt.lane.clone(),
                    generation: generation.clone(),
                });
            }
        }
    }
}

struct Due {
    at: Instant,
    wait: Duration,
    since: Instant,
    what: Unknown,
}

async fn run(
    mut inbox: mpsc::UnboundedReceiver<Unknown>,
    lookup: Arc<dyn CostLookup>,
    ledger: Arc<UsageTracker>,
) {
    let mut queue: BinaryHeap<Reverse<ByTime>> = BinaryHeap::new();
    loop {
        let next = queue.peek().map(|Reverse(ByTime(due))| due.at);
        tokio::select! {
            received = inbox.recv() => {
                let Some(what) = received else { return };
                let now = Instant::now();
                queue.push(Reverse(ByTime(Due { at: now + FIRST_WAIT, wait: FIRST_WAIT, since: now, what })));
            }
            () = sleep_until(next) => {
                let Some(Reverse(ByTime(due))) = queue.pop() else { continue };
                match lookup.look_up(&due.what.lane, &due.what.generation).await {
                    Ok(Some(found)) => {
                        let Unknown { call, attempt, .. } = due.what;
                        if let Err(failure) = ledger.adjust(call, attempt, found.cost, Some(found.tokens)) {
                            tracing::warn!(%call, attempt, %failure, "a cost learned later was not booked");
                        }
                    }
                    Err(failure) if !failure.is_retryable() => {}
                    Ok(None) | Err(_) if due.since.elapsed() > GIVE_UP_AFTER => {}
                    Ok(None) | Err(_) => {
                        let wait = (due.wait * 2).min(LONGEST_WAIT);
                        queue.push(Reverse(ByTime(Due { at: Instant::now() + wait, wait, ..due })));
                    }
                }
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Orders by time alone.
struct ByTime(Due);

impl PartialEq for ByTime {
    fn eq(&self, other: &Self) -> bool {
        self.0.at == other.0.at
    }
}

impl Eq for ByTime {}

impl PartialOrd for ByTime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTime {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.at.cmp(&other.0.at)
    }
}
