//! Prompts that come again: whoever asks the same twice was hardly content.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tollgate_core::{Call, CallId, Timestamp};
use tollgate_wire::{Role, Surface};

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

    /// Of who asks whom, what is asked and how long what stands before it is.
    /// Only what a user says last counts: an agent that goes on sends the same
    /// words of its user again, before those of its tools. Who asks one model what
    /// another was asked compares them, and texts to embed are no questions.
    fn hash(&self, call: &Call) -> Option<u64> {
        if call.request.surface() == Surface::Embeddings {
            return None;
        }
        let turns = call.request.turns().ok()?;
        let last = turns.last().filter(|turn| turn.role == Role::User)?;
        let text = last.content?.get();
        let lengths = turns
            .iter()
            .map(|turn| turn.content.map_or(0, |content| content.get().len()));
        let lengths: Vec<usize> = lengths.collect();
        let key = (call.caller.as_str(), call.request.model(), lengths, text);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tollgate_testkit::builders;
    use tollgate_wire::{ChatRequest, Message};

    use super::*;

    fn call(number: u128, model: &str, turns: &[&str]) -> Call {
        let messages = turns.iter().map(|text| Message::user(text));
        let request = ChatRequest::new(messages).unwrap().with_model(model);
        Call {
            request: Arc::new(request.into()),
            ..builders::call(number, model)
        }
    }

    #[test]
    fn who_asks_another_model_or_in_another_conversation_repeats_nothing() {
        let mut prompts = Prompts::default();
        let first = call(1, "a/b", &["Name a colour.", "continue"]);
        assert_eq!(prompts.note(&first), None);
        let elsewhere = call(2, "a/b", &["Name three fruits.", "continue"]);
        assert_eq!(prompts.note(&elsewhere), None);
        let compared = call(3, "a/c", &["Name a colour.", "continue"]);
        assert_eq!(prompts.note(&compared), None);
        let again = call(4, "a/b", &["Name a colour.", "continue"]);
        assert_eq!(prompts.note(&again), Some(first.id));
    }
}
