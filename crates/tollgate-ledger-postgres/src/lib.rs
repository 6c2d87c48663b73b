#![doc = include_str!("../README.md")]

mod config;
mod error;

mod store;

mod report;
mod rows;
mod schema;

pub use crate::config::PostgresConfig;
pub use crate::error::OpenError;
pub use crate::store::PostgresStore;
