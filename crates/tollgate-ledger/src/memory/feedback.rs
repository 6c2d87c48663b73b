//! What was said of answers, summed by day, model, task and source.

use std::collections::BTreeMap;

use tollgate_core::{FeedbackRow, FeedbackSource, ModelId, Task};

type Key = (i64, ModelId, Task, FeedbackSource);

/// Sums of weights and of scores. Their number grows with the days and the
/// models, not with the calls.
#[derive(Debug, Default)]
pub(super) struct FeedbackSums(BTreeMap<Key, (i64, i64)>);

impl FeedbackSums {
    pub(super) fn add(&mut self, rows: &[FeedbackRow]) {
        for row in rows {
            let key = (row.day, row.model.clone(), row.task, row.source);
            let (weight, sum) = self.0.entry(key).or_default();
            *weight = weight.saturating_add(row.weight);
            *sum = sum.saturating_add(row.sum);
        }
    }

    pub(super) fn since(&self, day: i64) -> Vec<FeedbackRow> {
        let rows = self.0.iter().filter(|((of, ..), _)| *of >= day);
        let row = |((day, model, task, source), (weight, sum)): (&Key, &(i64, i64))| FeedbackRow {
            day: *day,
            model: model.clone(),
            task: *task,
            source: *source,
            weight: *weight,
            sum: *sum,
        };
        rows.map(row).collect()
    }
}
