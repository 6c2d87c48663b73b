#![doc = include_str!("../README.md")]

mod serve;
mod line;
mod running;
mod stall;
mod router;
mod guard;
mod asked;
mod hints;
mod patience;
mod infer;
mod disclose;
mod events;
mod chunks;
mod tail;
mod plan;
mod models;
mod health;
mod metrics;
mod reply;
mod trace;

pub use crate::guard::loopback_only;
pub use crate::metrics::{Metrics, SpanCounts, measured, serve_measured};
pub use crate::router::{MAX_BODY_BYTES, router};
pub use crate::serve::{Draining, Stopped, serve};
