//! How many attempts of one target are running, counted without a lock.

use std::fmt;

use crate::sync::{Arc, AtomicU32, Ordering};

/// The running attempts of one target. Clones count together.
#[derive(Clone)]
pub(crate) struct InFlight(Arc<AtomicU32>);

impl InFlight {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU32::new(0)))
    }

    /// How many are running.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// One more, unless there are `most` already.
    pub(crate) fn enter(&self, most: u32) -> Option<Ticket> {
        let more = |count| (count < most).then_some(count + 1);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()
            .map(|_| Ticket(self.clone()))
    }
}

/// One running attempt. Whatever way it ends, its slot is free with the drop.
#[must_use = "the slot is free when the ticket is dropped"]
pub(crate) struct Ticket(InFlight);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InFlight").field(&self.count()).finish()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}
