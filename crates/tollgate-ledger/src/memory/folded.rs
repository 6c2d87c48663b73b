//! Attempts that are too old to be kept each by itself.

use std::collections::BTreeMap;

use tollgate_core::{AttemptRecord, CallFacts, Dimension, Timestamp, UsageQuery};

use super::rows::Rows;
use super::{Entries, covers};

/// Up to this many rows tags are kept; callers make them up, so there is no
/// other end to their number.
const TAGGED_ROWS: usize = 1_000;

/// What stands for the tags that are not kept.
const UNTAGGED: &str = "folded";

/// Sums by every dimension there is, day by day of admission.
#[derive(Default)]
pub(super) struct Folded {
    days: BTreeMap<i64, Day>,
}

struct Day {
    /// When the first of its calls was admitted: the moment that all of them
    /// are taken to be of.
    first: Timestamp,
    rows: Rows<Key>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// In the order of [`Dimension::ALL`].
    values: Vec<String>,
    /// `None` when there were too many.
    tags: Option<Vec<(String, String)>>,
}

impl Folded {
    /// Takes in a call all of whose attempts have ended.
    pub(super) fn take(&mut self, call: &Entries) {
        let Some(facts) = call.facts.as_ref().filter(|_| !call.attempts.is_empty()) else {
            return;
        };
        let tags = (facts.tags.is_empty() || self.has_room()).then_some(&facts.tags);
        let day = self.days.entry(facts.at.day()).or_insert_with(|| Day {
            first: facts.at,
            rows: Rows::default(),
        });
        day.first = day.first.min(facts.at);
        call.each(|facts, record, last| {
            let key = Key::of(facts, record, tags);
            day.rows.at(key).add(record, last);
        });
    }

    fn has_room(&self) -> bool {
        let rows = self.days.values().map(|day| day.rows.len());
        rows.sum::<usize>() < TAGGED_ROWS
    }

    /// Adds the days that the query covers.
    pub(super) fn report(&self, query: &UsageQuery, rows: &mut Rows<Vec<String>>) {
        let days = self.days.values().filter(|day| covers(query, day.first));
        for (key, row) in days.flat_map(|day| day.rows.iter()) {
            let caller = query.caller.as_ref();
            if caller.is_some_and(|caller| key.value(&Dimension::Caller) != caller.as_str()) {
                continue;
            }
            let key = query.by.iter().map(|by| key.value(by)).collect();
            rows.at(key).merge(row);
        }
    }
}

impl Key {
    fn of(facts: &CallFacts, record: &AttemptRecord, tags: Option<&Vec<(String, String)>>) -> Self {
        let all = Dimension::ALL.iter();
        Self {
            values: all.map(|(by, _)| by.value(facts, record)).collect(),
            tags: tags.cloned(),
        }
    }

    fn value(&self, by: &Dimension) -> String {
        if let Dimension::Tag(name) = by {
            let tags = self.tags.as_ref();
            return tags.map_or_else(|| UNTAGGED.into(), |tags| Dimension::tag(tags, name));
        }
        let place = Dimension::ALL.iter().position(|(one, _)| one == by);
        place.map_or_else(String::new, |place| self.values[place].clone())
    }
}
