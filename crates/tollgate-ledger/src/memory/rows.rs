//! Rows of a report while they are summed up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tollgate_core::UsageRow;

/// A row for each key.
pub(super) struct Rows<K>(BTreeMap<K, UsageRow>);

impl<K: Ord> Rows<K> {
    /// The row of a key; its own `key` is filled in at the end.
    pub(super) fn at(&mut self, key: K) -> &mut UsageRow {
        self.0.entry(key).or_default()
    }

    /// All rows, in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &UsageRow)> {
        self.0.iter()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl Rows<Vec<String>> {
    /// The finished rows, largest cost first.
    pub(super) fn by_cost(self) -> Vec<UsageRow> {
        let rows = self.0.into_iter();
        let mut rows: Vec<UsageRow> = rows.map(|(key, row)| UsageRow { key, ..row }).collect();
        // Stable, so equal costs stay in the order of their keys.
        rows.sort_by_key(|row| Reverse(row.cost()));
        rows
    }
}
