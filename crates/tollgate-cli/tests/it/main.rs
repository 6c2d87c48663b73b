//! The shipped binary, as a person runs it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod books;
mod byok;
#[cfg(unix)]
mod canary;
mod chat;
mod check;
#[cfg(unix)]
mod collector;
mod demo;
mod health;
mod keys;
mod ledger;
#[cfg(unix)]
mod logs;
mod look;
mod prices;
mod reconcile;
mod quality;
mod records;
mod reload;
mod router;
mod serve;
mod sim;
mod support;
#[cfg(unix)]
mod traces;
mod usage;
