use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tollgate_core::{
    AttemptRecord, CallFacts, CallId, Cost, LaneId, LedgerEvent, LedgerStore, ModelId, OpenAttempt,
    StoreError, Task, Timestamp, TokenUsage, UsageQuery, UsageRow, Usd,
};

use crate::books::stripe_of;

const SHARDS: usize = 64;

/// A ledger store in memory: for tests, demonstrations and programs that do
/// not care about yesterday.
///
/// It keeps every attempt until it is dropped, somewhat less than a kilobyte
/// each. Appending never fails and never waits.
///
/// ```
/// use tollgate_core::{LedgerStore, UsageQuery};
/// use tollgate_ledger::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate_core::StoreError> {
/// let store = MemoryStore::new();
/// assert!(store.report(&UsageQuery::default()).await?.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
}

/// Boxed, so that a map that grows moves pointers only.
type Shard = HashMap<CallId, Box<Entries>>;

/// All that is known of one call.
#[derive(Default)]
struct Entries {
    facts: Option<CallFacts>,
    /// In the order of their numbers.
    attempts: Vec<Slot>,
}

/// All that is known of one attempt.
#[derive(Default)]
struct Slot {
    number: u32,
    dispatch: Option<Dispatch>,
    ended: Option<AttemptRecord>,
    adjustments: Vec<Adjustment>,
}

struct Dispatch {
    at: Timestamp,
    lane: LaneId,
    model: ModelId,
    worst: Usd,
}

#[derive(PartialEq)]
struct Adjustment {
    at: Timestamp,
    cost: Cost,
    tokens: Option<TokenUsage>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Takes one event.
    pub(crate) fn apply(&self, event: LedgerEvent) {
        let call = match &event {
            LedgerEvent::Hold { facts, .. }
            | LedgerEvent::Settle { facts, .. }
            | LedgerEvent::Release { facts, .. } => facts.call,
            LedgerEvent::Dispatch { call, .. } | LedgerEvent::Adjust { call, .. } => *call,
        };
        lock(&self.shards[stripe_of(call, SHARDS)])
            .entry(call)
            .or_default()
            .apply(event);
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls: usize = self.shards().map(|shard| shard.len()).sum();
        f.debug_struct("MemoryStore")
            .field("calls", &calls)
            .finish()
    }
}

#[async_trait]
impl LedgerStore for MemoryStore {
    async fn append(&self, events: &[LedgerEvent]) -> Result<(), StoreError> {
        for event in events {
            self.apply(event.clone());
        }
        Ok(())
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        let mut open = Vec::new();
        for shard in self.shards() {
            for (call, entries) in shard.iter() {
                open.extend(entries.open_attempts(*call));
            }
        }
        open.sort_by_key(|attempt| (attempt.at, attempt.facts.call, attempt.attempt));
        Ok(open)
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let mut rows = BTreeMap::<Vec<String>, UsageRow>::new();
        for shard in self.shards() {
            for entries in shard.values() {
                entries.report(query, &mut rows);
            }
        }
        let mut rows: Vec<UsageRow> = rows.into_values().collect();
        // Stable, so equal costs stay in the order of their keys.
        rows.sort_by_key(|row| std::cmp::Reverse(row.cost()));
        Ok(rows)
    }
}

impl Entries {
    fn apply(&mut self, event: LedgerEvent) {
        match event {
            LedgerEvent::Hold { facts, .. } => {
                self.facts.get_or_insert(facts);
            }
            LedgerEvent::Dispatch {
                attempt,
                at,
                lane,
                model,
                worst,
                ..
            } => {
                self.slot(attempt).dispatch.get_or_insert(Dispatch {
                    at,
                    lane,
                    model,
                    worst,
                });
            }
            LedgerEvent::Settle { facts, record } | LedgerEvent::Release { facts, record } => {
                self.facts.get_or_insert(facts);
                self.slot(record.number).ended.get_or_insert(record);
            }
            LedgerEvent::Adjust {
                attempt,
                at,
                cost,
                tokens,
                ..
            } => {
                let adjustment = Adjustment { at, cost, tokens };
                let adjustments = &mut self.slot(attempt).adjustments;
                if !adjustments.contains(&adjustment) {
                    adjustments.push(adjustment);
                }
            }
        }
    }

    fn slot(&mut self, number: u32) -> &mut Slot {
        let found = self
            .attempts
            .binary_search_by_key(&number, |slot| slot.number);
        let place = found.unwrap_or_else(|place| {
            let slot = Slot {
                number,
                ..Slot::default()
            };
            // Most calls have one attempt, and slots are large.
            self.attempts.reserve_exact(1);
            self.attempts.insert(place, slot);
            place
        });
        &mut self.attempts[place]
    }

    fn open_attempts(&self, call: CallId) -> impl Iterator<Item = OpenAttempt> {
        self.attempts.iter().filter_map(move |slot| {
            let dispatch = slot.dispatch.as_ref().filter(|_| slot.ended.is_none())?;
            Some(OpenAttempt {
                facts: self
                    .facts
                    .clone()
                    .unwrap_or_else(|| facts_of_dispatch(call, dispatch)),
                attempt: slot.number,
                lane: dispatch.lane.clone(),
                model: dispatch.model.clone(),
                at: dispatch.at,
                worst: dispatch.worst,
            })
        })
    }

    fn report(&self, query: &UsageQuery, rows: &mut BTreeMap<Vec<String>, UsageRow>) {
        let Some(facts) = self.facts.as_ref().filter(|facts| covers(query, facts.at)) else {
            return;
        };
        let records: Vec<AttemptRecord> = self.attempts.iter().filter_map(Slot::booked).collect();
        let last = records.len().saturating_sub(1);
        for (place, record) in records.iter().enumerate() {
            let key: Vec<String> = query.by.iter().map(|by| by.value(facts, record)).collect();
            let row = match rows.entry(key) {
                Entry::Occupied(row) => row.into_mut(),
                Entry::Vacant(place) => {
                    let key = place.key().clone();
                    place.insert(UsageRow {
                        key,
                        ..UsageRow::default()
                    })
                }
            };
            row.add(record, place == last);
        }
    }
}

impl Slot {
    /// The attempt as it counts now, once it has ended.
    fn booked(&self) -> Option<AttemptRecord> {
        let mut record = self.ended.clone()?;
        for adjustment in &self.adjustments {
            record.cost = Some(adjustment.cost);
            record.tokens = adjustment.tokens.unwrap_or(record.tokens);
        }
        Some(record)
    }
}

fn covers(query: &UsageQuery, at: Timestamp) -> bool {
    query.since.is_none_or(|since| at >= since) && query.until.is_none_or(|until| at < until)
}

/// What can be said of a call whose hold is not known.
fn facts_of_dispatch(call: CallId, dispatch: &Dispatch) -> CallFacts {
    CallFacts {
        call,
        caller: tollgate_core::CallerId::local(),
        at: dispatch.at,
        requested: dispatch.model.to_string(),
        task: Task::default(),
        policy: String::new(),
        tags: Vec::new(),
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // No code under this lock can panic half-way through a change.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
