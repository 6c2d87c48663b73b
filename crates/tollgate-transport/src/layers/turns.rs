//! Turns at a rate: who may go now, who waits a moment, and who is told to come back.

use std::hash::Hash;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::{Instant, sleep};

use super::{LONGEST_WAIT, RateLimitConfig};

/// A line of turns for each key.
pub(super) struct Turns<K: Clone + Eq + Hash> {
    limiter: RateLimiter<K, HashMapStateStore<K>, Watch, NoOpMiddleware<Duration>>,
    watch: Watch,
}

impl<K: Clone + Eq + Hash> Turns<K> {
    pub(super) fn new(config: RateLimitConfig) -> Self {
        let quota = Quota::per_minute(config.requests_per_minute).allow_burst(config.burst());
        let watch = Watch(Instant::now());
        Self {
            limiter: RateLimiter::hashmap_with_clock(quota, watch.clone()),
            watch,
        }
    }

    /// Waits for the turn if it is near; else says how far away it is.
    pub(super) async fn take(&self, key: &K) -> Result<(), Duration> {
        let mut patience = LONGEST_WAIT;
        while let Err(not_until) = self.limiter.check_key(key) {
            // At least a millisecond, since timers are no finer.
            let wait = not_until
                .wait_time_from(self.watch.now())
                .max(Duration::from_millis(1));
            if wait > patience {
                return Err(wait);
            }
            patience -= wait;
            sleep(wait).await;
        }
        Ok(())
    }
}

/// The runtime's own clock, which tests can pause.
#[derive(Clone)]
struct Watch(Instant);

impl Clock for Watch {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
