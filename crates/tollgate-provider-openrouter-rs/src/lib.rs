#![doc = include_str!("../README.md")]

mod config;
mod error;
mod provider;

mod answer;
mod events;
mod request;

mod facts;
mod failure;
mod usage;
mod verdict;

pub use crate::config::OpenRouterRsConfig;
pub use crate::error::SetupError;
pub use crate::provider::OpenRouterRs;
