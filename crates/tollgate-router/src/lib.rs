#![doc = include_str!("../README.md")]

mod config;
mod error;
mod optimizer;
mod profile;

mod aim;
mod decide;
mod endpoints;
mod learned;
mod nothing;
mod overlay;
mod quote;
mod record;
mod screen;

mod explain;
mod render;
mod why;

pub use crate::config::{OutputPriors, RouterConfig, SpeedPriors, TaskLists};
pub use crate::decide::NO_POLICY;
pub use crate::endpoints::{EndpointAsk, choose_endpoints};
pub use crate::error::RouterError;
pub use crate::optimizer::CostOptimizer;
pub use crate::render::InWords;
