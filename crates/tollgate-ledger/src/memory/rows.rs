//! Rows of a report while they are summed up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tollgate_core::UsageRow;

/// A row for each key.
#[derive(Default)]
pub(super) struct Rows(BTreeMap<Vec<String>, UsageRow>);

impl Rows {
    /// The row of a key; its own `key` is filled in at the end.
    pub(super) fn at(&mut self, key: Vec<String>) -> &mut UsageRow {
        self.0.entry(key).or_default()
    }

    /// All rows, in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[String], &UsageRow)> {
        self.0.iter().map(|(key, row)| (key.as_slice(), row))
    }

    /// The finished rows, largest cost first.
    pub(super) fn by_cost(self) -> Vec<UsageRow> {
        let rows = self.0.into_iter();
        let mut rows: Vec<UsageRow> = rows.map(|(key, row)| UsageRow { key, ..row }).collect();
        // Stable, so equal costs stay in the order of their keys.
        rows.sort_by_key(|row| Reverse(row.cost()));
        rows
    }
}
