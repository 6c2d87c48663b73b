//! Attempts that are too old to be kept each by itself.

use std::collections::BTreeMap;

use tollgate_core::{Dimension, Timestamp, UsageQuery};

use super::rows::Rows;
use super::{Entries, covers};

const DAY_MS: i64 = 86_400_000;

/// Sums by every dimension there is, day by day of admission.
#[derive(Default)]
pub(super) struct Folded {
    days: BTreeMap<i64, Day>,
}

struct Day {
    /// When the first of its calls was admitted: the moment that all of them
    /// are taken to be of.
    first: Timestamp,
    /// The keys hold all dimensions, in the order of [`Dimension::ALL`].
    rows: Rows,
}

impl Folded {
    /// Takes in a call all of whose attempts have ended.
    pub(super) fn take(&mut self, call: &Entries) {
        let Some(facts) = call.facts.as_ref().filter(|_| !call.attempts.is_empty()) else {
            return;
        };
        let day = facts.at.millis().div_euclid(DAY_MS);
        let day = self.days.entry(day).or_insert_with(|| Day {
            first: facts.at,
            rows: Rows::default(),
        });
        day.first = day.first.min(facts.at);
        let all: Vec<Dimension> = Dimension::ALL.iter().map(|(by, _)| *by).collect();
        call.sum(&all, &mut day.rows);
    }

    /// Adds the days that the query covers.
    pub(super) fn report(&self, query: &UsageQuery, rows: &mut Rows) {
        let places: Vec<usize> = query.by.iter().filter_map(|by| place(*by)).collect();
        let days = self.days.values().filter(|day| covers(query, day.first));
        for (key, row) in days.flat_map(|day| day.rows.iter()) {
            let key = places.iter().map(|place| key[*place].clone()).collect();
            rows.at(key).merge(row);
        }
    }
}

/// Where a dimension's value stands in a key.
fn place(by: Dimension) -> Option<usize> {
    Dimension::ALL.iter().position(|(one, _)| *one == by)
}
