//! What is trained on, and what is tested on.

use std::collections::BTreeMap;

use tollgate_router_learned::Outcomes;

use crate::groups;

/// Rows to train on and rows to test on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What is tested.
    pub name: String,
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows to test on.
    pub test: Vec<usize>,
}

impl Split {
    /// The same with at most `labels` rows to train on, drawn by the seed.
    #[must_use]
    pub fn with_at_most(mut self, labels: Option<usize>, outcomes: &Outcomes, seed: u64) -> Self {
        if let Some(labels) = labels {
            self.train
                .sort_by_cached_key(|row| groups::fold(&outcomes.rows[*row].id, seed, usize::MAX));
            self.train.truncate(labels);
        }
        self
    }
}

/// Splits rows into folds: groups of prompts that are nearly the same are never
/// on both sides.
pub fn folds(outcomes: &Outcomes, count: usize, seed: u64) -> Vec<Split> {
    let prompts: Vec<&str> = outcomes
        .rows
        .iter()
        .map(|row| row.prompt.as_str())
        .collect();
    let fold_of: Vec<usize> = groups::groups(&prompts)
        .into_iter()
        .map(|first| groups::fold(&outcomes.rows[first].id, seed, count))
        .collect();
    (0..count)
        .map(|fold| {
            split(format!("fold {fold}"), outcomes.rows.len(), |row| {
                fold_of[row] == fold
            })
        })
        .collect()
}

/// A split for each label that has `least` rows: it is tested on, and the others
/// are trained on.
pub fn tasks_left_out(outcomes: &Outcomes, least: usize) -> Vec<Split> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &outcomes.rows {
        *sizes.entry(&row.task).or_default() += 1;
    }
    if sizes.len() < 2 {
        return Vec::new();
    }
    sizes
        .into_iter()
        .filter(|(_, size)| *size >= least)
        .map(|(task, _)| {
            split(task.to_owned(), outcomes.rows.len(), |row| {
                outcomes.rows[row].task == task
            })
        })
        .collect()
}

fn split(name: String, rows: usize, tested: impl Fn(usize) -> bool) -> Split {
    let (test, train) = (0..rows).partition(|row| tested(*row));
    Split { name, train, test }
}
