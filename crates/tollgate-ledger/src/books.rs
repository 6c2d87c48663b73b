//! What is held and spent in this process, to the nano-dollar.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tollgate_core::{
    AttemptEnd, AttemptRecord, Billing, BudgetWindow, BudgetWindows, CallId, CallerId, Cost,
    CostSource, Failure, FailureKind, Hold, LaneId, ModelId, Outcome, Served, Task, Timestamp,
    TokenUsage, Uncertain, Usd,
};

use crate::budget::{Late, Who};

/// Stripes; a power of two, well above the number of cores of any machine
/// that a gateway gets.
const STRIPES: usize = 64;

/// Figures per stripe that wait for an adjustment before the oldest is given
/// up: those lanes have no way of asking what a call cost.
const MAX_UNCERTAIN: usize = 4_096;

/// Sums since the start of this process, plus what recovery booked and what it
/// found to be asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Reserved for calls that are running.
    pub held: Usd,
    /// Owed to OpenRouter.
    pub credits: Usd,
    /// Owed to providers.
    pub provider: Usd,
    /// Booked at worst case, beside the two.
    pub unresolved: Usd,
}

/// All running calls and all sums, striped by call so that cores do not wait
/// for each other.
#[derive(Debug)]
pub(crate) struct Books {
    stripes: Box<[Stripe]>,
}

/// One lock and what it guards, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(Mutex<Page>);

#[derive(Debug, Default)]
struct Page {
    sums: Sums,
    running: HashMap<CallId, Running>,
    /// Figures that may still be replaced by better ones, oldest call first.
    uncertain: BTreeMap<(CallId, u32), (Cost, BudgetWindows)>,
}

/// Wide enough that no sum of amounts saturates, so that what is added can be
/// taken away again.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    held: i128,
    credits: i128,
    provider: i128,
    unresolved: i128,
}

/// A call that is held and not settled.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) held: Usd,
    pub(crate) ceiling: Option<Usd>,
    /// How the lanes of its plan are paid.
    pub(crate) lanes: Vec<(LaneId, Billing)>,
    pub(crate) dispatched: Vec<Dispatched>,
    /// The budgets' windows that the call counts in, whatever its attempts are.
    pub(crate) windows: BudgetWindows,
    /// Whether what is held was taken from them, and in which epoch.
    pub(crate) covered: Option<u64>,
    /// The budgets that there were when it was admitted; `None` when none
    /// counts it.
    pub(crate) edition: Option<u64>,
    /// Who spends, and since when: for budgets that come later.
    pub(crate) spender: Spender,
    /// What it holds of those.
    pub(crate) late: Vec<Late>,
}

/// Who spends, for as long as a call runs.
#[derive(Debug)]
pub(crate) struct Spender {
    pub(crate) caller: CallerId,
    pub(crate) task: Task,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) at: Timestamp,
}

/// An attempt that was announced to the store.
#[derive(Debug)]
pub(crate) struct Dispatched {
    pub(crate) number: u32,
    pub(crate) at: Timestamp,
    pub(crate) lane: LaneId,
    pub(crate) model: ModelId,
    pub(crate) worst: Usd,
    pub(crate) billing: Billing,
    /// The windows of its call, then those of its own, from which its worst
    /// case was taken in that epoch.
    pub(crate) windows: BudgetWindows,
    /// Where those of its own begin.
    pub(crate) own: usize,
    pub(crate) epoch: u64,
    /// Whether the caller was told to go on. Before that nothing was sent.
    pub(crate) confirmed: bool,
}

impl Books {
    pub(crate) fn new() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
        }
    }

    /// Opens a call.
    pub(crate) fn open(&self, call: CallId, running: Running) -> Result<(), Failure> {
        let mut page = self.page(call);
        if page.running.contains_key(&call) {
            return Err(defect(call, "the call is held already"));
        }
        page.sums.held += nanos(running.held);
        page.running.insert(call, running);
        Ok(())
    }

    /// Undoes `open`.
    pub(crate) fn cancel(&self, call: CallId) {
        let mut page = self.page(call);
        if let Some(running) = page.running.remove(&call) {
            page.sums.held -= nanos(running.held);
        }
    }

    /// What a running call holds and may hold.
    pub(crate) fn standing(&self, call: CallId) -> Result<Standing, Failure> {
        let page = self.page(call);
        let running = page.running.get(&call);
        let running = running.ok_or_else(|| defect(call, "the call is not held"))?;
        Ok(Standing {
            ceiling: running.ceiling,
            held: running.held,
            covered: running.covered,
            windows: running.windows.clone(),
        })
    }

    /// Notes what a running call holds now, taken from its budgets in that epoch.
    pub(crate) fn raise(&self, call: CallId, amount: Usd, epoch: u64) {
        let mut page = self.page(call);
        let Page { sums, running, .. } = &mut *page;
        if let Some(running) = running.get_mut(&call) {
            sums.held += nanos(amount) - nanos(running.held);
            running.held = amount;
            running.covered = Some(epoch);
        }
    }

    /// How a running call pays on a lane.
    pub(crate) fn billing(&self, call: CallId, lane: &LaneId) -> Billing {
        let page = self.page(call);
        let running = page.running.get(&call);
        running.map_or_else(Billing::default, |running| running.billing(lane))
    }

    /// Notes an attempt before it is recorded. One that was refused by the
    /// store may be announced again; what it was before is returned.
    pub(crate) fn announce(
        &self,
        call: CallId,
        attempt: Dispatched,
    ) -> Result<Option<Dispatched>, Failure> {
        let mut page = self.page(call);
        let running = page
            .running
            .get_mut(&call)
            .ok_or_else(|| defect(call, "the call is not held"))?;
        let dispatched = &mut running.dispatched;
        match dispatched.iter_mut().find(|d| d.number == attempt.number) {
            None => dispatched.push(attempt),
            Some(known) if !known.confirmed => {
                return Ok(Some(std::mem::replace(known, attempt)));
            }
            Some(_) => return Err(defect(call, "the attempt was dispatched already")),
        }
        Ok(None)
    }

    /// Notes that an announced attempt is recorded and will be sent.
    pub(crate) fn confirm(&self, call: CallId, number: u32) {
        if let Some(running) = self.page(call).running.get_mut(&call) {
            for dispatched in &mut running.dispatched {
                dispatched.confirmed |= dispatched.number == number;
            }
        }
    }

    /// The calls that are held and not settled.
    pub(crate) fn running(&self) -> HashSet<CallId> {
        let pages = self.stripes.iter().map(Stripe::page);
        pages
            .flat_map(|page| page.running.keys().copied().collect::<Vec<_>>())
            .collect()
    }

    /// Whether a call is held and not settled.
    pub(crate) fn is_running(&self, call: CallId) -> bool {
        self.page(call).running.contains_key(&call)
    }

    /// Closes a call: adds to `outcome` the attempts that it says nothing of,
    /// frees what was held and books what was spent, each attempt in `windows`.
    /// Returns what the call was.
    pub(crate) fn close(
        &self,
        hold: &Hold,
        outcome: &mut Outcome,
        windows: impl Fn(&Running, &AttemptRecord) -> BudgetWindows,
    ) -> Option<Closed> {
        let call = hold.facts.call;
        let mut page = self.page(call);
        let running = page.running.remove(&call);
        if let Some(running) = &running {
            page.sums.held -= nanos(running.held);
            running.complete(hold.facts.at, outcome);
        }
        let windows = |record| running.as_ref().map(|running| windows(running, record));
        let attempts = outcome.attempts.iter();
        let windows: Vec<_> = attempts.clone().map(windows).collect();
        for (record, windows) in attempts.zip(&windows) {
            page.book(call, record, || windows.clone().unwrap_or_default());
        }
        running.map(|running| Closed {
            running,
            windows: windows.into_iter().flatten().collect(),
        })
    }

    /// Looks at every running call.
    pub(crate) fn each_running(&self, mut look: impl FnMut(&mut Running)) {
        for stripe in &self.stripes {
            stripe.page().running.values_mut().for_each(&mut look);
        }
    }

    /// Books an attempt of a call that this process did not hold.
    pub(crate) fn book(&self, call: CallId, record: &AttemptRecord, windows: &BudgetWindows) {
        self.page(call).book(call, record, || windows.clone());
    }

    /// Takes note of a figure that an earlier process booked and that may still
    /// be replaced by a better one; it counts in the sums from now on.
    pub(crate) fn remember(&self, one: &Uncertain) {
        let mut page = self.page(one.call);
        if page.uncertain.contains_key(&(one.call, one.attempt)) {
            return;
        }
        page.sums.add(&one.cost, 1);
        page.remember(one.call, one.attempt, &one.cost, one.windows.clone());
    }

    /// Replaces an uncertain figure by a better one, once `record` has written
    /// that down. `record` runs under the lock, so that of two adjustments the
    /// later one sees what the earlier one left; it is told the difference and
    /// the windows that it counts in.
    pub(crate) fn adjust(
        &self,
        call: CallId,
        number: u32,
        cost: &Cost,
        record: impl FnOnce(Usd, &BudgetWindows) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut page = self.page(call);
        let (earlier, windows) = page
            .uncertain
            .get(&(call, number))
            .cloned()
            .ok_or_else(|| {
                Failure::new(
                    FailureKind::InvalidRequest,
                    "the attempt has no estimated or worst-case cost to adjust",
                )
                .with("call", call)
                .with("attempt", number)
            })?;
        record(cost.amount() - earlier.amount(), &windows)?;
        page.uncertain.remove(&(call, number));
        page.sums.add(&earlier, -1);
        page.sums.add(cost, 1);
        page.remember(call, number, cost, windows);
        Ok(())
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut all = Sums::default();
        for stripe in &self.stripes {
            let sums = stripe.page().sums;
            all.held += sums.held;
            all.credits += sums.credits;
            all.provider += sums.provider;
            all.unresolved += sums.unresolved;
        }
        Totals {
            held: Usd::from_nanos_i128(all.held),
            credits: Usd::from_nanos_i128(all.credits),
            provider: Usd::from_nanos_i128(all.provider),
            unresolved: Usd::from_nanos_i128(all.unresolved),
        }
    }

    fn page(&self, call: CallId) -> MutexGuard<'_, Page> {
        self.stripes[stripe_of(call, STRIPES)].page()
    }
}

/// The stripe of a call: its random bits, mixed so that numbered calls of
/// tests spread too.
pub(crate) fn stripe_of(call: CallId, stripes: usize) -> usize {
    let low = u64::try_from(call.as_u128() & u128::from(u64::MAX)).unwrap_or(0);
    let mixed = low.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    usize::try_from(mixed).unwrap_or(0) % stripes
}

impl Stripe {
    fn page(&self) -> MutexGuard<'_, Page> {
        // No code under this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn book(
        &mut self,
        call: CallId,
        record: &AttemptRecord,
        windows: impl FnOnce() -> BudgetWindows,
    ) {
        if let Some(cost) = &record.cost {
            self.sums.add(cost, 1);
            if is_uncertain(cost) {
                self.remember(call, record.number, cost, windows());
            }
        }
    }

    fn remember(&mut self, call: CallId, number: u32, cost: &Cost, windows: BudgetWindows) {
        if !is_uncertain(cost) {
            return;
        }
        self.uncertain.insert((call, number), (*cost, windows));
        if self.uncertain.len() > MAX_UNCERTAIN {
            self.uncertain.pop_first();
        }
    }
}

/// A call that has ended.
pub(crate) struct Closed {
    pub(crate) running: Running,
    /// What each of its attempts counts in.
    pub(crate) windows: Vec<BudgetWindows>,
}

/// What a running call holds and may hold.
pub(crate) struct Standing {
    pub(crate) ceiling: Option<Usd>,
    pub(crate) held: Usd,
    pub(crate) covered: Option<u64>,
    pub(crate) windows: BudgetWindows,
}

fn is_uncertain(cost: &Cost) -> bool {
    matches!(cost.source, CostSource::Estimated | CostSource::WorstCase)
}

impl Spender {
    pub(crate) fn who(&self) -> Who<'_> {
        Who {
            caller: &self.caller,
            task: self.task,
            tags: &self.tags,
        }
    }
}

impl Dispatched {
    /// The windows that it counts in and its call does not.
    pub(crate) fn own_windows(&self) -> &[BudgetWindow] {
        self.windows.get(self.own..).unwrap_or_default()
    }
}

impl Running {
    /// Whether it holds something of a window.
    pub(crate) fn is_in(&self, window: &BudgetWindow) -> bool {
        self.windows.contains(window) || self.late.iter().any(|late| late.window == *window)
    }

    fn billing(&self, lane: &LaneId) -> Billing {
        let known = self.lanes.iter().find(|(known, _)| known == lane);
        known.map_or_else(Billing::default, |(_, billing)| *billing)
    }

    /// The attempt of a record, if it was announced.
    pub(crate) fn dispatched(&self, record: &AttemptRecord) -> Option<&Dispatched> {
        let mut all = self.dispatched.iter();
        all.find(|attempt| attempt.number == record.number)
    }

    /// The windows that an attempt counts in.
    pub(crate) fn windows_of(&self, record: &AttemptRecord) -> &BudgetWindows {
        let dispatched = self.dispatched(record);
        dispatched.map_or(&self.windows, |attempt| &attempt.windows)
    }

    /// Adds the attempts that were announced and that `outcome` lacks: the ones
    /// that may have been sent at their worst case, the others at nothing.
    fn complete(&self, admitted: Timestamp, outcome: &mut Outcome) {
        let known = outcome.attempts.len();
        for attempt in &self.dispatched {
            let reported = &outcome.attempts[..known];
            if reported.iter().any(|r| r.number == attempt.number) {
                continue;
            }
            let cost = attempt
                .confirmed
                .then(|| Cost::paid_by(attempt.billing, attempt.worst, CostSource::WorstCase));
            let started_ms = millis_between(admitted, attempt.at);
            outcome.attempts.push(AttemptRecord {
                took_ms: outcome.took_ms.saturating_sub(started_ms),
                ..abandoned(attempt, started_ms, cost)
            });
        }
        outcome.attempts.sort_by_key(|record| record.number);
    }
}

/// The record of an attempt whose end nobody saw.
pub(crate) fn abandoned(
    attempt: &Dispatched,
    started_ms: u64,
    cost: Option<Cost>,
) -> AttemptRecord {
    AttemptRecord {
        number: attempt.number,
        lane: attempt.lane.clone(),
        billing: attempt.billing,
        requested: attempt.model.clone(),
        served: Served::default(),
        started_ms,
        first_token_ms: None,
        took_ms: 0,
        end: AttemptEnd::Abandoned,
        tokens: TokenUsage::default(),
        cost,
    }
}

pub(crate) fn millis_between(earlier: Timestamp, later: Timestamp) -> u64 {
    u64::try_from(later.since(earlier).as_millis()).unwrap_or(u64::MAX)
}

impl Sums {
    fn add(&mut self, cost: &Cost, sign: i128) {
        if cost.source == CostSource::WorstCase {
            self.unresolved += sign * nanos(cost.amount());
        } else {
            self.credits += sign * nanos(cost.credits);
            self.provider += sign * nanos(cost.provider);
        }
    }
}

fn nanos(amount: Usd) -> i128 {
    i128::from(amount.nanos())
}

fn defect(call: CallId, message: &'static str) -> Failure {
    Failure::new(FailureKind::Internal, message).with("call", call)
}
