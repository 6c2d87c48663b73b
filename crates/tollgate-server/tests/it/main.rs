//! The surfaces over real sockets, in front of a provider that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;
mod openmetrics;
mod answers;
mod callers;
mod crowd;
mod draining;
mod ends;
mod documented;
mod forwarding;
mod h2;
mod hostile;
mod known;
mod limits;
mod lossless;
mod metrics;
mod own_keys;
mod pages;
mod series;
mod simulated;
mod smuggling;
mod stopping;
mod waiting;
