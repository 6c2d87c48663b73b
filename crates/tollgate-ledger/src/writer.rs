//! The one task that writes to the store.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tollgate_core::{LedgerEvent, LedgerStore, StoreError};

use crate::queue::{Ack, Entry, Queue, Written};

/// First and longest wait before a refused batch is offered again.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Longest silence of a store before it counts as failing. The batch may still
/// be written after that, so the writer goes on waiting for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a store may fail or stay silent while shutting down.
const LAST_TRIES: u32 = 3;

/// Writes whatever waits, as one batch, then tells those who wait for it; ends
/// when the queue is closed and empty. Events that arrive while a batch is
/// written make the next one: the slower the commit, the larger the group.
///
/// A batch that the store refuses is kept and offered again, so that nothing
/// is lost; until it is taken, those who wait are refused at once. So they are
/// when the store says nothing.
///
/// # Errors
/// The store's last error, when it still refused after the queue was closed.
pub(crate) async fn write(store: Arc<dyn LedgerStore>, queue: Arc<Queue>) -> Written {
    let _ends = EndsQueue(&queue);
    while let Some(entries) = queue.take().await {
        let (events, mut acks, pause) = split(entries);
        let refused = write_batch(&*store, &queue, &events, &mut acks).await?;
        queue.set_working();
        for (place, ack) in acks {
            // Whoever does not wait any more needs no answer.
            let _ = ack.send(match place {
                Some(place) if refused.contains(&place) => Err(Arc::new(too_late())),
                _ => Ok(()),
            });
        }
        if let Some(goes_on) = pause {
            // Whoever is gone has nothing more to read.
            let _ = goes_on.await;
        }
    }
    Ok(())
}

/// Offers a batch until the store takes it, or until there is no more time.
/// Returns the places of the dispatches that it refused.
async fn write_batch(
    store: &dyn LedgerStore,
    queue: &Queue,
    events: &[LedgerEvent],
    acks: &mut Vec<Waiting>,
) -> Result<Vec<usize>, Arc<StoreError>> {
    let mut appending = pin!(append(store, events));
    let mut wait = FIRST_WAIT;
    let mut last_tries = 0;
    loop {
        let answer = timeout(PATIENCE, &mut appending).await;
        let silent = answer.is_err();
        let error = match answer.unwrap_or_else(|_| Err(silence())) {
            Ok(refused) => return Ok(refused),
            Err(error) => Arc::new(error),
        };
        tracing::warn!(%error, events = events.len(), cause = ?error.source, "ledger events not written, trying again");
        queue.set_failing(&error);
        for (_, ack) in acks.drain(..) {
            let _ = ack.send(Err(Arc::clone(&error)));
        }
        last_tries += u32::from(queue.is_closing());
        if last_tries >= LAST_TRIES {
            tracing::error!(
                events = events.len(),
                "ledger events lost at shutdown; their attempts are booked at worst case at the next start"
            );
            return Err(error);
        }
        if !silent {
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            appending.set(append(store, events));
        }
    }
}

/// The events, and who waits: for the event at that place, or for all of them.
type Waiting = (Option<usize>, Ack);

/// What ends a pause.
type GoesOn = oneshot::Receiver<()>;

/// A pause is the last of what is taken at once.
fn split(entries: Vec<Entry>) -> (Vec<LedgerEvent>, Vec<Waiting>, Option<GoesOn>) {
    let mut events = Vec::with_capacity(entries.len());
    let mut acks = Vec::new();
    let mut pause = None;
    for entry in entries {
        match entry {
            Entry::Event(event, ack) => {
                acks.extend(ack.map(|ack| (Some(events.len()), ack)));
                events.push(event);
            }
            Entry::Barrier(ack) => acks.push((None, ack)),
            Entry::Pause(ack, goes_on) => {
                acks.push((None, ack));
                pause = Some(goes_on);
            }
        }
    }
    (events, acks, pause)
}

async fn append(store: &dyn LedgerStore, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    store.append(events).await
}

/// Of a dispatch that was admitted by leases that have ended since.
fn too_late() -> StoreError {
    StoreError::new(
        "record the attempt",
        "this node's leases ended before it was recorded",
    )
}

fn silence() -> StoreError {
    StoreError::new(
        "append events",
        format!("the store has not answered for {} s", PATIENCE.as_secs()),
    )
}

/// Ends the queue however the writer ends, a panic of the store included, so
/// that nobody waits for a writer that is gone.
struct EndsQueue<'a>(&'a Queue);

impl Drop for EndsQueue<'_> {
    fn drop(&mut self) {
        let lost = self.0.end();
        if lost > 0 {
            tracing::error!(
                events = lost,
                "the ledger's writer ended with events waiting"
            );
        }
    }
}
