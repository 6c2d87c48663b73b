//! Mean quality and answer length of each model: in all, by task, by cluster,
//! each level drawn towards the one above it.

use std::collections::BTreeSet;

use tollgate_core::Task;

use crate::Outcomes;
use crate::learned::AVERAGE;
use crate::outcomes::mean;
use crate::predict::{ASSUMED_SPREAD, predictive_variance};
use crate::train::clusters::Clusters;
use crate::train::skills::Left;

/// Clusters of a task that the mean over all tasks counts as, where a model is
/// compared with the average one. A task is a sample of few clusters, whatever
/// their rows: what sets a model apart on three data sets says little of a fourth.
const CLUSTERS_OF_ALL: f32 = 20.0;

/// Means by model; the average model is first.
#[derive(Debug)]
pub(super) struct Means {
    clusters: usize,
    /// Mean quality of the average model.
    pub(super) reference: f32,
    /// Quality by task.
    pub(super) priors: Vec<[f32; Task::COUNT]>,
    /// Quality by cluster.
    pub(super) by_cluster: Vec<f32>,
    /// By model: error of what sets it apart, on a task that was not trained on.
    pub(super) spreads: Vec<f32>,
    /// Answer tokens of the average model by task.
    pub(super) task_lengths: [f32; Task::COUNT],
    /// Answer tokens by cluster.
    pub(super) lengths: Vec<f32>,
}

impl Means {
    pub(super) fn of(outcomes: &Outcomes, clusters: &Clusters, shrinkage: f32) -> Self {
        let mut means = Self {
            clusters: clusters.count,
            reference: 0.0,
            priors: Vec::new(),
            by_cluster: Vec::new(),
            spreads: Vec::new(),
            task_lengths: [0.0; Task::COUNT],
            lengths: Vec::new(),
        };
        for place in 0..=outcomes.models.len() {
            let quality = Levels::of(outcomes, clusters, shrinkage, |row| {
                quality_at(&outcomes.rows[row].q, place)
            });
            let length = Levels::of(outcomes, clusters, shrinkage, |row| {
                length_at(&outcomes.rows[row].out_tok, place)
            });
            if place == AVERAGE {
                means.reference = quality.all;
                means.task_lengths = length.by_task;
            }
            means.priors.push(quality.by_task);
            means.by_cluster.extend(quality.by_cluster);
            means.lengths.extend(length.by_cluster);
        }
        means.ease(outcomes, clusters);
        means.spreads = (0..means.priors.len())
            .map(|place| means.spread(place))
            .collect();
        means
    }

    /// What the means leave unexplained of each quality.
    pub(super) fn left(&self, outcomes: &Outcomes, clusters: &Clusters) -> Left {
        let width = self.priors.len();
        let mut values = Vec::with_capacity(outcomes.rows.len() * width);
        for (row, cluster) in outcomes.rows.iter().zip(&clusters.of_row) {
            let begin = values.len();
            values.push(f32::NAN);
            for (model, quality) in row.q.iter().enumerate() {
                let explained = self.at(model + 1, *cluster, row.core_task());
                values.push(quality.map_or(f32::NAN, |quality| quality - explained));
            }
            let known = values[begin + 1..].iter().filter(|value| value.is_finite());
            values[begin] = known.clone().sum::<f32>() / known.count() as f32;
        }
        Left { width, values }
    }

    /// The finest mean that there is.
    fn at(&self, place: usize, cluster: usize, task: Task) -> f32 {
        match self.clusters {
            0 => self.priors[place][task.index()],
            clusters => self.by_cluster[place * clusters + cluster],
        }
    }

    /// Draws what sets a model apart on a task towards what sets it apart overall.
    fn ease(&mut self, outcomes: &Outcomes, clusters: &Clusters) {
        let mut rows = [0.0_f32; Task::COUNT];
        let mut members = [const { BTreeSet::new() }; Task::COUNT];
        for (row, cluster) in outcomes.rows.iter().zip(&clusters.of_row) {
            rows[row.core_task().index()] += 1.0;
            members[row.core_task().index()].insert(*cluster);
        }
        let all: f32 = rows.iter().sum();
        let average = self.priors[AVERAGE];
        for priors in self.priors.iter_mut().skip(AVERAGE + 1) {
            let lead: [f32; Task::COUNT] = std::array::from_fn(|task| priors[task] - average[task]);
            let overall = lead
                .iter()
                .zip(&rows)
                .map(|(lead, rows)| lead * rows)
                .sum::<f32>()
                / all;
            for task in 0..Task::COUNT {
                let clusters = members[task].len() as f32;
                let own = clusters / (clusters + CLUSTERS_OF_ALL);
                priors[task] = average[task] + overall + own * (lead[task] - overall);
            }
        }
    }

    /// How far a model may lie from its mean lead over the average one on
    /// prompts of a task that was not trained on. The leads of `n` models over
    /// their own average are drawn towards each other; the last factor takes that
    /// back, so that the errors of two models add up as if they were independent.
    fn spread(&self, place: usize) -> f32 {
        if self.clusters < 2 {
            return ASSUMED_SPREAD;
        }
        let of =
            |place: usize| &self.by_cluster[place * self.clusters..(place + 1) * self.clusters];
        let pairs = of(place).iter().zip(of(AVERAGE));
        let leads = pairs.map(|(own, average)| own - average);
        let models = (self.priors.len() - 1).max(2) as f32;
        (predictive_variance(leads, self.clusters) * models / (models - 1.0)).sqrt()
    }
}

fn quality_at(values: &[Option<f32>], place: usize) -> Option<f32> {
    match place {
        AVERAGE => Some(mean(values)).filter(|mean| mean.is_finite()),
        place => values[place - 1],
    }
}

fn length_at(values: &[Option<f64>], place: usize) -> Option<f32> {
    let tokens = |value: &Option<f64>| value.map(|tokens| tokens as f32);
    match place {
        AVERAGE => {
            let values: Vec<Option<f32>> = values.iter().map(tokens).collect();
            Some(mean(&values)).filter(|mean| mean.is_finite())
        }
        place => values.get(place - 1).and_then(tokens),
    }
}

/// Means of one model.
#[derive(Debug)]
struct Levels {
    all: f32,
    by_task: [f32; Task::COUNT],
    by_cluster: Vec<f32>,
}

impl Levels {
    fn of(
        outcomes: &Outcomes,
        clusters: &Clusters,
        shrinkage: f32,
        value: impl Fn(usize) -> Option<f32>,
    ) -> Self {
        let mut all = Sum::default();
        let mut by_task = [Sum::default(); Task::COUNT];
        // A cluster is drawn towards the tasks of its rows.
        let mut by_cluster = vec![(Sum::default(), [0.0_f32; Task::COUNT]); clusters.count];
        for (place, row) in outcomes.rows.iter().enumerate() {
            let Some(value) = value(place) else { continue };
            let task = row.core_task().index();
            all.add(value);
            by_task[task].add(value);
            if let Some((sum, tasks)) = by_cluster.get_mut(clusters.of_row[place]) {
                sum.add(value);
                tasks[task] += 1.0;
            }
        }
        let all = all.towards(0.0, 0.0);
        let by_task = by_task.map(|sum| sum.towards(all, shrinkage));
        let above = |tasks: [f32; Task::COUNT]| {
            let shares = Sum {
                total: tasks
                    .iter()
                    .zip(&by_task)
                    .map(|(rows, mean)| rows * mean)
                    .sum(),
                rows: tasks.iter().sum(),
            };
            if shares.rows > 0.0 {
                shares.towards(0.0, 0.0)
            } else {
                all
            }
        };
        let by_cluster = by_cluster
            .into_iter()
            .map(|(sum, tasks)| sum.towards(above(tasks), shrinkage))
            .collect();
        Self {
            all,
            by_task,
            by_cluster,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    total: f32,
    rows: f32,
}

impl Sum {
    fn add(&mut self, value: f32) {
        self.total += value;
        self.rows += 1.0;
    }

    /// The mean, with so many rows of the level above beside its own; 0 of nothing.
    fn towards(self, above: f32, rows: f32) -> f32 {
        match self.rows + rows {
            0.0 => 0.0,
            all => (self.total + rows * above) / all,
        }
    }
}
