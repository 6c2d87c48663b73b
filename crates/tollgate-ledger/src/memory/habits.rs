//! What answers used, summed by day, model and task.

use std::collections::BTreeMap;

use tollgate_core::{HabitRow, HabitSums, ModelId, Task};

/// Sums. Their number grows with the days and the models, not with the calls.
#[derive(Debug, Default)]
pub(super) struct KeptHabits(BTreeMap<(i64, ModelId, Task), HabitSums>);

impl KeptHabits {
    pub(super) fn add(&mut self, rows: &[HabitRow]) {
        for row in rows {
            let key = (row.day, row.model.clone(), row.task);
            *self.0.entry(key).or_default() += row.sums;
        }
    }

    pub(super) fn since(&self, day: i64) -> Vec<HabitRow> {
        let rows = self.0.iter().filter(|((of, ..), _)| *of >= day);
        let rows = rows.map(|((day, model, task), sums)| HabitRow {
            day: *day,
            model: model.clone(),
            task: *task,
            sums: *sums,
        });
        rows.collect()
    }
}
