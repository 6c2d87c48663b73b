//! How many further attempts a lane is worth, so that trouble is not multiplied.

use std::time::Duration;

use dashmap::DashMap;
use foldhash::fast::RandomState;
use tokio::time::Instant;
use tollgate_core::LaneId;

use crate::limits::{Limits, Retries};
use crate::window::Window;

/// The budgets of all lanes.
#[derive(Debug)]
pub(crate) struct Budgets {
    lanes: DashMap<LaneId, RetryBudget, RandomState>,
    rules: Retries,
    hedge_percent: u64,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            lanes: DashMap::with_hasher(RandomState::default()),
            rules: limits.retries.clone(),
            hedge_percent: limits.hedge.map_or(0, |hedge| hedge.extra_percent),
        }
    }

    /// A call began on that lane.
    pub(crate) fn deposit(&self, lane: &LaneId, now: Instant) {
        let new = || RetryBudget::new(now, &self.rules);
        let mut budget = self.lanes.entry(lane.clone()).or_insert_with(new);
        budget.deposit(now);
    }

    /// Takes one further attempt of a call that began there, if there is one left.
    pub(crate) fn withdraw(&self, lane: &LaneId, repeat: Repeat, now: Instant) -> bool {
        self.lanes
            .get_mut(lane)
            .is_none_or(|mut budget| budget.withdraw(now, repeat, &self.rules))
    }

    /// Takes one attempt beside a slow one, if there is one left.
    pub(crate) fn may_hedge(&self, lane: &LaneId, now: Instant) -> bool {
        self.lanes
            .get_mut(lane)
            .is_some_and(|mut budget| budget.hedge(now, self.hedge_percent, &self.rules))
    }
}

/// What a further attempt repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The call, on a target that it has not tried.
    Call,
    /// The same target; this pays into both budgets.
    Target,
}

/// Attempts of calls that began on one lane: how many were first ones, and how
/// many more they may cause.
///
/// Further attempts are charged to the lane on which their call began,
/// wherever they go: it is that lane's trouble that they multiply, and its
/// traffic that they are a share of.
#[derive(Debug)]
struct RetryBudget {
    window: Window<Counts>,
    hedges: Window<Hedges>,
}

/// Calls, and attempts beside slow ones. There is no trickle: few calls have none.
#[derive(Debug, Clone, Copy, Default)]
struct Hedges {
    calls: u64,
    hedges: u64,
}

/// Over which attempts beside slow ones are a share of calls.
const HEDGE_WINDOW: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    calls: u64,
    repeats: u64,
    same_target: u64,
}

impl RetryBudget {
    fn new(now: Instant, rules: &Retries) -> Self {
        Self {
            window: Window::new(now, rules.window),
            hedges: Window::new(now, HEDGE_WINDOW),
        }
    }

    /// A call began here.
    fn deposit(&mut self, now: Instant) {
        self.window.at(now).calls += 1;
        self.hedges.at(now).calls += 1;
    }

    /// Takes one attempt beside a slow one. It is a further attempt as well.
    fn hedge(&mut self, now: Instant, percent: u64, rules: &Retries) -> bool {
        let (calls, hedges) = self.hedges.recent(now).fold((0, 0), |sum, bucket| {
            (sum.0 + bucket.calls, sum.1 + bucket.hedges)
        });
        let allowed =
            (hedges + 1) * 100 <= calls * percent && self.withdraw(now, Repeat::Call, rules);
        if allowed {
            self.hedges.at(now).hedges += 1;
        }
        allowed
    }

    /// Takes one further attempt, if there is one left.
    fn withdraw(&mut self, now: Instant, repeat: Repeat, rules: &Retries) -> bool {
        let seen = self
            .window
            .recent(now)
            .fold(Counts::default(), Counts::plus);
        let left = |used, share, per_second| {
            used < seen.calls * share / 100 + whole_seconds(rules.window) * per_second
        };
        let same_target = repeat == Repeat::Target;
        let allowed = left(seen.repeats, rules.share_percent, rules.per_second)
            && (!same_target
                || left(
                    seen.same_target,
                    rules.same_share_percent,
                    rules.same_per_second,
                ));
        if allowed {
            let counts = self.window.at(now);
            counts.repeats += 1;
            counts.same_target += u64::from(same_target);
        }
        allowed
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            repeats: self.repeats + other.repeats,
            same_target: self.same_target + other.same_target,
        }
    }
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Retries {
        Retries {
            share_percent: 50,
            per_second: 1,
            same_share_percent: 20,
            same_per_second: 0,
            window: Duration::from_secs(10),
        }
    }

    fn granted(budget: &mut RetryBudget, now: Instant, repeat: Repeat) -> usize {
        (0..1000)
            .filter(|_| budget.withdraw(now, repeat, &rules()))
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn repeats_are_a_share_of_calls_plus_a_trickle_and_come_back_with_time() {
        let now = Instant::now();
        let mut budget = RetryBudget::new(now, &rules());
        (0..100).for_each(|_| budget.deposit(now));
        assert_eq!(granted(&mut budget, now, Repeat::Call), 60);
        let later = now + Duration::from_secs(10);
        assert_eq!(granted(&mut budget, later, Repeat::Call), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn repeats_of_the_same_target_have_a_smaller_budget_and_pay_into_both() {
        let now = Instant::now();
        let mut budget = RetryBudget::new(now, &rules());
        (0..100).for_each(|_| budget.deposit(now));
        assert_eq!(granted(&mut budget, now, Repeat::Target), 20);
        assert_eq!(granted(&mut budget, now, Repeat::Call), 40);
    }
}
