//! Behaviour of the learned router on outcomes whose truth is known, and on a
//! sample of real ones.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod file;
mod learning;
mod panel;
mod sample;
mod worlds;
