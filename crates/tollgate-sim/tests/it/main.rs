//! What a client sees of the simulator, over real sockets and without.
//!
//! Time is paused in most tests: Tokio moves it on only when nothing else is to do, so waits take
//! no time and last exactly as long as they say.

#![expect(clippy::unwrap_used, reason = "tests")]

mod client;

mod billing;
mod chat;
mod control;
mod determinism;
mod faults;
mod pages;
mod routing;
mod service;
mod stream;
