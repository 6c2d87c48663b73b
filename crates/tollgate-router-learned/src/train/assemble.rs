//! Puts what was fitted into the form that predicts.

use tollgate_core::{LearnedId, Task};

use crate::learned::Shape;
use crate::train::clusters::Clusters;
use crate::train::means::Means;
use crate::train::skills::Skills;
use crate::train::sparse::Matrix;
use crate::{Learned, Outcomes};

pub(super) fn learned(
    outcomes: &Outcomes,
    matrix: &Matrix,
    clusters: &Clusters,
    cluster_weights: &[f32],
    skills: &Skills,
    means: Means,
) -> Learned {
    let shape = Shape {
        clusters: clusters.count,
        skills: skills.count,
    };
    let width = shape.width();
    let joint = side_by_side(shape, matrix.columns(), cluster_weights, &skills.weights);
    let (of_buckets, of_figures) = joint.split_at(matrix.buckets * width);
    let steps = steps(of_buckets, width);
    let models = means.priors.len();
    Learned {
        // Until everything is fitted.
        id: LearnedId::of_checksum(0),
        shape,
        column_of: matrix.column_of.clone(),
        weights: in_steps(of_buckets, &steps),
        steps,
        scaling: matrix.scaling.clone(),
        figure_weights: of_figures.to_vec(),
        coverage: median(&matrix.coverage),
        novelty: [0.0; 2],
        caution: 0.0,
        reference: means.reference.clamp(0.01, 0.99),
        seen: clusters.sizes.iter().map(|rows| *rows as f32).collect(),
        task_difficulty: [0.0; Task::COUNT],
        task_lengths: means.task_lengths,
        of_score: [0.0, 1.0, 1.0],
        names: outcomes
            .models
            .iter()
            .map(|model| model.name.clone())
            .collect(),
        priors: means.priors,
        seats: side_by_side(shape, models, &means.by_cluster, &skills.of_model),
        spreads: means.spreads,
        lengths: means.lengths,
    }
}

/// Rows of clusters, then skills, filled up to whole lanes.
fn side_by_side(shape: Shape, rows: usize, clusters: &[f32], skills: &[f32]) -> Vec<f32> {
    let width = shape.width();
    let mut joint = vec![0.0; rows * width];
    for (place, row) in joint.chunks_exact_mut(width).enumerate() {
        let (of_clusters, rest) = row.split_at_mut(shape.clusters);
        of_clusters
            .copy_from_slice(&clusters[place * shape.clusters..(place + 1) * shape.clusters]);
        rest[..shape.skills]
            .copy_from_slice(&skills[place * shape.skills..(place + 1) * shape.skills]);
    }
    joint
}

/// What a step is worth, so that the largest weight of each output has 127.
fn steps(weights: &[f32], width: usize) -> Vec<f32> {
    let mut steps = vec![0.0_f32; width];
    for row in weights.chunks_exact(width) {
        for (step, weight) in steps.iter_mut().zip(row) {
            *step = step.max(weight.abs() / 127.0);
        }
    }
    steps
}

fn in_steps(weights: &[f32], steps: &[f32]) -> Vec<i8> {
    let row = |row: &[f32]| {
        let pairs = row.iter().zip(steps);
        pairs
            .map(|(weight, step)| {
                if *step > 0.0 {
                    (weight / step).round() as i8
                } else {
                    0
                }
            })
            .collect::<Vec<i8>>()
    };
    weights.chunks_exact(steps.len()).flat_map(row).collect()
}

/// The middle value; never 0, because it divides, and no more than all.
fn median(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    sorted[sorted.len() / 2].clamp(1e-3, 1.0)
}
