//! LMArena's table: Elo ratings with their 95 % intervals, of chats that
//! people judged.

use std::f64::consts::LN_10;

use tollgate_core::Task;

use super::csv::Csv;
use super::{Content, Reading};

pub(super) const HEADING: &str = "arena_score";

/// Points of Elo that make the odds ten to one.
const TEN_TO_ONE: f64 = 400.0;

/// Standard errors in half of a 95 % interval.
const HALF_INTERVAL: f64 = 1.96;

/// The chance to win against the median of the table.
pub(super) fn read(text: &str) -> Result<Content, String> {
    let table = Csv::parse(text)?;
    let (name, score) = (table.column("model")?, table.column(HEADING)?);
    let interval = table.column("95_pct_ci")?;
    let mut rated = Vec::new();
    for row in &table.rows {
        let name = &row[name];
        let elo: f64 = row[score]
            .parse()
            .map_err(|_| format!("{name}: {:?} is no rating", row[score]))?;
        let half = half_of(&row[interval])
            .ok_or_else(|| format!("{name}: {:?} is no interval", row[interval]))?;
        rated.push((name, elo, half));
    }
    let median =
        median(rated.iter().map(|(_, elo, _)| *elo).collect()).ok_or("it holds no rating")?;
    let reading = |(name, elo, half): (&String, f64, f64)| {
        let mean = 1.0 / (1.0 + 10_f64.powf((median - elo) / TEN_TO_ONE));
        // How steep the curve is there.
        let slope = mean * (1.0 - mean) * LN_10 / TEN_TO_ONE;
        Reading {
            name: name.clone(),
            task: Task::Chat,
            mean,
            error: slope * half / HALF_INTERVAL,
            date: None,
        }
    };
    Ok(Content {
        readings: rated.into_iter().map(reading).collect(),
        unread: table.torn,
    })
}

/// Half of an interval such as `+5/-6`.
fn half_of(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let above: f64 = above.trim().trim_start_matches('+').parse().ok()?;
    let below: f64 = below.trim().trim_start_matches('-').parse().ok()?;
    let half = (above + below) / 2.0;
    (half.is_finite() && half >= 0.0).then_some(half)
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let upper = *figures.get(middle)?;
    let lower = match figures.len() % 2 {
        0 => figures[middle - 1],
        _ => upper,
    };
    Some((lower + upper) / 2.0)
}
