//! Sums of one kind: those that are counted, and those that wait for the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tollgate_catalog::{Feedback, LearnedHabits};
use tollgate_core::{FeedbackRow, FeedbackSource, HabitRow, HabitSums, ModelId, Task};

/// What is made of rows.
pub(crate) trait Known: Clone {
    type Row: Row;

    fn add(&mut self, row: &Self::Row);
}

/// Sums that belong to a key.
pub(crate) trait Row: Clone {
    type Key: Ord;

    fn key(&self) -> Self::Key;
    fn plus(&mut self, other: &Self);
    fn less(&mut self, other: &Self);
    fn is_nothing(&self) -> bool;
}

/// What is known, and what is new of it.
pub(crate) struct Lessons<K: Known>(Mutex<State<K>>);

struct State<K: Known> {
    known: K,
    /// Whether the catalog does not know all of it.
    is_news: bool,
    /// What is not in the store yet.
    waiting: BTreeMap<<K::Row as Row>::Key, K::Row>,
}

impl<K: Known> Lessons<K> {
    pub(crate) fn new(known: K, is_news: bool) -> Self {
        Self(Mutex::new(State {
            known,
            is_news,
            waiting: BTreeMap::new(),
        }))
    }

    pub(crate) fn add(&self, row: K::Row) {
        let mut state = self.state();
        state.known.add(&row);
        state.is_news = true;
        match state.waiting.get_mut(&row.key()) {
            Some(waiting) => waiting.plus(&row),
            None => {
                state.waiting.insert(row.key(), row);
            }
        }
    }

    /// Reads what is known so far.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&K) -> T) -> T {
        read(&self.state().known)
    }

    /// What the catalog does not know all of.
    pub(crate) fn take_news(&self) -> Option<K> {
        let mut state = self.state();
        std::mem::take(&mut state.is_news).then(|| state.known.clone())
    }

    /// What waits for the store.
    pub(crate) fn rows(&self) -> Vec<K::Row> {
        self.state().waiting.values().cloned().collect()
    }

    /// Takes away what is in the store now; more may have come meanwhile.
    pub(crate) fn written(&self, rows: &[K::Row]) {
        let waiting = &mut self.state().waiting;
        for row in rows {
            if let Some(left) = waiting.get_mut(&row.key()) {
                left.less(row);
                if left.is_nothing() {
                    waiting.remove(&row.key());
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known for Feedback {
    type Row = FeedbackRow;

    fn add(&mut self, row: &FeedbackRow) {
        self.add(row);
    }
}

impl Row for FeedbackRow {
    type Key = (i64, ModelId, Task, FeedbackSource);

    fn key(&self) -> Self::Key {
        (self.day, self.model.clone(), self.task, self.source)
    }

    fn plus(&mut self, other: &Self) {
        self.weight += other.weight;
        self.sum += other.sum;
    }

    fn less(&mut self, other: &Self) {
        self.weight -= other.weight;
        self.sum -= other.sum;
    }

    fn is_nothing(&self) -> bool {
        (self.weight, self.sum) == (0, 0)
    }
}

impl Known for LearnedHabits {
    type Row = HabitRow;

    fn add(&mut self, row: &HabitRow) {
        self.add(row);
    }
}

impl Row for HabitRow {
    type Key = (i64, ModelId, Task);

    fn key(&self) -> Self::Key {
        (self.day, self.model.clone(), self.task)
    }

    fn plus(&mut self, other: &Self) {
        self.sums += other.sums;
    }

    fn less(&mut self, other: &Self) {
        self.sums -= other.sums;
    }

    fn is_nothing(&self) -> bool {
        self.sums == HabitSums::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_testkit::builders::model;

    fn row(weight: i64) -> FeedbackRow {
        FeedbackRow {
            day: 1,
            model: model("a/one"),
            task: Task::Chat,
            source: FeedbackSource::Rating,
            weight,
            sum: 0,
        }
    }

    #[test]
    fn what_comes_while_rows_are_written_waits_for_the_next_time() {
        let lessons = Lessons::new(Feedback::new(60), false);
        lessons.add(row(1_000));
        let rows = lessons.rows();
        lessons.add(row(500));
        lessons.written(&rows);
        assert_eq!(lessons.rows(), [row(500)]);
        lessons.written(&[row(500)]);
        assert_eq!(lessons.rows(), []);
    }

    #[test]
    fn news_are_news_once() {
        let lessons = Lessons::new(Feedback::new(60), false);
        assert!(lessons.take_news().is_none());
        lessons.add(row(1_000));
        assert!(lessons.take_news().is_some());
        assert!(lessons.take_news().is_none());
    }
}
