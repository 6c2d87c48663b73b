//! When commits that are safe from a crash become safe from a power cut: within
//! a bound, whatever the disk does. Who commits goes on while the disk is asked,
//! and waits only once a commit has been without it for as long as it may be.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pause after a sync that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// Between the thread that commits and the one that puts commits on the disk.
pub(super) struct Barrier {
    /// The longest that a commit is not on the disk.
    within: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// When the first commit was made that no sync has begun after.
    waiting: Option<Instant>,
    /// When the first of those was made that the running sync is for.
    syncing: Option<Instant>,
    /// Why the last sync failed, and when it may be tried again.
    failed: Option<(Arc<io::Error>, Instant)>,
    closed: bool,
}

impl Barrier {
    pub(super) fn new(within: Duration) -> Self {
        Self {
            within,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    // === who commits ===

    /// Takes note of a commit that was just made.
    pub(super) fn note(&self) {
        let mut state = self.state();
        if state.waiting.is_none() {
            state.waiting = Some(Instant::now());
            self.changed.notify_all();
        }
    }

    /// Returns when one more commit may be made.
    ///
    /// # Errors
    /// Why the last sync failed, until one works.
    pub(super) fn demand(&self) -> Result<(), Arc<io::Error>> {
        let mut state = self.state();
        loop {
            if let Some((error, _)) = &state.failed {
                return Err(Arc::clone(error));
            }
            match state.oldest() {
                Some(oldest) if oldest.elapsed() >= self.within => state = self.wait(state),
                _ => return Ok(()),
            }
        }
    }

    /// Lets the other thread end.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    // === who syncs ===

    /// Returns when it is time to sync; false at the end.
    pub(super) fn wait_until_due(&self) -> bool {
        let mut state = self.state();
        while !state.closed {
            state = match state.due(self.within) {
                None => self.wait(state),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return true;
                    }
                    let woken = self.changed.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        false
    }

    /// Puts on the disk what was committed before; what is committed meanwhile
    /// waits for the next time. Does nothing when nothing waits.
    pub(super) fn sync(&self, sync: impl FnOnce() -> io::Result<()>) {
        let mut state = self.state();
        state.syncing = state.waiting.take();
        if state.syncing.is_none() {
            return;
        }
        drop(state);
        let synced = sync();
        let mut state = self.state();
        let begun = state.syncing.take();
        match synced {
            Ok(()) => state.failed = None,
            Err(error) => {
                if state.failed.is_none() {
                    tracing::warn!(%error, "the ledger does not reach the disk, trying again");
                }
                state.waiting = begun;
                state.failed = Some((Arc::new(error), Instant::now() + PAUSE));
            }
        }
        self.changed.notify_all();
    }

    /// Whether all commits are on the disk.
    #[cfg(test)]
    pub(super) fn is_clear(&self) -> bool {
        self.state().oldest().is_none()
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let woken = self.changed.wait(state);
        woken.unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code under this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn oldest(&self) -> Option<Instant> {
        self.syncing.or(self.waiting)
    }

    /// When to sync next. A fifth of the time is left for the sync itself, so
    /// that nobody waits for a disk that is quicker.
    fn due(&self, within: Duration) -> Option<Instant> {
        let due = self.waiting? + within * 4 / 5;
        let again = self.failed.as_ref().map(|(_, again)| *again);
        Some(again.unwrap_or(due))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn full() -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    #[test]
    fn a_sync_is_due_once_after_a_commit() {
        let barrier = Barrier::new(Duration::ZERO);
        barrier.sync(|| unreachable!("nothing was committed"));
        barrier.note();
        barrier.note();
        assert!(barrier.wait_until_due());
        barrier.sync(|| Ok(()));
        assert!(barrier.is_clear());
        barrier.sync(|| unreachable!("everything is on the disk"));
    }

    #[test]
    fn a_sync_begins_before_the_bound_is_reached() {
        let barrier = Barrier::new(LONG);
        assert_eq!(barrier.state().due(LONG), None);
        let begun = Instant::now();
        barrier.note();
        let due = barrier.state().due(LONG).unwrap();
        assert!(due >= begun + LONG / 2 && due < begun + LONG);
    }

    #[test]
    fn what_is_committed_while_a_sync_runs_waits_for_the_next() {
        let barrier = Barrier::new(LONG);
        barrier.note();
        barrier.sync(|| {
            barrier.note();
            Ok(())
        });
        assert!(!barrier.is_clear());
        let mut again = false;
        barrier.sync(|| {
            again = true;
            Ok(())
        });
        assert!(again && barrier.is_clear());
    }

    #[test]
    fn commits_go_on_while_a_sync_runs_and_wait_once_it_takes_too_long() {
        let patient = Barrier::new(LONG);
        patient.note();
        patient.sync(|| {
            patient.demand().unwrap();
            Ok(())
        });

        let strict = Barrier::new(Duration::ZERO);
        let synced = AtomicBool::new(false);
        strict.note();
        std::thread::scope(|scope| {
            let committing = scope.spawn(|| {
                strict.demand().unwrap();
                assert!(synced.load(Ordering::SeqCst), "a commit too many");
            });
            strict.sync(|| {
                assert!(!committing.is_finished());
                synced.store(true, Ordering::SeqCst);
                Ok(())
            });
        });
    }

    #[test]
    fn nothing_is_taken_while_syncs_fail_and_nothing_is_forgotten() {
        let barrier = Barrier::new(LONG);
        barrier.note();
        let made = barrier.state().oldest();
        barrier.sync(|| {
            barrier.note();
            full()
        });
        assert_eq!(barrier.state().oldest(), made, "the first is not forgotten");
        let refused = barrier.demand().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        let due = barrier.state().due(LONG).unwrap();
        assert!(due <= Instant::now() + PAUSE, "it is tried again soon");
        barrier.sync(|| Ok(()));
        barrier.demand().unwrap();
        assert!(barrier.is_clear());
    }

    #[test]
    fn the_end_waits_for_nothing() {
        let barrier = Barrier::new(LONG);
        barrier.note();
        barrier.close();
        assert!(!barrier.wait_until_due());
        let mut last = false;
        barrier.sync(|| {
            last = true;
            Ok(())
        });
        assert!(last, "what waits can still be synced");
    }
}
