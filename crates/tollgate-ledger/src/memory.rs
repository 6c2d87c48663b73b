mod feedback;
mod folded;
mod habits;
mod rows;

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tollgate_core::{
    AttemptRecord, Billing, CallFacts, CallId, Cost, CostSource, FeedbackRow, GenerationId,
    HabitRow, LaneId, LedgerEvent, LedgerStore, ModelId, OpenAttempt, StoreError, Task, Timestamp,
    TokenUsage, Uncertain, UsageQuery, UsageRow, Usd,
};

use self::feedback::FeedbackSums;
use self::folded::Folded;
use self::habits::KeptHabits;
use self::rows::Rows;
use crate::books::stripe_of;
use crate::config::MEMORY_ROWS;

const SHARDS: usize = 64;

/// Calls that are looked at for folding per event. Each event brings at most
/// one attempt, so two would do; more make up for calls that still run.
const LOOKS: usize = 4;

/// A ledger store in memory: for tests, demonstrations and programs that do
/// not care about yesterday.
///
/// It keeps the newest attempts each by itself, somewhat less than a kilobyte
/// each: 100,000 unless [`keeping`](Self::keeping) says otherwise, and above
/// that those of calls that still run. Older ones it folds into sums, whose
/// number grows with the days, models, callers and so on, not with the calls.
/// Appending never fails and never waits.
///
/// What folding leaves exact and what it does not:
/// - Sums are exact by every dimension and combination of them, but for tags
///   once these have made some tens of thousands of sums: then further ones
///   count under the value `folded`.
/// - `since` and `until` are exact at the beginning of a UTC day, and before
///   everything or after it. A moment within a day may take the folded attempts
///   of that day in or leave them out; it never counts them twice in adjacent
///   ranges.
/// - A folded attempt is final: an adjustment does not change it any more, and
///   appending its end again would count it again.
/// - Of a call that is held for so long without an attempt, nothing is kept.
///   Its attempts are booked as ever; their ends bring the call's facts again.
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
    /// Most attempts that one shard keeps each by itself.
    per_shard: usize,
    feedback: Mutex<FeedbackSums>,
    habits: Mutex<KeptHabits>,
}

#[derive(Default)]
struct Shard {
    /// Boxed, so that a map that grows moves pointers only.
    calls: HashMap<CallId, Box<Entries>>,
    /// The same calls, oldest first but for those that were running when their
    /// turn to be folded came.
    order: VecDeque<CallId>,
    /// The sum of the calls' sizes.
    size: usize,
    /// What came before these calls.
    folded: Folded,
}

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
    generation: Option<GenerationId>,
    ended: Option<AttemptRecord>,
    adjustments: Vec<Adjustment>,
}

struct Dispatch {
    at: Timestamp,
    lane: LaneId,
    billing: Billing,
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
        Self::keeping(MEMORY_ROWS)
    }

    /// An empty store that keeps at most `attempts` ended attempts each by
    /// itself; nought counts as one. With fewer than some hundreds, the newest
    /// call of each shard may exceed it.
    pub fn keeping(attempts: usize) -> Self {
        let attempts = attempts.max(1);
        let shards = attempts.min(SHARDS);
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            per_shard: attempts / shards,
            feedback: Mutex::default(),
            habits: Mutex::default(),
        }
    }

    /// Takes one event.
    pub(crate) fn apply(&self, event: LedgerEvent) {
        let call = match &event {
            LedgerEvent::Hold { facts, .. }
            | LedgerEvent::Settle { facts, .. }
            | LedgerEvent::Release { facts, .. } => facts.call,
            LedgerEvent::Dispatch { call, .. }
            | LedgerEvent::Named { call, .. }
            | LedgerEvent::Adjust { call, .. } => *call,
            // Nothing is counted for a process to come.
            LedgerEvent::Carried { .. } => return,
        };
        let mut shard = lock(&self.shards[stripe_of(call, self.shards.len())]);
        shard.apply(call, event);
        shard.fold(self.per_shard, call);
    }

    /// A report, which waits for nothing here.
    pub(crate) fn sums(&self, query: &UsageQuery) -> Vec<UsageRow> {
        let mut rows = Rows::default();
        for shard in self.shards() {
            shard.folded.report(query, &mut rows);
            for entries in shard.calls.values() {
                if entries
                    .facts
                    .as_ref()
                    .is_some_and(|facts| covers(query, facts.at) && is_of(query, facts))
                {
                    entries.each(|facts, record, last| {
                        let key = query.by.iter().map(|by| by.value(facts, record));
                        rows.at(key.collect()).add(record, last);
                    });
                }
            }
        }
        rows.by_cost()
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock::<Shard>)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls: usize = self.shards().map(|shard| shard.calls.len()).sum();
        f.debug_struct("MemoryStore")
            .field("calls", &calls)
            .finish()
    }
}

#[async_trait]
impl LedgerStore for MemoryStore {
    async fn append(&self, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        for event in events {
            self.apply(event.clone());
        }
        Ok(Vec::new())
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        let mut open = Vec::new();
        for shard in self.shards() {
            for (call, entries) in &shard.calls {
                open.extend(entries.open_attempts(*call));
            }
        }
        open.sort_by_key(|attempt| (attempt.at, attempt.facts.call, attempt.attempt));
        Ok(open)
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        Ok(self.sums(query))
    }

    async fn uncertain(&self, since: Timestamp) -> Result<Vec<Uncertain>, StoreError> {
        let mut found = Vec::new();
        for shard in self.shards() {
            for (call, entries) in &shard.calls {
                found.extend(entries.uncertain(*call, since));
            }
        }
        found.sort_by_key(|one| (one.at, one.call, one.attempt));
        Ok(found)
    }

    async fn add_feedback(&self, rows: &[FeedbackRow]) -> Result<(), StoreError> {
        lock(&self.feedback).add(rows);
        Ok(())
    }

    async fn feedback(&self, since: Timestamp) -> Result<Vec<FeedbackRow>, StoreError> {
        Ok(lock(&self.feedback).since(since.day()))
    }

    async fn add_habits(&self, rows: &[HabitRow]) -> Result<(), StoreError> {
        lock(&self.habits).add(rows);
        Ok(())
    }

    async fn habits(&self, since: Timestamp) -> Result<Vec<HabitRow>, StoreError> {
        Ok(lock(&self.habits).since(since.day()))
    }
}

impl Shard {
    fn apply(&mut self, call: CallId, event: LedgerEvent) {
        let (entries, before) = match self.calls.entry(call) {
            Entry::Occupied(entries) => {
                let entries = entries.into_mut();
                let before = entries.size();
                (entries, before)
            }
            // Of a call that was folded: it is final.
            Entry::Vacant(_) if matches!(event, LedgerEvent::Adjust { .. }) => return,
            Entry::Vacant(place) => {
                self.order.push_back(call);
                (place.insert(Box::default()), 0)
            }
        };
        entries.apply(event);
        self.size += entries.size() - before;
    }

    /// Folds the oldest calls until the others are within the limit, but for
    /// those that run and the one that an event just came for.
    fn fold(&mut self, limit: usize, current: CallId) {
        for _ in 0..LOOKS {
            if self.size <= limit {
                return;
            }
            let Some(call) = self.order.pop_front() else {
                return;
            };
            match self.calls.entry(call) {
                Entry::Occupied(entries) if call != current && !entries.get().runs() => {
                    let entries = entries.remove();
                    self.size -= entries.size();
                    self.folded.take(&entries);
                }
                _ => self.order.push_back(call),
            }
        }
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
                billing,
                model,
                worst,
                ..
            } => {
                self.slot(attempt).dispatch.get_or_insert(Dispatch {
                    at,
                    lane,
                    billing,
                    model,
                    worst,
                });
            }
            LedgerEvent::Named {
                attempt,
                generation,
                ..
            } => {
                self.slot(attempt).generation.get_or_insert(generation);
            }
            LedgerEvent::Settle { facts, record, .. } | LedgerEvent::Release { facts, record } => {
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
            LedgerEvent::Carried { .. } => {}
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
                billing: dispatch.billing,
                model: dispatch.model.clone(),
                at: dispatch.at,
                worst: dispatch.worst,
                generation: slot.generation.clone(),
                // Counted in this process only, which knows them.
                windows: [].into(),
            })
        })
    }

    fn uncertain(&self, call: CallId, since: Timestamp) -> impl Iterator<Item = Uncertain> {
        let facts = self.facts.iter().filter(move |facts| facts.at >= since);
        facts.flat_map(move |facts| {
            self.attempts.iter().filter_map(move |slot| {
                let record = slot.booked()?;
                let is_ours = record.billing != Billing::Caller;
                let cost = record
                    .cost
                    .filter(|cost| is_ours && cost.source >= CostSource::Estimated)?;
                Some(Uncertain {
                    call,
                    attempt: slot.number,
                    at: facts.at,
                    lane: record.lane,
                    generation: record
                        .served
                        .generation
                        .or_else(|| slot.generation.clone())?,
                    cost,
                    windows: [].into(),
                })
            })
        })
    }

    /// What it counts as in its shard: its attempts, or one without any.
    fn size(&self) -> usize {
        self.attempts.len().max(1)
    }

    /// Whether an attempt was dispatched and has not ended.
    fn runs(&self) -> bool {
        self.attempts
            .iter()
            .any(|slot| slot.dispatch.is_some() && slot.ended.is_none())
    }

    /// Shows each attempt that has ended, and whether it is the call's last one.
    fn each(&self, mut show: impl FnMut(&CallFacts, &AttemptRecord, bool)) {
        let Some(facts) = &self.facts else {
            return;
        };
        let records: Vec<AttemptRecord> = self.attempts.iter().filter_map(Slot::booked).collect();
        let last = records.len().saturating_sub(1);
        for (place, record) in records.iter().enumerate() {
            show(facts, record, place == last);
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

fn is_of(query: &UsageQuery, facts: &CallFacts) -> bool {
    let caller = query.caller.as_ref();
    caller.is_none_or(|caller| *caller == facts.caller)
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

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code under this lock can panic half-way through a change.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
