//! The line of events that wait for the store.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};
use tollgate_core::{Failure, FailureKind, LedgerEvent, StoreError};

/// That events are written, or why not.
pub(crate) type Written = Result<(), Arc<StoreError>>;

/// Longest wait of events for which nobody waits: the ends of calls, mostly. A
/// transaction costs more than what it writes, and the next call's dispatch,
/// which somebody waits for, takes them along.
const COMPANY: Duration = Duration::from_millis(10);

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
    /// As a barrier; then nothing is written until the other end goes on, or
    /// is dropped.
    Pause(Ack, oneshot::Receiver<()>),
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
    /// Most entries that are taken at once.
    batch: usize,
    state: Mutex<State>,
    /// Wakes the one writer.
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    /// How many of them somebody waits for.
    awaited: usize,
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
    /// A line in which new calls are let in up to so many entries, and of which
    /// `batch` are taken at once.
    pub(crate) fn new(places: usize, batch: usize) -> Self {
        Self {
            places,
            batch,
            state: Mutex::default(),
            ready: Notify::new(),
        }
    }

    /// Lets an entry in, or says why not.
    pub(crate) fn push(&self, entry: Entry, needs: Entrance) -> Result<(), Failure> {
        let mut state = self.state();
        state.check(needs, self.places)?;
        state.awaited += usize::from(entry.is_awaited());
        state.entries.push_back(entry);
        // The first makes the writer look at the clock.
        let wakes = state.is_due(self.full()) || state.entries.len() == 1;
        drop(state);
        if wakes {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Takes what waits, at most a batch; waits when nothing does, and a moment
    /// for company when nobody waits for it. `None` is the end: nothing waits,
    /// and nothing is let in any more. For the one writer.
    pub(crate) async fn take(&self) -> Option<Vec<Entry>> {
        let mut alone_until = None;
        loop {
            {
                let mut state = self.state();
                let is_over = alone_until.is_some_and(|moment| moment <= Instant::now());
                if state.is_due(self.full()) || is_over {
                    return Some(state.drain(self.batch));
                }
                if state.entries.is_empty() {
                    if state.phase != Phase::Open {
                        // Under the lock that saw it empty: whoever comes now is
                        // refused, not left behind.
                        state.phase = Phase::Ended;
                        return None;
                    }
                } else {
                    alone_until.get_or_insert_with(|| Instant::now() + COMPANY);
                }
            }
            match alone_until {
                None => self.ready.notified().await,
                // Nobody came: what is there goes alone.
                Some(moment) => drop(timeout_at(moment, self.ready.notified()).await),
            }
            // Whoever is ready at this moment has a turn first: what they bring
            // goes along, and nobody waits for a clock.
            yield_now().await;
        }
    }

    /// Shows the events that wait, to be changed, and puts others before them.
    pub(crate) fn amend(
        &self,
        mut change: impl FnMut(&mut LedgerEvent),
        first: impl IntoIterator<Item = LedgerEvent>,
    ) {
        let mut state = self.state();
        for entry in &mut state.entries {
            if let Entry::Event(event, _) = entry {
                change(event);
            }
        }
        for event in first {
            state.entries.push_front(Entry::Event(event, None));
        }
        drop(state);
        self.ready.notify_one();
    }

    /// How many entries go without waiting for more.
    fn full(&self) -> usize {
        self.batch.min(self.places)
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
        state.awaited = 0;
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

impl Entry {
    fn is_awaited(&self) -> bool {
        !matches!(self, Self::Event(_, None))
    }
}

impl State {
    /// Whether what is there goes at once: somebody waits for it, it is as much
    /// as goes, or nothing will come any more.
    fn is_due(&self, full: usize) -> bool {
        let waits = self.awaited > 0 || self.phase != Phase::Open;
        (waits && !self.entries.is_empty()) || self.entries.len() >= full
    }

    fn drain(&mut self, most: usize) -> Vec<Entry> {
        let is_pause = |entry: &Entry| matches!(entry, Entry::Pause(..));
        let pause = self.entries.iter().take(most).position(is_pause);
        let count = pause.map_or(self.entries.len().min(most), |place| place + 1);
        let taken: Vec<Entry> = self.entries.drain(..count).collect();
        self.awaited -= taken.iter().filter(|entry| entry.is_awaited()).count();
        taken
    }

    /// Takes everybody out of the line who waits, and leaves the events.
    fn take_acks(&mut self) -> Vec<Ack> {
        let mut acks = Vec::new();
        self.awaited = 0;
        for entry in std::mem::take(&mut self.entries) {
            match entry {
                Entry::Event(event, ack) => {
                    acks.extend(ack);
                    self.entries.push_back(Entry::Event(event, None));
                }
                Entry::Barrier(ack) | Entry::Pause(ack, _) => acks.push(ack),
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
    use tollgate_core::{CallId, GenerationId};

    use super::*;

    fn barrier() -> Entry {
        Entry::Barrier(oneshot::channel().0)
    }

    /// What nobody waits for.
    fn event() -> Entry {
        let event = LedgerEvent::Named {
            call: CallId::from_u128(1),
            attempt: 1,
            generation: GenerationId::new("gen-1").unwrap(),
        };
        Entry::Event(event, None)
    }

    /// How many entries are taken of those, and how long that takes.
    async fn check(queue: &Queue, entries: Vec<Entry>, expected: (usize, Duration)) {
        for entry in entries {
            queue.push(entry, Entrance::Writer).unwrap();
        }
        let begun = Instant::now();
        let taken = queue.take().await.unwrap().len();
        assert_eq!((taken, begun.elapsed()), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_waits_for_company() {
        let queue = Queue::new(8, 3);
        check(&queue, vec![event()], (1, COMPANY)).await;
        check(&queue, vec![event(), event()], (2, COMPANY)).await;
        check(&queue, vec![event(), barrier()], (2, Duration::ZERO)).await;
        check(&queue, vec![event()], (1, COMPANY)).await;
        let full = vec![event(), event(), event(), event()];
        check(&queue, full, (3, Duration::ZERO)).await;
        check(&queue, vec![], (1, COMPANY)).await;
        queue.close();
        check(&queue, vec![event()], (1, Duration::ZERO)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_later_takes_along_what_waited_for_company() {
        let queue = Queue::new(8, 8);
        queue.push(event(), Entrance::Place).unwrap();
        let begun = Instant::now();
        let late = async {
            tokio::time::sleep(COMPANY / 2).await;
            queue.push(barrier(), Entrance::Store).unwrap();
        };
        let (taken, ()) = tokio::join!(queue.take(), late);
        assert_eq!((taken.unwrap().len(), begun.elapsed()), (2, COMPANY / 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_is_shorter_than_a_batch_is_emptied_when_it_is_full() {
        let queue = Queue::new(1, 8);
        check(&queue, vec![event()], (1, Duration::ZERO)).await;
    }

    #[tokio::test]
    async fn nothing_is_let_in_once_the_writer_heard_that_nothing_will_come() {
        let queue = Queue::new(1, 8);
        queue.close();
        queue.push(barrier(), Entrance::Writer).unwrap();
        assert_eq!(queue.take().await.unwrap().len(), 1, "closing is no end");
        assert!(queue.take().await.is_none());
        for needs in [Entrance::Place, Entrance::Store, Entrance::Writer] {
            let refused = queue.push(barrier(), needs).unwrap_err();
            assert_eq!(refused.kind(), FailureKind::LedgerUnavailable);
        }
    }
}
