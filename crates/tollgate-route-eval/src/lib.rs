#![doc = include_str!("../README.md")]

mod chance;
mod curve;
mod error;
mod grid;
mod groups;
mod priced;
mod split;
mod table;

mod bootstrap;
mod forecast;
mod holm;
mod policy;
mod score;

mod bandit;
mod cold;
mod pgr;

mod report;
mod tasks;

mod load;

pub use crate::bandit::{Bandit, Reward, Thompson, bandit};
pub use crate::bootstrap::Interval;
pub use crate::cold::{Cold, cold_start};
pub use crate::curve::{Curve, Point};
pub use crate::error::EvalError;
pub use crate::forecast::{Forecast, Method, forecast, forecast_with};
pub use crate::grid::Grid;
pub use crate::load::{
    LoadConfig, LoadMoment, LoadReport, LoadScore, LoadSeries, Told, read_load, replay_load,
};
pub use crate::pgr::{Pgr, gap_recovered};
pub use crate::policy::{Choices, sweep, sweep_guarded};
pub use crate::priced::Priced;
pub use crate::report::{EvalConfig, Report, Worse, evaluate, worse_than_fixed};
pub use crate::score::{GUARDED, Score, ScoreConfig, Scores, score};
pub use crate::split::{Split, folds, tasks_left_out};
pub use crate::table::{Table, read_table, tables_in};
pub use crate::tasks::{Taken, taken_for};
