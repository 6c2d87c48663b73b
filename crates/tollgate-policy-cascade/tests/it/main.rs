//! The policy keeps the contract of its trait and its formula; its judge reads
//! what answers show.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod ranking;
mod signals;
