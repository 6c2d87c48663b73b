//! Evaluations of the sample, whose figures mean nothing, and of made-up worlds,
//! whose figures are known.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod evaluation;
mod load;
mod splits;
mod tables;
mod world;
