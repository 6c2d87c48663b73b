#![doc = include_str!("../README.md")]

mod serve;
mod connection;
mod line;
mod stall;
mod untaken;
mod running;
mod ending;
mod router;
mod paths;
mod posted;
mod callers;
mod allowance;
mod guard;
mod limits;
mod asked;
mod fields;
mod hints;
mod patience;
mod infer;
mod disclose;
mod events;
mod so_far;
mod whole;
mod tail;
mod plan;
mod pages;
mod openapi;
mod health;
mod metrics;
mod own_keys;
mod words;
mod reply;
mod trace;

pub use crate::callers::{Callers, WithoutKeys, known};
pub use crate::fields::check as check_fields;
pub use crate::guard::loopback_only;
pub use crate::metrics::{
    Metrics, SpanCounts, counted, measured, measured_and_known, serve_measured,
};
pub use crate::openapi::openapi;
pub use crate::router::router;
pub use crate::serve::{Draining, Stopped, serve, serve_router};
