//! The crate against a scripted server on a socket of this machine.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod account;
mod cancel;
mod check;
mod dialects;
mod failures;
mod lanes;
mod layers;
mod memory;
mod requests;
mod secrets;
mod server;
mod setup;
mod stream;
mod surfaces;
mod unbounded;
mod whole;
