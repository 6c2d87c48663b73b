use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tollgate_core::{
    Failure, LedgerEvent, LedgerStore, OpenAttempt, StoreError, UsageQuery, UsageRow,
};

use crate::memory::MemoryStore;
use crate::queue::{Entrance, Entry, Queue, Written, unavailable, unwritten};
use crate::{Durability, LedgerConfig, writer};

/// The way of an event to the store.
#[derive(Debug)]
pub(crate) enum Recorder {
    /// Nowhere: there are totals only, and nothing to wait for.
    Nothing,
    /// Straight into memory: there is nothing to wait for.
    Direct(MemoryStore),
    /// Through the queue and its one writer.
    Queued(Queued),
}

#[derive(Debug)]
pub(crate) struct Queued {
    store: Arc<dyn LedgerStore>,
    queue: Arc<Queue>,
    durability: Durability,
    writer: Mutex<Option<JoinHandle<Written>>>,
}

impl Queued {
    /// Whether nobody waits until an event is written. What was admitted by a
    /// lease is not sent before the store has accepted the lease.
    fn is_relaxed_about(&self, event: &LedgerEvent) -> bool {
        let leased = matches!(event, LedgerEvent::Dispatch { epoch, .. } if *epoch != 0);
        self.durability == Durability::Relaxed && !leased
    }
}

impl Recorder {
    /// Starts the writer of a store.
    pub(crate) fn queued(store: Arc<dyn LedgerStore>, config: &LedgerConfig) -> Self {
        let queue = Queue::new(config.queue.max(1), config.max_batch.max(1));
        let queue = Arc::new(queue);
        let task = writer::write(Arc::clone(&store), Arc::clone(&queue));
        Self::Queued(Queued {
            store,
            queue,
            durability: config.durability,
            writer: Mutex::new(Some(tokio::spawn(task))),
        })
    }

    /// Takes the first event of a call, or refuses the call.
    pub(crate) fn offer(&self, event: impl FnOnce() -> LedgerEvent) -> Result<(), Failure> {
        match self {
            // Holds are recorded for the process that comes after a crash;
            // memory has none, and settlements bring the call's facts again.
            Self::Nothing | Self::Direct(_) => Ok(()),
            Self::Queued(queued) => queued
                .queue
                .push(Entry::Event(event(), None), Entrance::Place),
        }
    }

    /// Takes an event of a call that was let in; it is never refused for want
    /// of room.
    pub(crate) fn record(&self, event: LedgerEvent) -> Result<(), Failure> {
        match self {
            Self::Nothing => Ok(()),
            Self::Direct(store) => {
                store.apply(event);
                Ok(())
            }
            Self::Queued(queued) => queued
                .queue
                .push(Entry::Event(event, None), Entrance::Writer),
        }
    }

    /// Takes an event that helps the process that comes after a crash; without
    /// one it is not even made.
    pub(crate) fn note(&self, event: impl FnOnce() -> LedgerEvent) {
        if let Self::Queued(queued) = self {
            // A writer that has ended has nothing to tell its successor.
            let _ = queued
                .queue
                .push(Entry::Event(event(), None), Entrance::Writer);
        }
    }

    /// Whether another process may find what this one recorded.
    pub(crate) fn outlives_the_process(&self) -> bool {
        matches!(self, Self::Queued(_))
    }

    /// Takes an event and returns when it is as safe as configured.
    pub(crate) async fn confirm(&self, event: LedgerEvent) -> Result<(), Failure> {
        match self {
            Self::Nothing => Ok(()),
            Self::Direct(store) => {
                store.apply(event);
                Ok(())
            }
            Self::Queued(queued) if queued.is_relaxed_about(&event) => queued
                .queue
                .push(Entry::Event(event, None), Entrance::Store),
            Self::Queued(queued) => {
                let (ack, written) = oneshot::channel();
                queued
                    .queue
                    .push(Entry::Event(event, Some(ack)), Entrance::Store)?;
                answer(written).await
            }
        }
    }

    /// Returns when everything that was recorded is written; fails at once
    /// while the store does.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        let Self::Queued(queued) = self else {
            return Ok(());
        };
        let (ack, written) = oneshot::channel();
        queued.queue.push(Entry::Barrier(ack), Entrance::Store)?;
        answer(written).await
    }

    /// Returns when everything that was recorded is written, and keeps the rest
    /// from being written until what is returned is dropped. `None` where
    /// nothing waits to be written, ever.
    pub(crate) async fn pause(&self) -> Result<Option<Pause<'_>>, Failure> {
        let Self::Queued(queued) = self else {
            return Ok(None);
        };
        let (ack, written) = oneshot::channel();
        let (held, goes_on) = oneshot::channel();
        let entry = Entry::Pause(ack, goes_on);
        queued.queue.push(entry, Entrance::Store)?;
        answer(written).await?;
        Ok(Some(Pause {
            queue: &queued.queue,
            _held: held,
        }))
    }

    /// Writes what waits and ends the writer.
    pub(crate) async fn shutdown(&self) -> Result<(), Failure> {
        let Self::Queued(queued) = self else {
            return Ok(());
        };
        queued.queue.close();
        let writer = queued
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(writer) = writer else {
            return Ok(());
        };
        match writer.await {
            Ok(written) => written.map_err(unwritten),
            Err(error) => Err(unavailable("the ledger's writer failed").with_source(error)),
        }
    }

    /// The store that nothing has to be waited for.
    pub(crate) fn memory(&self) -> Option<&MemoryStore> {
        match self {
            Self::Direct(store) => Some(store),
            Self::Nothing | Self::Queued(_) => None,
        }
    }

    pub(crate) fn store(&self) -> &dyn LedgerStore {
        match self {
            Self::Nothing => &Nowhere,
            Self::Direct(store) => store,
            Self::Queued(queued) => &*queued.store,
        }
    }
}

/// A time in which nothing is written. What is recorded meanwhile waits, and
/// can still be changed.
#[derive(Debug)]
pub(crate) struct Pause<'a> {
    pub(crate) queue: &'a Queue,
    _held: oneshot::Sender<()>,
}

/// The store of a ledger that keeps totals only.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl LedgerStore for Nowhere {
    async fn append(&self, _: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        Ok(Vec::new())
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        Ok(Vec::new())
    }

    async fn report(&self, _: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        Ok(Vec::new())
    }
}

async fn answer(written: oneshot::Receiver<Written>) -> Result<(), Failure> {
    match written.await {
        Ok(result) => result.map_err(unwritten),
        Err(_) => Err(unavailable("the ledger is shut down")),
    }
}

/// A tracker that is dropped without `shutdown` lets its writer finish alone.
impl Drop for Queued {
    fn drop(&mut self) {
        self.queue.close();
    }
}
