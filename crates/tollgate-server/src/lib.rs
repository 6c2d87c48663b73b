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
mod pages;
mod openapi;
mod health;
mod metrics;
mod reply;

pub use crate::guard::loopback_only;
pub use crate::metrics::{Metrics, measured, serve_measured};
pub use crate::openapi::openapi;
pub use crate::router::{MAX_BODY_BYTES, router};
pub use crate::serve::{Draining, Stopped, serve};
