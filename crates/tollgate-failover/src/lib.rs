#![doc = include_str!("../README.md")]

mod config;
mod error;

mod commit;
mod itinerary;
mod record;
mod run;
mod target;
mod watch;

mod backoff;
mod breaker;
mod budget;
mod health;
mod window;

pub use crate::config::{BackoffConfig, BreakerConfig, FailoverConfig, RetryConfig};
pub use crate::error::InvalidConfig;
pub use crate::run::FailoverManager;
