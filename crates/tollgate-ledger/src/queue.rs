//! The line of events that wait for the store.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tollgate_core::{Failure, FailureKind, LedgerEvent, StoreError};

/// That events are written, or why not.
pub(crate) type Written = Result<(), Arc<StoreError>>;

/// Tells whoever waits that everything up to here is written, or why not.
pub(crate) type Ack = oneshot::Sender<Written>;

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "barriers are rare, a box for each event would not be"
)]
pub(crate) enum Entry {
    Event(LedgerEvent, Option<Ack>),
    /// Nothing to write; answers when all before it is written.
    Barrier(Ack),
}

/// What an entry needs to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// A working store and a free place: new calls.
    Place,
    /// A working store: attempts of calls that were let in, and barriers.
    Store,
    /// A writer that has not ended: what already happened, which must not be lost.
    Writer,
}

/// One line for everything, so that order is kept. Only new calls are refused
/// when it is long; what follows from calls that were let in is bounded by
/// their number.
#[derive(Debug)]
pub(crate) struct Queue {
    places: usize,
    state: Mutex<State>,
    /// Wakes the one writer.
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    phase: Phase,
    /// Why the store does not take events at the moment.
    failing: Option<Arc<StoreError>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// No new calls; the writer ends when nothing is left.
    Closing,
    /// There is no writer any more.
    Ended,
}

impl Queue {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places,
            state: Mutex::default(),
            ready: Notify::new(),
        }
    }

    /// Lets an entry in, or says why not.
    pub(crate) fn push(&self, entry: Entry, needs: Entrance) -> Result<(), Failure> {
        let mut state = self.state();
        state.check(needs, self.places)?;
        state.entries.push_back(entry);
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Takes what waits, at most `max` entries; waits when nothing does. `None`
    /// is the end: nothing waits, and nothing is let in any more. For the one
    /// writer.
    pub(crate) async fn take(&self, max: usize) -> Option<Vec<Entry>> {
        loop {
            {
                let mut state = self.state();
                let count = state.entries.len().min(max);
                if count > 0 {
                    return Some(state.entries.drain(..count).collect());
                }
                if state.phase != Phase::Open {
                    // Under the lock that saw it empty: whoever comes now is
                    // refused, not left behind.
                    state.phase = Phase::Ended;
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }

    /// Notes that the store takes events.
    pub(crate) fn set_working(&self) {
        self.state().failing = None;
    }

    /// Notes that the store takes no events, and tells all who wait. The events
    /// stay, as the history of what was tried.
    pub(crate) fn set_failing(&self, why: &Arc<StoreError>) {
        let mut state = self.state();
        state.failing = Some(Arc::clone(why));
        let acks = state.take_acks();
        drop(state);
        for ack in acks {
            let _ = ack.send(Err(Arc::clone(why)));
        }
    }

    /// Lets no new calls in; the writer ends after what waits.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.ready.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.state().phase != Phase::Open
    }

    /// Notes that there is no writer any more; returns how many events were
    /// left. Whoever waits for one of them hears that it was not written.
    pub(crate) fn end(&self) -> usize {
        let mut state = self.state();
        state.phase = Phase::Ended;
        let left = std::mem::take(&mut state.entries);
        drop(state);
        left.iter()
            .filter(|entry| matches!(entry, Entry::Event(..)))
            .count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code under this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes everybody out of the line who waits, and leaves the events.
    fn take_acks(&mut self) -> Vec<Ack> {
        let mut acks = Vec::new();
        for entry in std::mem::take(&mut self.entries) {
            match entry {
                Entry::Event(event, ack) => {
                    acks.extend(ack);
                    self.entries.push_back(Entry::Event(event, None));
                }
                Entry::Barrier(ack) => acks.push(ack),
            }
        }
        acks
    }

    fn check(&self, needs: Entrance, places: usize) -> Result<(), Failure> {
        let closed = match needs {
            Entrance::Place => self.phase != Phase::Open,
            Entrance::Store | Entrance::Writer => self.phase == Phase::Ended,
        };
        if closed {
            return Err(unavailable("the ledger is shut down"));
        }
        if needs == Entrance::Writer {
            return Ok(());
        }
        if let Some(error) = &self.failing {
            return Err(unwritten(Arc::clone(error)));
        }
        if needs == Entrance::Place && self.entries.len() >= places {
            return Err(unavailable("too many ledger events wait for the store")
                .with("waiting", self.entries.len())
                .with_hint("the store is slower than the calls; retry, or raise ledger.queue"));
        }
        Ok(())
    }
}

pub(crate) fn unavailable(message: &'static str) -> Failure {
    Failure::new(FailureKind::LedgerUnavailable, message)
}

/// The failure of whoever needed the store.
pub(crate) fn unwritten(error: Arc<StoreError>) -> Failure {
    unavailable("the ledger cannot record the call")
        .with_hint("see the log for the store's error; calls go on when it is mended")
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_let_in_once_the_writer_heard_that_nothing_will_come() {
        let queue = Queue::new(1);
        let barrier = || Entry::Barrier(oneshot::channel().0);
        queue.close();
        queue.push(barrier(), Entrance::Writer).unwrap();
        assert_eq!(queue.take(8).await.unwrap().len(), 1, "closing is no end");
        assert!(queue.take(8).await.is_none());
        for needs in [Entrance::Place, Entrance::Store, Entrance::Writer] {
            let refused = queue.push(barrier(), needs).unwrap_err();
            assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
        }
    }
}
