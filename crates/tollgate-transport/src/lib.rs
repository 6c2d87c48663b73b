#![doc = include_str!("../README.md")]

mod config;
mod error;

mod address;
mod client;
mod dialect;
mod gathered;
mod send;
mod upstream;

mod aside;
mod events;
mod exchange;
mod expected;
mod incoming;
mod legs;
mod outgoing;
mod resource;
mod spoken;
mod strangers;
mod translated;
mod unbounded;
mod whole;

mod classify;
mod delay;
mod duration;
mod evidence;
mod http_date;
mod limits;
mod retry_after;
mod wording;

mod read;
mod served;
mod usage;

mod check;
mod direct;
mod lanes;
mod layers;
mod openrouter;

pub use crate::address::authority;
pub use crate::client::http_pool;
pub use crate::config::{
    ConnectionConfig, DirectConfig, Mode, OpenRouterConfig, OutputLimitField, Speech, Thinking,
    Timers,
};
pub use crate::delay::LONGEST as LONGEST_RETRY_AFTER;
pub use crate::direct::DirectProvider;
pub use crate::error::TransportError;
pub use crate::exchange::DROPPED_HEADER;
pub use crate::lanes::Lanes;
pub use crate::layers::{Concurrency, HostRate, HostRateLimit, RateLimit, RateLimitConfig};
pub use crate::openrouter::{NewByokKey, OpenRouterProvider};
pub use crate::retry_after::retry_after;
pub use crate::send::{HttpBody, HttpError, HttpErrorKind, HttpSend};
pub use crate::usage::usage_report;
