#![doc = include_str!("../README.md")]

mod config;
mod error;
mod limits;

// One call's way through its plan.
mod commit;
mod exchange;
mod itinerary;
mod manager;
mod record;
mod redact;
mod run;
mod span;
mod target;
mod watch;

// What is known of targets.
mod breaker;
mod checker;
mod door;
mod entry;
mod escalate;
mod health;
mod in_flight;
mod latency;
mod quota;
mod throttle;

// Small tools.
mod backoff;
mod budget;
mod dice;
mod window;

/// What is shared between calls without a lock, by the names under which a
/// model checker can put its own in place.
mod sync {
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

pub use crate::config::{
    BackoffConfig, BreakerConfig, FailoverConfig, HedgeConfig, OnRefusal, PanicConfig, RetryConfig,
};
pub use crate::error::InvalidConfig;
pub use crate::manager::FailoverManager;
