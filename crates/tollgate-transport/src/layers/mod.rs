//! Layers: providers around a provider. Put the rate limit outside of the concurrency cap, or
//! requests that wait for their turn would hold slots.

mod concurrency;
mod rate;

pub use concurrency::Concurrency;
pub use rate::{RateLimit, RateLimitConfig};

use std::time::Duration;

use tollgate_core::{Failure, FailureKind, Scope};

/// The longest that a request waits here; above it, elsewhere is better.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The failure of a limit of our own: evidence of nobody's health, and nothing was sent.
fn limited(message: &str) -> Failure {
    Failure::new(FailureKind::RateLimited, message).with_scope(Scope::None)
}
