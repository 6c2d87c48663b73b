//! What a trial measured, beside what was promised.

use std::time::Duration;

use serde::Serialize;

use crate::trace::Digest;

/// The result of one trial.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the trial.
    pub trial: &'static str,
    /// The seed that gives the same result again.
    pub seed: u64,
    /// How many calls were made.
    pub calls: u64,
    /// What was measured.
    pub rows: Vec<Row>,
    /// What went against a promise, and how to see it again.
    pub violations: Vec<String>,
    /// What happened, as a table, where that says more than figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub table: Vec<String>,
    /// What its traces come to, where they are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What happened, line by line, where the trial ran a single world.
    #[serde(skip)]
    pub trace: Vec<String>,
}

/// One measurement and its bound.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure; absent when it never came to it.
    pub found: Option<f64>,
    /// What the figure counts.
    pub unit: Unit,
    /// What was promised.
    pub bound: Bound,
    /// Whether the promise was kept.
    pub passes: bool,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things.
    Count,
    /// Hundredths of all.
    Percent,
    /// Things for each thing.
    Ratio,
    /// Virtual seconds.
    Seconds,
    /// Billionths of a US dollar; exact up to nine million dollars.
    NanoUsd,
}

/// What was promised of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Nothing: it is only told.
    Told,
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
}

impl Report {
    /// A report of these measurements.
    #[must_use]
    pub fn new(trial: &'static str, seed: u64, calls: u64, rows: Vec<Row>) -> Self {
        Self {
            trial,
            seed,
            calls,
            rows,
            violations: Vec::new(),
            table: Vec::new(),
            digest: None,
            trace: Vec::new(),
        }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.violations.is_empty() && self.rows.iter().all(|row| row.passes)
    }
}

impl Row {
    fn new(what: impl Into<String>, found: Option<f64>, unit: Unit) -> Self {
        Self {
            what: what.into(),
            found,
            unit,
            bound: Bound::Told,
            passes: true,
        }
    }

    /// A number of things.
    #[must_use]
    pub fn count(what: impl Into<String>, found: usize) -> Self {
        Self::new(what, Some(found as f64), Unit::Count)
    }

    /// A part of all.
    #[must_use]
    pub fn share(what: impl Into<String>, (part, all): (usize, usize)) -> Self {
        let found = (all > 0).then(|| 100.0 * part as f64 / all as f64);
        Self::new(what, found, Unit::Percent)
    }

    /// Things for each thing.
    #[must_use]
    pub fn ratio(what: impl Into<String>, found: Option<f64>) -> Self {
        Self::new(what, found, Unit::Ratio)
    }

    /// Money, in nano-dollars.
    #[must_use]
    pub fn nanos(what: impl Into<String>, found: i64) -> Self {
        Self::new(what, Some(found as f64), Unit::NanoUsd)
    }

    /// A span of virtual time.
    #[must_use]
    pub fn time(what: impl Into<String>, found: Option<Duration>) -> Self {
        Self::new(what, found.map(|span| span.as_secs_f64()), Unit::Seconds)
    }

    /// Promises this much or more.
    #[must_use]
    pub fn at_least(self, bound: f64) -> Self {
        self.bound(Bound::AtLeast(bound))
    }

    /// Promises this much or less.
    #[must_use]
    pub fn at_most(self, bound: f64) -> Self {
        self.bound(Bound::AtMost(bound))
    }

    /// Promises that there is none.
    #[must_use]
    pub fn none(self) -> Self {
        self.at_most(0.0)
    }

    fn bound(mut self, bound: Bound) -> Self {
        // A figure with two bounds is fine only within both.
        self.passes &= bound.holds(self.found);
        self.bound = bound;
        self
    }
}

impl Bound {
    /// Whether a figure is within the bound; one that is absent is within none.
    fn holds(self, found: Option<f64>) -> bool {
        match self {
            Self::Told => true,
            Self::AtLeast(bound) => found.is_some_and(|found| found >= bound),
            Self::AtMost(bound) => found.is_some_and(|found| found <= bound),
        }
    }
}

/// The value below which `percent` of all are, by the nearest rank.
#[must_use]
pub fn percentile(spans: impl IntoIterator<Item = Duration>, percent: usize) -> Option<Duration> {
    let mut spans: Vec<Duration> = spans.into_iter().collect();
    spans.sort_unstable();
    let rank = (spans.len() * percent).div_ceil(100);
    spans.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Report, Row, percentile};

    #[test]
    fn a_figure_is_held_to_its_bound_and_an_absent_one_keeps_no_promise() {
        let passes = |row: Row| Report::new("x", 7, 1, vec![row]).passes();
        assert!(passes(Row::count("a", 3).at_most(3.0)));
        assert!(!passes(Row::count("a", 4).at_most(3.0)));
        assert!(passes(Row::share("a", (9_999, 10_000)).at_least(99.99)));
        assert!(!passes(Row::share("a", (9_998, 10_000)).at_least(99.99)));
        assert!(!passes(Row::share("a", (0, 0)).at_least(0.0)));
        assert!(!passes(Row::time("a", None).at_most(90.0)));
        assert!(passes(Row::time("a", None)));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spans: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(spans.clone(), 99), spans.get(197).copied());
        assert_eq!(percentile(spans.clone(), 100), spans.last().copied());
        assert_eq!(percentile([], 99), None);
    }
}
