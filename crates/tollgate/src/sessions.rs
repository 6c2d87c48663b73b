//! Conversations that go on: which model has read their beginning, so that its
//! provider is likely to have it in a cache.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::{Call, CallProfile, CatalogView, LaneId, ModelId, OfferIndex, Timestamp, Warm};
use tollgate_wire::{Role, Surface};

/// How long a conversation may rest. Providers keep what they have read for
/// five minutes or some more, and OpenRouter keeps a conversation where it is
/// for ten.
const IDLE: Duration = Duration::from_secs(600);

/// Conversations that are remembered, the newest.
const MOST: usize = 16_384;

/// Tokens of a prompt from which on providers cache it; some need more.
const LEAST_CACHED: u64 = 1_024;

/// A conversation, as a hash: nothing that was said is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Conversation(u64);

/// One turn of a conversation that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn<'a> {
    /// When it began.
    pub(crate) at: Timestamp,
    /// Who has answered.
    pub(crate) model: &'a ModelId,
    pub(crate) lane: &'a LaneId,
    /// Tokens of its prompt, and how many of them a cache had or has now.
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
    /// Whether writing to the cache has a price: then nothing is cached unless
    /// it was asked for, and the provider says so.
    pub(crate) writes_cost: bool,
    /// The order in which endpoints were asked for.
    pub(crate) order: &'a [Arc<str>],
}

/// The last conversations.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    hashes: RandomState,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last: HashMap<Conversation, Read>,
    order: VecDeque<(Conversation, Timestamp)>,
}

/// Who has read a conversation so far.
#[derive(Debug, Clone)]
struct Read {
    at: Timestamp,
    model: ModelId,
    lane: LaneId,
    /// Tokens of its prompt.
    prompt: u64,
    /// How many of them are expected to be read from its cache next time.
    tokens: u64,
    order: Vec<Arc<str>>,
}

impl Sessions {
    /// Finds the conversation that a call goes on with, and says in its profile
    /// who is likely to have the beginning in a cache, where that is cheaper.
    pub(crate) fn recognise(
        &self,
        call: &Call,
        profile: &mut CallProfile,
        view: &CatalogView,
    ) -> Option<Conversation> {
        if profile.prompt.high < LEAST_CACHED {
            return None;
        }
        let conversation = self.conversation(call)?;
        profile.warm = self.warm(conversation, call.at, view);
        Some(conversation)
    }

    /// Takes note of who has answered a turn.
    pub(crate) fn note(&self, conversation: Conversation, turn: Turn<'_>) {
        self.kept().note(conversation, turn);
    }

    fn warm(&self, conversation: Conversation, at: Timestamp, view: &CatalogView) -> Option<Warm> {
        let read = self.kept().read(conversation, at)?.clone();
        let warm = Warm {
            model: read.model,
            lane: read.lane,
            tokens: read.tokens,
            order: read.order,
        };
        (warm.tokens >= LEAST_CACHED && is_cheaper(view, &warm, at)).then_some(warm)
    }

    /// By the caller, and by the name that it gives the conversation: its
    /// session, or the key that it wants it cached by. Without one, by what the
    /// conversation begins with, up to what its user says first.
    fn conversation(&self, call: &Call) -> Option<Conversation> {
        use Surface::{Chat, Messages, Responses};
        if !matches!(call.request.surface(), Chat | Responses | Messages) {
            return None;
        }
        let mut hasher = self.hashes.build_hasher();
        // Another key is another account, with a cache of its own.
        (call.caller.as_str(), call.keys.is_empty()).hash(&mut hasher);
        match name(call) {
            Some(name) => name.hash(&mut hasher),
            None => hash_beginning(call, &mut hasher)?,
        }
        Some(Conversation(hasher.finish()))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a caller calls its conversation, and by which word it says so.
fn name(call: &Call) -> Option<(&'static str, String)> {
    let said = |name: &'static str, value: Option<String>| {
        let value = value.filter(|value| !value.is_empty())?;
        Some((name, value))
    };
    let field = |name: &'static str| {
        let value = call.request.object().read::<Option<String>>(name);
        said(name, value.ok()??)
    };
    let header = || said("session_id", call.hints.session.clone());
    field("session_id")
        .or_else(header)
        .or_else(|| field("prompt_cache_key"))
}

/// Hashes what stands before the user's first words, and those; `None` where
/// there are none.
fn hash_beginning(call: &Call, hasher: &mut impl Hasher) -> Option<()> {
    let turns = call.request.turns().ok()?;
    let first = turns.iter().position(|turn| turn.role == Role::User)?;
    for turn in &turns[..=first] {
        turn.role.hash(hasher);
        hash_text(turn.content.map_or("", RawValue::get), hasher);
    }
    Some(())
}

/// Hashes the text of a content, without what clients put beside it anew in
/// each turn, such as marks of where to cache.
fn hash_text(content: &str, hasher: &mut impl Hasher) {
    #[derive(Deserialize)]
    struct Part {
        text: Option<String>,
    }
    let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(content) else {
        return content.hash(hasher);
    };
    for part in parts {
        match serde_json::from_str(part.get()) {
            Ok(Part { text: Some(text) }) => text.hash(hasher),
            _ => part.get().hash(hasher),
        }
    }
}

/// Whether reading from the cache costs less there than reading.
fn is_cheaper(view: &CatalogView, warm: &Warm, at: Timestamp) -> bool {
    let is_there = |offer: &OfferIndex| view.lane(view.offer(*offer).lane).id == warm.lane;
    let offer = view
        .find_served(&warm.model)
        .and_then(|model| view.offers_of(model).find(is_there));
    let rates = offer.and_then(|offer| view.pricing(offer).at(warm.tokens, at).ok());
    rates.is_some_and(|rates| rates.cache_read.is_some_and(|read| read < rates.input))
}

impl Kept {
    /// What is known of a conversation that has not rested for too long.
    fn read(&self, conversation: Conversation, at: Timestamp) -> Option<&Read> {
        let read = self.last.get(&conversation);
        read.filter(|read| at.since(read.at) <= IDLE)
    }

    fn note(&mut self, conversation: Conversation, turn: Turn<'_>) {
        let before = self
            .read(conversation, turn.at)
            .filter(|read| read.model == *turn.model && read.lane == *turn.lane);
        let read = Read {
            at: turn.at,
            model: turn.model.clone(),
            lane: turn.lane.clone(),
            prompt: turn.prompt,
            tokens: turn.kept(before.map(|read| read.prompt)),
            order: turn.order.to_vec(),
        };
        self.last.insert(conversation, read);
        self.order.push_back((conversation, turn.at));
        self.forget(turn.at);
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((conversation, at)) = self.order.front().copied()
            && (self.order.len() > MOST || now.since(at) > IDLE)
        {
            self.order.pop_front();
            // It may have gone on since.
            if self
                .last
                .get(&conversation)
                .is_some_and(|read| read.at == at)
            {
                self.last.remove(&conversation);
            }
        }
    }
}

impl Turn<'_> {
    /// How much of the prompt a cache is expected to have next time: as large a
    /// part as it had of the prompt `before`, read in the same place.
    fn kept(&self, before: Option<u64>) -> u64 {
        match (self.cached, before) {
            (0, Some(_)) => 0,
            // Where writing is free, providers cache by themselves; but not all
            // of them do, which the next turn shows.
            (0, None) if self.writes_cost => 0,
            (cached, Some(before)) if cached < before => {
                (u128::from(self.prompt) * u128::from(cached) / u128::from(before)) as u64
            }
            _ => self.prompt,
        }
    }
}

#[cfg(test)]
mod tests;
