//! Which endpoint of a model serves a call, replayed on what endpoints told of
//! themselves every five minutes.
//!
//! A decision sees one sample and nothing later; what it chose is judged by the
//! next one, or one after it.

mod choose;
mod replay;
mod report;
mod series;

pub use self::replay::{LoadConfig, LoadReport, LoadScore, replay_load};
pub use self::series::{LoadMoment, LoadSeries, Told, read_load};
