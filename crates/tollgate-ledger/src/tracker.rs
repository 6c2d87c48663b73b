use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tollgate_core::{
    Advice, Attempt, Billing, BoxFuture, BudgetLeases, BudgetWindow, BudgetWindows, Call,
    CallFacts, CallId, CallProfile, CallerId, Clock, Cost, Event, Failure, FailureKind,
    FeedbackRow, GenerationId, HabitRow, Hold, LaneId, Ledger, LedgerEvent, LedgerStore, Observer,
    Outcome, Plan, Receipt, Timestamp, TokenUsage, UsageQuery, UsageRow, Usd,
};

use crate::admission::Admission;
use crate::books::{Books, Closed, Dispatched, Running, Spender, Totals};
use crate::budget::{Budgets, Leaser, Move, What, Who};
use crate::cover::Cover;
use crate::memory::MemoryStore;
use crate::queue::unavailable;
use crate::recorder::Recorder;
use crate::{LedgerConfig, OpenError, SqliteStore, StoreKind};

/// Keeps the money of all calls: what is held, what was spent, and every event
/// of it in a store.
///
/// `hold` and `settle` work on counters in memory and never wait; one task of
/// the tracker writes the events in groups. With the memory store, or with none,
/// there is no task.
///
/// # Cancellation
/// A `dispatch` that is dropped while it waits was not sent: settling the call
/// ends that attempt at no cost. An attempt that was dispatched and that the
/// outcome says nothing of is booked at its worst case.
pub struct UsageTracker {
    pub(crate) admission: Admission,
    pub(crate) books: Books,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) recorder: Recorder,
    pub(crate) clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    /// Held to read between what is counted and its record, to write while the
    /// budgets change, and never while anything waits.
    pub(crate) turn: RwLock<()>,
    /// Where shares come from of budgets that other nodes spend from too.
    pub(crate) leases: Option<Arc<dyn BudgetLeases>>,
    /// Brings them.
    pub(crate) leaser: Mutex<Option<Leaser>>,
}

impl UsageTracker {
    /// Opens the store that `config` names, and starts.
    ///
    /// # Errors
    /// [`OpenError`], with what to do about it.
    ///
    /// # Panics
    /// Outside a tokio runtime, unless the store is memory.
    pub async fn open(
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, OpenError> {
        config.validate()?;
        match config.store {
            StoreKind::Memory => Ok(Self::in_memory(config, clock, observer)),
            StoreKind::Sqlite => {
                let store = SqliteStore::open(&config.path, config.durability).await?;
                Ok(Self::start(Arc::new(store), config, clock, observer))
            }
            StoreKind::Postgres => Err(OpenError::NotLocal),
        }
    }

    /// Keeps everything in this process, without a task: the newest
    /// `config.memory_rows` attempts each by itself, older ones as sums.
    pub fn in_memory(
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::over(
            Recorder::Direct(MemoryStore::keeping(config.memory_rows)),
            config,
            clock,
            observer,
        )
    }

    /// Keeps running totals and no attempts: no store, no task, and memory that
    /// does not grow with the number of calls. Holds, ceilings, receipts and
    /// adjustments are as with any store; [`report`](Self::report) and
    /// [`recover`](Self::recover) have nothing to tell.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use tollgate_core::{Silent, UsageQuery};
    /// use tollgate_ledger::{LedgerConfig, UsageTracker};
    /// # use tollgate_testkit::builders::NOON;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate_core::Failure> {
    /// let config = LedgerConfig::default();
    /// let tracker = UsageTracker::totals_only(&config, Arc::new(|| NOON), Arc::new(Silent));
    /// assert!(tracker.report(&UsageQuery::default()).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn totals_only(
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::over(Recorder::Nothing, config, clock, observer)
    }

    /// Starts the task that writes to `store`.
    ///
    /// With budgets, calls are refused until [`recover`](Self::recover) has
    /// read what was spent of them.
    ///
    /// # Panics
    /// Outside a tokio runtime, and when a budget in `config` cannot work:
    /// [validate](LedgerConfig::validate) it first.
    pub fn start(
        store: Arc<dyn LedgerStore>,
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::over(Recorder::queued(store, config), config, clock, observer)
    }

    /// As [`start`](Self::start), for a node that shares its budgets with
    /// others: it admits only what it has leased. A task asks for leases before
    /// they are needed; a call that comes sooner waits for them in its dispatch.
    ///
    /// # Panics
    /// As `start`.
    pub fn start_shared(
        store: Arc<dyn LedgerStore>,
        leases: Arc<dyn BudgetLeases>,
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let recorder = Recorder::queued(store, config);
        let tracker = Self::with(recorder, config, Some(leases), clock, observer);
        tracker.start_leasing();
        tracker
    }

    fn over(
        recorder: Recorder,
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::with(recorder, config, None, clock, observer)
    }

    fn with(
        recorder: Recorder,
        config: &LedgerConfig,
        leases: Option<Arc<dyn BudgetLeases>>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let rules = config.rules().expect("a configuration that was validated");
        let budgets = Budgets::new(rules, leases.is_some(), clock.clone(), observer.clone());
        if !recorder.outlives_the_process() {
            budgets.load([]);
        }
        Self {
            admission: Admission::new(config.max_cost_per_request),
            books: Books::new(),
            budgets: Arc::new(budgets),
            recorder,
            clock,
            observer,
            turn: RwLock::default(),
            leases,
            leaser: Mutex::default(),
        }
    }

    /// Replaces an estimated or worst-case figure by a better one, and the
    /// tokens when they were learned too.
    ///
    /// # Errors
    /// `InvalidRequest` when this process knows of no such figure of the
    /// attempt: a figure that is reported, computed or reconciled stands.
    /// `LedgerUnavailable` when nothing can be recorded; then the figure stays
    /// as it was, in the store and in [`totals`](Self::totals).
    pub fn adjust(
        &self,
        call: CallId,
        attempt: u32,
        cost: Cost,
        tokens: Option<TokenUsage>,
    ) -> Result<(), Failure> {
        let at = self.clock.now();
        let _turn = self.turn();
        self.books.adjust(call, attempt, &cost, |change, windows| {
            self.recorder.record(LedgerEvent::Adjust {
                call,
                attempt,
                at,
                cost,
                tokens,
                windows: windows.clone(),
                change,
            })?;
            self.budgets.correct(windows, change);
            Ok(())
        })
    }

    /// Every window of a budget that is open or that calls run in, with what is
    /// spent and what is held of it. Cheap, and never waits. Of a budget that
    /// nodes share, what others spend is known as of the last lease.
    pub fn budgets(&self) -> Vec<(BudgetWindow, Usd, Usd)> {
        self.budgets.windows()
    }

    /// What is held and was spent, from counters: cheap, and never waits.
    pub fn totals(&self) -> Totals {
        self.books.totals()
    }

    /// Sums over everything in the store, this process's last event included.
    /// The memory store keeps old attempts as sums; [`MemoryStore`] says what
    /// that means for `since` and `until`.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store fails.
    pub async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
        self.flush().await?;
        self.report_stored(query).await
    }

    /// [`report`](Self::report) of what is in the store already, for whoever may
    /// ask often: nothing is written for it, and the last moment may be missing.
    ///
    /// # Errors
    /// As `report`.
    pub async fn report_stored(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
        let store = self.recorder.store();
        store.report(query).await.map_err(unreadable)
    }

    /// A call of that caller that has ended and is in the store, by its own id
    /// or by the id that an upstream gave one of its generations. Stores that
    /// do not outlive the process know of none, and none is asked for what
    /// cannot be an id.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store fails.
    pub async fn past_call(&self, caller: &CallerId, id: &str) -> Result<Option<Receipt>, Failure> {
        // The ids of calls would do as ids of generations too.
        if GenerationId::new(id).is_err() {
            return Ok(None);
        }
        let store = self.recorder.store();
        store.past_call(caller, id).await.map_err(unreadable)
    }

    /// Adds to what the store keeps of what was said of answers. Calls and
    /// their events do not wait for it.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store fails; then it has taken none of the
    /// rows, unless the connection was lost before it could say so.
    pub async fn add_feedback(&self, rows: &[FeedbackRow]) -> Result<(), Failure> {
        let store = self.recorder.store();
        store
            .add_feedback(rows)
            .await
            .map_err(|error| unavailable("the store takes no feedback").with_source(error))
    }

    /// What was said of answers on the day of `since` and later, as sums.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store fails.
    pub async fn feedback(&self, since: Timestamp) -> Result<Vec<FeedbackRow>, Failure> {
        let store = self.recorder.store();
        store.feedback(since).await.map_err(unreadable)
    }

    /// Adds to what the store keeps of what answers used, as
    /// [`add_feedback`](Self::add_feedback) does.
    ///
    /// # Errors
    /// As `add_feedback`.
    pub async fn add_habits(&self, rows: &[HabitRow]) -> Result<(), Failure> {
        let store = self.recorder.store();
        store
            .add_habits(rows)
            .await
            .map_err(|error| unavailable("the store takes no habits").with_source(error))
    }

    /// What answers used on the day of `since` and later, as sums.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store fails.
    pub async fn habits(&self, since: Timestamp) -> Result<Vec<HabitRow>, Failure> {
        let store = self.recorder.store();
        store.habits(since).await.map_err(unreadable)
    }

    /// Returns when everything recorded so far is in the store.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store refused; the events are kept and
    /// offered again.
    pub async fn flush(&self) -> Result<(), Failure> {
        self.recorder.flush().await
    }

    /// Refuses new calls, writes what waits and ends. Calls that are settled
    /// later are not recorded any more: end them first.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store refused to the last; the attempts
    /// concerned are booked at worst case by the next [`recover`](Self::recover).
    pub async fn shutdown(&self) -> Result<(), Failure> {
        let leaser = self
            .leaser
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let written = self.recorder.shutdown().await;
        if let Some(leaser) = leaser {
            leaser.stop().await;
        }
        written
    }

    /// Raises the hold so that the attempt fits beside what was kept, and takes
    /// what it can cost from the budgets of its model and lane. Returns what the
    /// attempt counts in, where its own windows begin, and the epoch of the leases.
    async fn raise(
        &self,
        hold: &mut Hold,
        attempt: &Attempt,
        what: What<'_>,
    ) -> Result<(BudgetWindows, usize, u64), Failure> {
        let call = hold.facts.call;
        let standing = self.books.standing(call)?;
        let needed = hold.needed_for(attempt.worst).max(standing.held);
        if needed > standing.held {
            self.admission.admit(needed, standing.ceiling)?;
        }
        let windows = match attempt.key {
            None => {
                let at = hold.facts.at;
                self.budgets.of_attempt(&standing.windows, at, what)
            }
            Some(_) => BudgetWindows::default(),
        };
        let cover = Cover {
            standing: &standing,
            windows: &windows,
            needed,
            worst: attempt.worst,
        };
        let epoch = self.cover(&cover).await?;
        if needed > standing.held {
            let (facts, amount) = (hold.facts.clone(), needed);
            let recorded = self.recorder.record(LedgerEvent::Hold { facts, amount });
            recorded.inspect_err(|_| self.uncover(&cover, epoch))?;
            hold.raise_to(needed);
        }
        self.books.raise(call, needed, epoch);
        Ok((windows, standing.windows.len(), epoch))
    }

    fn record_receipt(&self, receipt: &Receipt, closed: Option<&Closed>) {
        for (place, record) in receipt.attempts.iter().enumerate() {
            let windows = closed.and_then(|closed| closed.windows.get(place).cloned());
            let (facts, record) = (receipt.facts.clone(), record.clone());
            let event = match record.cost {
                Some(_) => LedgerEvent::Settle {
                    facts,
                    record,
                    windows: windows.unwrap_or_default(),
                },
                None => LedgerEvent::Release { facts, record },
            };
            if let Err(error) = self.recorder.record(event) {
                tracing::error!(call = %receipt.facts.call, %error, "settled call not recorded");
            }
        }
    }

    /// Shows the receipt to the observer without a copy.
    fn announce(&self, receipt: Receipt) -> Receipt {
        let event = Event::Settled { receipt };
        self.observer.on(&event);
        match event {
            Event::Settled { receipt } => receipt,
            _ => unreachable!("the event was made two lines above"),
        }
    }
}

impl Ledger for UsageTracker {
    fn hold(&self, call: &Call, plan: &Plan) -> Result<Hold, Failure> {
        let amount = plan.worst();
        let ceiling = self.admission.ceiling(plan.profile.ceiling);
        self.admission.admit(amount, ceiling)?;
        let facts = CallFacts::of(call, plan);
        // Budgets that are taken over find the call, or it finds them.
        let _turn = self.turn();
        let taken = match call.keys.is_empty() {
            true => self.budgets.admit(who(&facts), facts.at, amount)?,
            // Budgets are of the gateway's money.
            false => self.budgets.untouched(),
        };
        let running = Running {
            held: amount,
            ceiling,
            lanes: lanes(plan),
            dispatched: Vec::new(),
            windows: taken.windows.clone(),
            covered: taken.covered.then_some(taken.epoch),
            edition: taken.edition,
            spender: Spender {
                caller: facts.caller.clone(),
                task: facts.task,
                tags: facts.tags.clone(),
                at: facts.at,
            },
            late: Vec::new(),
        };
        let event = || LedgerEvent::Hold {
            facts: facts.clone(),
            amount,
        };
        let opened = self.books.open(call.id, running);
        let opened = opened.and_then(|()| {
            let offered = self.recorder.offer(event);
            offered.inspect_err(|_| self.books.cancel(call.id))
        });
        if let Err(failure) = opened {
            if taken.covered {
                let taken = Move::free(&taken.windows, taken.epoch, amount);
                self.budgets.apply([taken]);
            }
            return Err(failure);
        }
        Ok(Hold::new(facts, amount))
    }

    fn dispatch<'a>(
        &'a self,
        hold: &'a mut Hold,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let call = hold.facts.call;
            let model = attempt.planned.first().ok_or_else(|| {
                Failure::new(FailureKind::Internal, "an attempt must name a model")
                    .with("call", call)
            })?;
            let what = What {
                model,
                lane: &attempt.lane,
            };
            let (windows, own, epoch) = self.raise(hold, attempt, what).await?;
            let billing = self.books.billing(call, &attempt.lane);
            let at = self.clock.now();
            // Announced first, so that whatever happens to this future from
            // here on, settling the call ends the attempt in the store.
            let announced = self.books.announce(
                call,
                Dispatched {
                    number: attempt.number,
                    at,
                    lane: attempt.lane.clone(),
                    model: model.clone(),
                    worst: attempt.worst,
                    billing,
                    windows: windows.clone(),
                    own,
                    epoch,
                    confirmed: false,
                },
            )?;
            if let Some(before) = announced {
                self.free_own(&before);
            }
            self.recorder
                .confirm(LedgerEvent::Dispatch {
                    call,
                    attempt: attempt.number,
                    at,
                    lane: attempt.lane.clone(),
                    billing,
                    model: model.clone(),
                    worst: attempt.worst,
                    windows,
                    epoch,
                })
                .await?;
            self.books.confirm(call, attempt.number);
            hold.count_dispatch();
            Ok(())
        })
    }

    fn name(&self, hold: &Hold, attempt: u32, generation: &GenerationId) {
        self.recorder.note(|| LedgerEvent::Named {
            call: hold.facts.call,
            attempt,
            generation: generation.clone(),
        });
    }

    fn advise(&self, call: &Call, profile: &CallProfile) -> Result<Advice, Failure> {
        if !call.keys.is_empty() {
            return Ok(Advice::default());
        }
        let who = Who {
            caller: &call.caller,
            task: profile.task,
            tags: &call.hints.tags,
        };
        self.budgets
            .advise(who, call.at, profile.max_output.is_some())
    }

    fn settle(&self, hold: Hold, mut outcome: Outcome) -> Receipt {
        let turn = self.turn();
        let windows = |running: &Running, record: &_| self.windows_of(&hold.facts, running, record);
        let closed = self.books.close(&hold, &mut outcome, windows);
        if let Some(closed) = &closed {
            self.pay(closed, &outcome.attempts);
        }
        let receipt = Receipt::new(&hold, outcome);
        self.record_receipt(&receipt, closed.as_ref());
        drop(turn);
        self.announce(receipt)
    }
}

impl fmt::Debug for UsageTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageTracker")
            .field("store", self.recorder.store())
            .field("totals", &self.totals())
            .finish_non_exhaustive()
    }
}

pub(crate) fn who(facts: &CallFacts) -> Who<'_> {
    Who {
        caller: &facts.caller,
        task: facts.task,
        tags: &facts.tags,
    }
}

/// The plan's lanes, each once, with how they are paid.
fn lanes(plan: &Plan) -> Vec<(LaneId, Billing)> {
    let mut lanes: Vec<(LaneId, Billing)> = Vec::with_capacity(1);
    for planned in plan.candidates() {
        let lane = &planned.lane;
        if !lanes.iter().any(|(known, _)| *known == lane.id) {
            lanes.push((lane.id.clone(), lane.billing));
        }
    }
    lanes
}

pub(crate) fn unreadable(error: tollgate_core::StoreError) -> Failure {
    unavailable("the ledger cannot be read").with_source(error)
}
