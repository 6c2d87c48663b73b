//! The surfaces over real sockets, in front of a provider that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;
mod openmetrics;
mod answers;
mod callers;
mod ends;
mod documented;
mod metrics;
mod pages;
mod series;
mod stopping;
mod waiting;
