#![doc = include_str!("../README.md")]

mod config;
mod error;
mod feedback;
mod habits;

mod store;

mod attempts;
mod batch;
mod connect;
mod keys;
mod leases;
mod limits;
mod name;
mod past;
mod report;
mod rows;
mod schema;
mod tls;
mod verify;
mod windows;

pub use crate::config::{Commit, PostgresConfig};
pub use crate::error::OpenError;
pub use crate::store::PostgresStore;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T, E = BoxError> = std::result::Result<T, E>;
