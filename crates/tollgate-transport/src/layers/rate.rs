use std::fmt;
use std::num::NonZeroU32;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::{Attempt, Failure, LaneId, LlmProvider, ModelId, Reply, Scope};

use super::turns::Turns;
use super::{come_back, limited};

/// How many requests may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Requests a minute, evenly spread.
    pub requests_per_minute: NonZeroU32,
    /// Requests at once after a pause; 1 when absent.
    #[serde(default)]
    pub burst: Option<NonZeroU32>,
}

impl RateLimitConfig {
    pub(super) fn burst(self) -> NonZeroU32 {
        self.burst.unwrap_or(NonZeroU32::MIN)
    }
}

/// Keeps each model on each lane below a rate, so that the upstream need not refuse.
///
/// A request whose turn is at most 100 ms away waits for it; any other fails as rate-limited by
/// the gateway itself, with the delay, so that another target can take it.
pub struct RateLimit<P> {
    inner: P,
    config: RateLimitConfig,
    turns: Turns<(LaneId, ModelId)>,
}

impl<P> RateLimit<P> {
    /// Limits a provider.
    pub fn new(inner: P, config: RateLimitConfig) -> Self {
        Self {
            inner,
            config,
            turns: Turns::new(config),
        }
    }
}

#[async_trait]
impl<P: LlmProvider> LlmProvider for RateLimit<P> {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        // A caller's own key has limits of its own, and takes no turns of the others.
        let model = attempt.models.first();
        if let Some(model) = model.filter(|_| attempt.key.is_none()) {
            let key = (attempt.lane.clone(), model.clone());
            self.turns.take(&key).await.map_err(|wait| {
                let limit = limited("the gateway's own rate limit for this model is reached");
                come_back(limit.with("model", model), Scope::KeyModel, wait)
            })?;
        }
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
