//! What keys promise, from outside.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; only functions marked as tests are exempt by themselves"
)]

mod config;
mod contract;
mod files;
mod find;
mod limits;
mod shared;
