//! The client of others beside ours, both before the same simulator.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod setup;

mod contract;
mod gateway;
mod losses_of_answers;
mod losses_of_failures;
mod losses_of_requests;
mod wire;
