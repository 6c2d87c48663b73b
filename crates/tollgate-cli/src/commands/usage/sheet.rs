//! A report before it is printed: rows, their total, and the figures of a row.

use std::fmt;

use serde_json::{Value, json};
use tollgate::{Dimension, Timestamp, UsageQuery, UsageRow, Usd};

/// A report.
pub(super) struct Sheet {
    pub(super) query: UsageQuery,
    pub(super) rows: Vec<UsageRow>,
    pub(super) total: UsageRow,
}

impl Sheet {
    /// Rows by day or hour come in the order of time, others as they are:
    /// largest cost first.
    pub(super) fn new(mut rows: Vec<UsageRow>, query: UsageQuery) -> Self {
        if let Some(Dimension::Day | Dimension::Hour) = query.by.first() {
            rows.sort_by(|a, b| a.key.cmp(&b.key));
        }
        let mut total = UsageRow::default();
        for row in &rows {
            total.merge(row);
        }
        Self { query, rows, total }
    }

    /// The report as `--json` prints it; docs/cost.md describes it.
    pub(super) fn json(&self) -> Value {
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        let mut total = row(&self.total);
        if let Some(total) = total.as_object_mut() {
            total.remove("key");
        }
        json!({
            "currency": "USD",
            "since": moment(self.query.since),
            "until": moment(self.query.until),
            "by": self.query.by,
            "rows": rows,
            "total": total,
        })
    }
}

fn row(row: &UsageRow) -> Value {
    let mut value = json!(row);
    value["cost"] = json!(row.cost());
    value
}

/// One column of figures.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) of: fn(&UsageRow) -> Amount,
    pub(super) shown: Shown,
}

/// When a table for people has the column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Always,
    UnlessZero,
}

/// A figure, without a sign of its unit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Count(u64),
    Money(Usd),
}

impl Amount {
    pub(super) fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Money(Usd::ZERO))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Money(amount) => amount.fmt(f),
        }
    }
}

/// All figures of a row.
pub(super) const FIGURES: [Figure; 19] = [
    always("calls", |row| Amount::Count(row.calls)),
    always("attempts", |row| Amount::Count(row.attempts)),
    always("failed", |row| Amount::Count(row.failed)),
    always("input", |row| Amount::Count(row.tokens.input)),
    unless_zero("cache_read", |row| Amount::Count(row.tokens.cache_read)),
    unless_zero("cache_write", |row| Amount::Count(row.tokens.cache_write)),
    unless_zero("cache_write_1h", |row| {
        Amount::Count(row.tokens.cache_write_1h)
    }),
    unless_zero("audio_input", |row| Amount::Count(row.tokens.audio_input)),
    always("output", |row| Amount::Count(row.tokens.output)),
    unless_zero("reasoning", |row| Amount::Count(row.tokens.reasoning)),
    unless_zero("audio_output", |row| Amount::Count(row.tokens.audio_output)),
    unless_zero("image_output", |row| Amount::Count(row.tokens.image_output)),
    unless_zero("images", |row| Amount::Count(row.tokens.images)),
    unless_zero("web_searches", |row| Amount::Count(row.tokens.web_searches)),
    always("credits", |row| Amount::Money(row.credits)),
    always("provider", |row| Amount::Money(row.provider)),
    always("cost", |row| Amount::Money(row.cost())),
    unless_zero("unresolved", |row| Amount::Money(row.unresolved)),
    unless_zero("failover", |row| Amount::Money(row.failover)),
];

const fn always(name: &'static str, of: fn(&UsageRow) -> Amount) -> Figure {
    let shown = Shown::Always;
    Figure { name, of, shown }
}

const fn unless_zero(name: &'static str, of: fn(&UsageRow) -> Amount) -> Figure {
    let shown = Shown::UnlessZero;
    Figure { name, of, shown }
}
