#![doc = include_str!("../README.md")]

mod chat;
mod hints;
mod models;
mod plan;
mod reply;
mod router;

pub use crate::router::{MAX_BODY_BYTES, router, serve};
