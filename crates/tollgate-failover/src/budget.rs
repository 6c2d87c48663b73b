//! How many further attempts a lane is worth, so that trouble is not multiplied.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Retries;
use crate::window::Window;

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
pub(crate) struct RetryBudget {
    window: Window<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    calls: u64,
    repeats: u64,
    same_target: u64,
}

impl RetryBudget {
    pub(crate) fn new(now: Instant, rules: &Retries) -> Self {
        Self {
            window: Window::new(now, rules.window),
        }
    }

    /// A call began here.
    pub(crate) fn deposit(&mut self, now: Instant) {
        self.window.at(now).calls += 1;
    }

    /// Takes one further attempt, if there is one left.
    pub(crate) fn withdraw(&mut self, now: Instant, repeat: Repeat, rules: &Retries) -> bool {
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
