//! How long an answer takes.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::reply::Pace;
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
        self.first_token
            + self
                .per_token
                .saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX))
    }

    pub(crate) fn pace(self, scenario: &Scenario) -> Pace {
        Pace {
            comments: scenario.comments,
            usage_chunk: scenario.usage_chunk,
            first_token: self.first_token,
            per_token: self.per_token,
        }
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
