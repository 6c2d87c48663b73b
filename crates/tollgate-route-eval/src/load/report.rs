//! The replay as a table.

use std::fmt;

use super::replay::LoadReport;
use crate::Interval;

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            models, decisions, ..
        } = self;
        writeln!(f, "{models} models, {decisions} decisions\n")?;
        writeln!(
            f,
            "| way to choose | seconds | late seconds | first token | time / price alone | cost / price alone | deranked | deranked later |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for score in &self.scores {
            writeln!(
                f,
                "| {} | {} | {:.2} | {:.2} | {} | {} | {:.2} % | {:.2} % |",
                score.name,
                Shown(score.seconds, 2),
                score.late_seconds.value,
                score.first_token.value,
                Shown(score.time_ratio, 3),
                Shown(score.cost_ratio, 3),
                score.deranked * 100.0,
                score.deranked_next * 100.0,
            )?;
        }
        Ok(())
    }
}

/// A figure with its interval, to so many places.
struct Shown(Interval, usize);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(
            Interval {
                value, low, high, ..
            },
            places,
        ) = *self;
        write!(f, "{value:.places$} ({low:.places$}–{high:.places$})")
    }
}
