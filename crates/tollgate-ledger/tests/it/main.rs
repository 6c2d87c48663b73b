//! Behaviours of the ledger: stores, tracker, writer.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; only functions marked as tests are exempt by themselves"
)]

mod config;
mod budgets;
mod contract;
mod crash;
mod ledger;
mod money;
mod reload;
mod scene;
mod sequences;
mod shared;
mod sqlite;
mod tracker;
mod verify;
mod writer;
