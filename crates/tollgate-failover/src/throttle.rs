//! How many calls a target that fails is still worth, when there is no other.

use tokio::time::Instant;

use crate::limits::Panic;
use crate::window::Window;

/// Adaptive throttling as in Google's SRE book ("Handling Overload"): of the
/// calls that want to go to a target, those beyond `factor` times the ones that
/// succeeded are refused at random. The refused ones count as wanting, so the
/// rate falls to almost nothing while nothing succeeds, and follows the first
/// successes up.
#[derive(Debug)]
pub(crate) struct Throttle {
    window: Window<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    requests: u64,
    accepts: u64,
}

impl Throttle {
    pub(crate) fn new(now: Instant, rules: &Panic) -> Self {
        Self {
            window: Window::new(now, rules.window),
        }
    }

    /// A call wants to go to the target.
    pub(crate) fn wanted(&mut self, now: Instant) {
        self.window.at(now).requests += 1;
    }

    /// The target answered.
    pub(crate) fn accepted(&mut self, now: Instant) {
        self.window.at(now).accepts += 1;
    }

    /// Whether enough calls were seen to judge by.
    pub(crate) fn is_known(&self, now: Instant, rules: &Panic) -> bool {
        self.counts(now).requests >= rules.min_calls
    }

    /// Whether one more call may go.
    pub(crate) fn admits(&self, now: Instant, rules: &Panic, roll: u64) -> bool {
        let Counts { requests, accepts } = self.counts(now);
        if requests < rules.min_calls {
            return true;
        }
        let worth = accepts * rules.factor_percent / 100;
        let beyond = requests.saturating_sub(worth);
        // Refused with the chance beyond / (requests + 1).
        (u128::from(roll) * u128::from(requests + 1)) >> 64 >= u128::from(beyond)
    }

    fn counts(&self, now: Instant) -> Counts {
        let zero = Counts::default();
        self.window.recent(now).fold(zero, |sum, bucket| Counts {
            requests: sum.requests + bucket.requests,
            accepts: sum.accepts + bucket.accepts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PanicConfig;
    use crate::dice::Dice;
    use std::time::Duration;

    /// Of 10,000 calls after that many successes and failures, how many pass.
    fn passing(successes: u64, failures: u64) -> usize {
        let rules = crate::FailoverConfig {
            panic: PanicConfig::default(),
            ..crate::FailoverConfig::default()
        }
        .limits()
        .panic;
        let now = Instant::now();
        let mut throttle = Throttle::new(now, &rules);
        (0..successes + failures).for_each(|_| throttle.wanted(now));
        (0..successes).for_each(|_| throttle.accepted(now));
        let dice = Dice::new(3);
        (0..10_000)
            .filter(|_| throttle.admits(now, &rules, dice.roll()))
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn calls_pass_at_twice_the_rate_at_which_they_succeed() {
        assert_eq!(passing(70, 30), 10_000, "p = 0 up to half of failures");
        assert_eq!(passing(0, 19), 10_000, "too few to judge");
        assert!(passing(0, 1000) < 30, "p = 1000/1001");
        // p = (100 - 2·20) / 101 = 0.594
        assert!(
            (3_900..4_220).contains(&passing(20, 80)),
            "{}",
            passing(20, 80)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_the_window_is_forgotten() {
        let rules = crate::FailoverConfig::default().limits().panic;
        let now = Instant::now();
        let mut throttle = Throttle::new(now, &rules);
        (0..1000).for_each(|_| throttle.wanted(now));
        assert!(!throttle.admits(now, &rules, 1 << 32));
        let later = now + rules.window + Duration::from_secs(3);
        assert!(throttle.admits(later, &rules, 1 << 32));
    }
}
