//! Behaviours of the catalog as its users see them.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    reason = "tests: helpers outside test functions fail loudly too"
)]

mod cards;
mod endpoints;
mod habits;
mod lanes;
mod names;
mod opening;
mod own_names;
mod priced;
mod quality;
mod refreshing;
mod searching;
mod support;
