#![doc = include_str!("../README.md")]

mod config;
mod duration;
mod error;

mod address;
mod dialect;
mod upstream;

mod chat;
mod events;
mod incoming;
mod outgoing;
mod resource;
mod whole;

mod classify;
mod evidence;
mod http_date;
mod retry_after;
mod wording;

mod facts;
mod served;
mod usage;

mod compatible;
mod lanes;
mod layers;
mod openrouter;

pub use crate::chat::DROPPED_HEADER;
pub use crate::compatible::OpenAiCompatibleProvider;
pub use crate::config::{
    ConnectionConfig, Mode, OpenAiCompatibleConfig, OpenRouterConfig, OutputLimitField, Timers,
};
pub use crate::error::TransportError;
pub use crate::lanes::Lanes;
pub use crate::layers::{Concurrency, RateLimit, RateLimitConfig};
pub use crate::openrouter::OpenRouterProvider;
pub use crate::retry_after::{LONGEST as LONGEST_RETRY_AFTER, retry_after};
pub use crate::usage::usage_report;
