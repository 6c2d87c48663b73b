//! Behaviours of the whole gateway, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod accounting;
mod config;
mod dropped;
mod openrouter_integration;
mod planning;
mod storm;
mod support;
