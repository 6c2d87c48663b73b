use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::{Attempt, Failure, LaneId, LlmProvider, ModelId, Reply};

use super::{LONGEST_WAIT, limited};

/// How many requests one model on one lane may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Requests a minute, evenly spread.
    pub requests_per_minute: NonZeroU32,
    /// Requests at once after a pause; 1 when absent.
    #[serde(default)]
    pub burst: Option<NonZeroU32>,
}

/// Keeps each model on each lane below a rate, so that the upstream need not refuse.
///
/// A request whose turn is at most 100 ms away waits for it; any other fails as rate-limited,
/// with the delay.
pub struct RateLimit<P> {
    inner: P,
    config: RateLimitConfig,
    limiter: DefaultKeyedRateLimiter<(LaneId, ModelId)>,
    clock: DefaultClock,
}

impl<P> RateLimit<P> {
    /// Limits a provider.
    pub fn new(inner: P, config: RateLimitConfig) -> Self {
        let burst = config.burst.unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(config.requests_per_minute).allow_burst(burst);
        Self {
            inner,
            config,
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Waits for the turn if it is near.
    async fn turn(&self, attempt: &Attempt) -> Result<(), Failure> {
        let Some(model) = attempt.models.first() else {
            return Ok(());
        };
        let key = (attempt.lane.clone(), model.clone());
        let mut patience = LONGEST_WAIT;
        while let Err(not_until) = self.limiter.check_key(&key) {
            // At least a millisecond, since timers are no finer.
            let wait = not_until
                .wait_time_from(self.clock.now())
                .max(Duration::from_millis(1));
            if wait > patience {
                return Err(
                    limited("the gateway's own rate limit for this model is reached")
                        .with("model", model)
                        .with_retry_after(wait),
                );
            }
            patience -= wait;
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

#[async_trait]
impl<P: LlmProvider> LlmProvider for RateLimit<P> {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        self.turn(attempt).await?;
        self.inner.send(attempt).await
    }
}

/// Shows the wiring: `RateLimit(60/min, …)`.
impl<P: fmt::Display> fmt::Display for RateLimit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RateLimit({}/min, {})",
            self.config.requests_per_minute, self.inner
        )
    }
}

impl<P: fmt::Debug> fmt::Debug for RateLimit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("config", &self.config)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
