use std::fmt;
use std::sync::Arc;

use tollgate_core::{
    Attempt, Billing, BoxFuture, Call, CallFacts, CallId, Clock, Cost, CostSource, Event, Failure,
    FailureKind, Hold, LaneId, Ledger, LedgerEvent, LedgerStore, Observer, OpenAttempt, Outcome,
    Plan, Receipt, TokenUsage, UsageQuery, UsageRow, Usd,
};

use crate::admission::Admission;
use crate::books::{Books, Dispatched, Running, Totals, abandoned, millis_between};
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
    admission: Admission,
    books: Books,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
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
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        store: Arc<dyn LedgerStore>,
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::over(Recorder::queued(store, config), config, clock, observer)
    }

    fn over(
        recorder: Recorder,
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            admission: Admission::new(config.max_cost_per_request),
            books: Books::new(),
            recorder,
            clock,
            observer,
        }
    }

    /// Settles what an earlier process left open: each attempt that was
    /// dispatched and never ended is booked at its worst case. Returns these
    /// attempts, so that their cost can be asked for and
    /// [adjusted](Self::adjust). `billing` says how a lane is paid. Calls that
    /// run in this process are left alone.
    ///
    /// # Errors
    /// `LedgerUnavailable` when the store cannot be read or written; calling it
    /// again is harmless.
    pub async fn recover(
        &self,
        billing: impl Fn(&LaneId) -> Billing,
    ) -> Result<Vec<OpenAttempt>, Failure> {
        let mut open = self
            .recorder
            .store()
            .open_attempts()
            .await
            .map_err(unreadable)?;
        open.retain(|attempt| !self.books.is_running(attempt.facts.call));
        for attempt in &open {
            self.book_worst_case(attempt, billing(&attempt.lane))?;
        }
        self.flush().await?;
        Ok(open)
    }

    fn book_worst_case(&self, open: &OpenAttempt, billing: Billing) -> Result<(), Failure> {
        let dispatched = Dispatched {
            number: open.attempt,
            at: open.at,
            lane: open.lane.clone(),
            model: open.model.clone(),
            worst: open.worst,
            confirmed: true,
        };
        let started_ms = millis_between(open.facts.at, open.at);
        let cost = Cost::paid_by(billing, open.worst, CostSource::WorstCase);
        let record = abandoned(&dispatched, billing, started_ms, Some(cost));
        self.recorder.record(LedgerEvent::Settle {
            facts: open.facts.clone(),
            record: record.clone(),
            windows: [].into(),
        })?;
        self.books.book(open.facts.call, &record);
        Ok(())
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
        let event = LedgerEvent::Adjust {
            call,
            attempt,
            at: self.clock.now(),
            cost,
            tokens,
            windows: [].into(),
            change: Usd::ZERO,
        };
        self.books
            .adjust(call, attempt, &cost, || self.recorder.record(event))
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
        self.recorder
            .store()
            .report(query)
            .await
            .map_err(unreadable)
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
        self.recorder.shutdown().await
    }

    /// Raises the hold so that the attempt fits beside what was kept.
    fn raise(&self, hold: &mut Hold, attempt: &Attempt) -> Result<(), Failure> {
        let needed = hold.needed_for(attempt.worst);
        if needed <= hold.amount() {
            return Ok(());
        }
        let call = hold.facts.call;
        self.admission.admit(needed, self.books.ceiling(call))?;
        self.recorder.record(LedgerEvent::Hold {
            facts: hold.facts.clone(),
            amount: needed,
        })?;
        self.books.raise(call, needed);
        hold.raise_to(needed);
        Ok(())
    }

    fn record_receipt(&self, receipt: &Receipt) {
        for record in &receipt.attempts {
            let (facts, record) = (receipt.facts.clone(), record.clone());
            let event = match record.cost {
                Some(_) => LedgerEvent::Settle {
                    facts,
                    record,
                    windows: [].into(),
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
        let running = Running {
            held: amount,
            ceiling,
            lanes: lanes(plan),
            dispatched: Vec::new(),
        };
        self.books.open(call.id, running)?;
        let event = || LedgerEvent::Hold {
            facts: facts.clone(),
            amount,
        };
        if let Err(failure) = self.recorder.offer(event) {
            self.books.cancel(call.id);
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
            self.raise(hold, attempt)?;
            let call = hold.facts.call;
            let model = attempt.models.first().ok_or_else(|| {
                Failure::new(FailureKind::Internal, "an attempt must name a model")
                    .with("call", call)
            })?;
            let at = self.clock.now();
            // Announced first, so that whatever happens to this future from
            // here on, settling the call ends the attempt in the store.
            self.books.announce(
                call,
                Dispatched {
                    number: attempt.number,
                    at,
                    lane: attempt.lane.clone(),
                    model: model.clone(),
                    worst: attempt.worst,
                    confirmed: false,
                },
            )?;
            self.recorder
                .confirm(LedgerEvent::Dispatch {
                    call,
                    attempt: attempt.number,
                    at,
                    lane: attempt.lane.clone(),
                    billing: Billing::default(),
                    model: model.clone(),
                    worst: attempt.worst,
                    windows: [].into(),
                    epoch: 0,
                })
                .await?;
            self.books.confirm(call, attempt.number);
            hold.count_dispatch();
            Ok(())
        })
    }

    fn settle(&self, hold: Hold, mut outcome: Outcome) -> Receipt {
        self.books.close(&hold, &mut outcome);
        let receipt = Receipt::new(&hold, outcome);
        self.record_receipt(&receipt);
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

fn unreadable(error: tollgate_core::StoreError) -> Failure {
    unavailable("the ledger cannot be read").with_source(error)
}
