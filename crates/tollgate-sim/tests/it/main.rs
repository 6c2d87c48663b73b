//! What a client sees of the simulator, over real sockets and without.
//!
//! Time is paused in most tests: Tokio moves it on only when nothing else is to do, so waits take
//! no time and last exactly as long as they say.

#![expect(clippy::unwrap_used, reason = "tests")]

mod client;
mod surface;

mod billing;
mod byok;
mod chat;
mod completions;
mod control;
mod determinism;
mod faults;
mod hosts;
mod messages;
mod pages;
mod responses;
mod routing;
mod service;
mod stream;
mod strictness;
mod surfaces;
