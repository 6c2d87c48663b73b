//! Prompts that come again: whoever asks the same twice was hardly content.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tollgate_core::{Call, CallId, Timestamp};
use tollgate_wire::Role;

/// How soon a prompt comes again to be taken for another try.
const SOON: Duration = Duration::from_secs(60);

/// Prompts that are remembered, the newest.
const MOST: usize = 4_096;

/// The last prompts, as hashes: no text is kept.
#[derive(Debug, Default)]
pub(super) struct Prompts {
    hashes: RandomState,
    last: HashMap<u64, (CallId, Timestamp)>,
    order: VecDeque<(u64, CallId)>,
}

impl Prompts {
    /// Remembers a call; returns the last one that asked the same a moment ago.
    pub(super) fn note(&mut self, call: &Call) -> Option<CallId> {
        let hash = self.hash(call)?;
        let earlier = self.last.insert(hash, (call.id, call.at));
        self.order.push_back((hash, call.id));
        if self.order.len() > MOST {
            self.forget_oldest();
        }
        let (earlier, at) = earlier?;
        (call.at.since(at) <= SOON).then_some(earlier)
    }

    /// Of who asks, what is asked and what stands before it. Only what a user
    /// says last counts: an agent that goes on sends the same words of its user
    /// again, before those of its tools.
    fn hash(&self, call: &Call) -> Option<u64> {
        let turns = call.request.turns().ok()?;
        let last = turns.last().filter(|turn| turn.role == Role::User)?;
        let text = last.content?.get();
        let key = (call.caller.as_str(), turns.len(), text);
        Some(self.hashes.hash_one(key))
    }

    fn forget_oldest(&mut self) {
        let Some((hash, call)) = self.order.pop_front() else {
            return;
        };
        // The same may have been asked since.
        if self.last.get(&hash).is_some_and(|(last, _)| *last == call) {
            self.last.remove(&hash);
        }
    }
}
