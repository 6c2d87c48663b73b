//! What an upstream says is left of its rate limits, counted down between its
//! words. It leads calls elsewhere; where there is no elsewhere it does not hold
//! them up, since many limits refill all the time, and the upstream's refusal
//! says better how long to wait. Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{LimitLeft, LimitUnit};

/// A reset further away is a daily limit: a reason to go elsewhere when it is
/// refused, not to believe in for so long.
const LONGEST: Duration = Duration::from_secs(600);

/// What is left at one spot.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    requests: Option<Left>,
    tokens: Option<Left>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    remaining: u64,
    resets_at: Instant,
}

impl Quotas {
    /// Takes note of the upstream's word.
    pub(crate) fn learn(&mut self, limit: &LimitLeft, now: Instant) {
        let left = match limit.counts {
            LimitUnit::Requests => &mut self.requests,
            LimitUnit::Tokens => &mut self.tokens,
        };
        *left = Some(Left {
            remaining: limit.remaining,
            resets_at: now + limit.resets_in.min(LONGEST),
        });
    }

    /// Until when an attempt that takes about so many tokens would be refused.
    pub(crate) fn exhausted_until(&self, tokens: u64, at: Instant) -> Option<Instant> {
        let until = |left: &Option<Left>, needed| {
            left.filter(|left| left.remaining < needed && at < left.resets_at)
                .map(|left| left.resets_at)
        };
        until(&self.requests, 1).max(until(&self.tokens, tokens.max(1)))
    }

    /// Counts one more attempt.
    pub(crate) fn spend(&mut self, tokens: u64) {
        let spend = |left: &mut Option<Left>, count| {
            if let Some(left) = left {
                left.remaining = left.remaining.saturating_sub(count);
            }
        };
        spend(&mut self.requests, 1);
        spend(&mut self.tokens, tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::Scope;

    fn left(counts: LimitUnit, remaining: u64, secs: u64) -> LimitLeft {
        LimitLeft {
            scope: Scope::KeyModel,
            counts,
            remaining,
            resets_in: Duration::from_secs(secs),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_holds_back_what_would_be_refused_until_it_resets() {
        let now = Instant::now();
        let mut quotas = Quotas::default();
        assert_eq!(quotas.exhausted_until(100, now), None);
        quotas.learn(&left(LimitUnit::Requests, 2, 7), now);
        quotas.spend(100);
        assert_eq!(quotas.exhausted_until(100, now), None);
        quotas.spend(100);
        let reset = now + Duration::from_secs(7);
        assert_eq!(quotas.exhausted_until(100, now), Some(reset));
        assert_eq!(quotas.exhausted_until(100, reset), None);
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_compared_with_what_the_attempt_takes_and_resets_are_capped() {
        let now = Instant::now();
        let mut quotas = Quotas::default();
        quotas.learn(&left(LimitUnit::Tokens, 500, 1_000_000_000), now);
        assert_eq!(quotas.exhausted_until(500, now), None);
        assert_eq!(quotas.exhausted_until(501, now), Some(now + LONGEST));
    }
}
