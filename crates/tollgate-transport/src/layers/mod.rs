//! Layers: providers around a provider. Put the rate limits outside of the concurrency cap, or
//! requests that wait for their turn would hold slots.

mod concurrency;
mod host;
mod rate;
mod turns;

pub use concurrency::Concurrency;
pub use host::{HostRate, HostRateLimit};
pub use rate::{RateLimit, RateLimitConfig};

use std::time::Duration;

use tollgate_core::{Failure, FailureKind, Origin, Scope};

/// The longest that a request waits here; above it, elsewhere is better.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The failure of a limit of our own: evidence of nobody's health, and nothing was sent.
fn limited(message: &str) -> Failure {
    Failure::new(FailureKind::RateLimited, message)
        .with_scope(Scope::None)
        .with_origin(Origin::Gateway)
}

/// Says what is to be left alone for how long. That the fault is the gateway's says that it is
/// still no evidence.
fn come_back(limit: Failure, scope: Scope, wait: Duration) -> Failure {
    limit.with_scope(scope).with_retry_after(wait)
}
