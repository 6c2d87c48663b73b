//! Clusters of prompts: the labels of the outcomes, few enough to be scored in
//! microseconds.

use std::collections::HashMap;

use crate::Outcomes;

/// A cluster for each row.
#[derive(Debug)]
pub(super) struct Clusters {
    pub(super) count: usize,
    pub(super) of_row: Vec<usize>,
    pub(super) sizes: Vec<usize>,
}

impl Clusters {
    /// The labels with the most rows; the last cluster takes what is left.
    pub(super) fn of(outcomes: &Outcomes, most: usize) -> Self {
        let mut rows_of: HashMap<&str, usize> = HashMap::new();
        for row in &outcomes.rows {
            *rows_of.entry(&row.task).or_default() += 1;
        }
        let mut labels: Vec<(&str, usize)> = rows_of.into_iter().collect();
        // By name among equals, so that the same rows give the same clusters.
        labels.sort_unstable_by_key(|(label, rows)| (std::cmp::Reverse(*rows), *label));
        let count = labels.len().min(most);
        let places: HashMap<&str, usize> = labels
            .iter()
            .enumerate()
            .map(|(place, (label, _))| (*label, place.min(count.saturating_sub(1))))
            .collect();
        let of_row: Vec<usize> = outcomes
            .rows
            .iter()
            .map(|row| places[row.task.as_str()])
            .collect();
        let mut sizes = vec![0; count];
        if count > 0 {
            of_row.iter().for_each(|cluster| sizes[*cluster] += 1);
        }
        Self {
            count,
            of_row,
            sizes,
        }
    }

    /// Targets for scores: 1 for the row's own cluster, 0 for all others.
    pub(super) fn one_hot(&self) -> Vec<f32> {
        let mut targets = vec![0.0; self.of_row.len() * self.count];
        for (row, cluster) in targets.chunks_exact_mut(self.count).zip(&self.of_row) {
            row[*cluster] = 1.0;
        }
        targets
    }
}
