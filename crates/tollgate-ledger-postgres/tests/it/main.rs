//! The store on a real server, named by `TOLLGATE_TEST_POSTGRES`, such as
//! `postgres://postgres@127.0.0.1:5432/test`; each test has schemas of its own
//! and removes them.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; only functions marked as tests are exempt by themselves"
)]

mod away;
mod contract;
mod counting;
mod crash;
mod events;
mod gone;
mod keys;
mod leases;
mod limits;
mod locks;
mod open;
mod reload;
mod replies;
mod server;
mod sharing;
mod tls;
mod trackers;
