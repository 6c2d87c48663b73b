//! How long an answer takes.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::scenario::{Latency, Scenario};

/// How long this answer takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Speed {
    pub(crate) first_token: Duration,
    per_token: Duration,
}

impl Speed {
    /// Until the last token.
    pub(crate) fn total(self, tokens: u64) -> Duration {
        self.first_token + self.tokens(tokens)
    }

    /// Of so many tokens after the first.
    pub(crate) fn tokens(self, tokens: u64) -> Duration {
        self.per_token
            .saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX))
    }
}

/// The speed of an endpoint under a scenario.
pub(crate) fn speed(scenario: &Scenario, endpoint: &Endpoint) -> Speed {
    let of = |first_token_ms, tokens_per_second: u64| Speed {
        first_token: Duration::from_millis(first_token_ms),
        per_token: Duration::from_secs(1)
            / u32::try_from(tokens_per_second.max(1)).unwrap_or(u32::MAX),
    };
    match scenario.latency {
        Latency::Instant => Speed::default(),
        Latency::Realistic => of(endpoint.latency_ms, endpoint.tokens_per_second),
        Latency::Fixed {
            first_token_ms,
            tokens_per_second,
        } => of(first_token_ms, tokens_per_second),
    }
}
