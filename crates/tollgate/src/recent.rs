//! The receipts of the last calls, by the ids that their callers know.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_core::{CallId, Event, GenerationId, Observer, Receipt};

/// Calls that are remembered; at about a kilobyte each, some megabytes.
pub(crate) const MOST: usize = 4_096;

/// Remembers receipts as they are settled, the newest [`MOST`].
#[derive(Default)]
pub(crate) struct Recent {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    order: VecDeque<CallId>,
    receipts: HashMap<CallId, Arc<Receipt>>,
    generations: HashMap<GenerationId, CallId>,
}

impl Recent {
    /// The receipt of the call with that id, or in which an upstream gave a
    /// generation that id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Receipt>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let call = match kept.generations.get(id) {
            Some(call) => *call,
            None => id.parse().ok()?,
        };
        kept.receipts.get(&call).cloned()
    }

    fn keep(&self, receipt: &Receipt) {
        // Copied before the lock is taken.
        let receipt = Arc::new(receipt.clone());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(receipt);
        if kept.order.len() > MOST {
            kept.forget_oldest();
        }
    }
}

impl Kept {
    fn insert(&mut self, receipt: Arc<Receipt>) {
        let call = receipt.facts.call;
        for attempt in &receipt.attempts {
            if let Some(generation) = attempt.generation() {
                self.generations.insert(generation.clone(), call);
            }
        }
        if self.receipts.insert(call, receipt).is_none() {
            self.order.push_back(call);
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.order.pop_front();
        let Some(receipt) = oldest.and_then(|call| self.receipts.remove(&call)) else {
            return;
        };
        for generation in receipt.attempts.iter().filter_map(|one| one.generation()) {
            // A later call can have been given the same id.
            if self.generations.get(generation) == Some(&receipt.facts.call) {
                self.generations.remove(generation);
            }
        }
    }
}

impl Observer for Recent {
    fn on(&self, event: &Event) {
        if let Event::Settled { receipt } = event {
            self.keep(receipt);
        }
    }
}

#[cfg(test)]
mod tests;
