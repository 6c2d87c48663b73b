#![doc = include_str!("../README.md")]

// A simulator as its users hold it.
mod config;
mod error;
mod host;
mod service;
mod simulator;

// What goes wrong, and when.
mod clock;
mod fault;
mod fault_table;
mod retry_after;
mod rule;
mod scenario;

// The way of a request: socket, route, selection, answer, script, performance, account.
mod account;
mod activity;
mod answer;
mod ask;
mod complaint;
mod control;
mod count_tokens;
mod dialect;
mod effects;
mod embeddings;
mod infer;
mod metadata;
mod model_filter;
mod pages;
mod performance;
mod play;
mod preferences;
mod provider_pages;
mod refusal;
mod refuse;
mod reply;
mod request;
mod routes;
mod script;
mod select;
mod server;
mod speed;

// What is known and kept.
mod bill;
mod byok;
mod catalog;
mod endpoint;
mod log;
mod money;
mod pricing;
mod world;

// Small tools.
mod base64;
mod draw;
mod json;
mod nearest;
mod recent;
mod remembered;
mod schema;

pub use crate::bill::{Bill, BillLine};
pub use crate::catalog::Catalog;
pub use crate::clock::Clock;
pub use crate::config::SimConfig;
pub use crate::error::Error;
pub use crate::fault::{Ending, Fault, Part, Place};
pub use crate::fault_table::{NamedFault, faults};
pub use crate::host::Host;
pub use crate::log::{Attempt, Seen};
pub use crate::money::NanoUsd;
pub use crate::play::{Body, Broken};
pub use crate::retry_after::RetryAfter;
pub use crate::rule::Rule;
pub use crate::scenario::{Byok, EventNames, Keys, Latency, Scenario, UsageChunk};
pub use crate::service::Service;
pub use crate::simulator::{Simulator, SimulatorBuilder};
