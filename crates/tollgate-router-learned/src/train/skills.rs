//! What the clusters leave unexplained, as a few numbers for each prompt.

use crate::learned::AVERAGE;
use crate::train::clusters::Clusters;
use crate::train::sparse::Matrix;
use crate::train::{eigen, penalty};

/// Most skills beside the common one.
const MOST: usize = 15;

/// Skills of prompts, and how much of each a model has.
#[derive(Debug)]
pub(super) struct Skills {
    pub(super) count: usize,
    /// By column of the matrix.
    pub(super) weights: Vec<f32>,
    /// By model.
    pub(super) of_model: Vec<f32>,
}

/// What is left, a row for each prompt; the average model is first.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) width: usize,
    pub(super) values: Vec<f32>,
}

/// Penalties that are tried, on weights of what models share and of what sets them apart.
const COMMON: [f32; 3] = [2.0, 4.0, 8.0];
const APART: [f32; 4] = [3.0, 10.0, 30.0, 100.0];

/// Penalties on weights. What sets models apart has a stronger one: most of it is
/// noise, and a choice picks out the luckiest noise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Penalties {
    common: f32,
    apart: f32,
}

impl Penalties {
    /// Measures both.
    pub(super) fn of(
        matrix: &Matrix,
        clusters: &Clusters,
        left: &Left,
        quarter_of: &[usize],
    ) -> Self {
        let halves: Vec<usize> = quarter_of.iter().map(|quarter| quarter / 2).collect();
        let best = |targets: &[f32], penalties, errors| {
            penalty::best(matrix, clusters, &halves, targets, penalties, errors)
        };
        let common = best(&left.shared(), &COMMON, 0.0);
        let (_, slopes) = shared(matrix, left, common);
        // A choice stays with one model or leaves it for the luckiest of the others;
        // the average model is none of them.
        let luck = penalty::luck(left.width.saturating_sub(2));
        Self {
            common,
            apart: best(&apart(left, &slopes), &APART, luck),
        }
    }
}

impl Left {
    /// What is left on average over all models.
    fn shared(&self) -> Vec<f32> {
        let rows = self.values.chunks_exact(self.width);
        rows.map(|row| row[AVERAGE]).collect()
    }
}

/// Weights of what all models share, and how far each model follows it.
fn shared(matrix: &Matrix, left: &Left, penalty: f32) -> (Vec<f32>, Vec<f32>) {
    let weights = matrix.ridge(&left.shared(), 1, penalty);
    let slopes = slopes(left, &matrix.times(&weights, 1));
    (weights, slopes)
}

impl Skills {
    /// The first skill is what all models share: how hard the prompt is beside
    /// others of its cluster. The rest are the directions in which fitted
    /// qualities differ most. The two are penalised apart, because the first
    /// has as many witnesses as there are models.
    pub(super) fn of(matrix: &Matrix, left: &Left, penalties: &Penalties, most: usize) -> Self {
        let width = left.width;
        let (common, slopes) = shared(matrix, left, penalties.common);
        let skills = Self {
            count: 1,
            weights: common,
            of_model: slopes.clone(),
        };
        // A single model is its own average.
        if width <= 2 {
            return skills;
        }
        let apart = matrix.ridge(&apart(left, &slopes), width, penalties.apart);
        skills.with(&apart, &directions(matrix, &apart, width, most.min(MOST)))
    }

    /// Adds skills: directions in the space of models, by which fitted weights are summed.
    fn with(self, fitted: &[f32], directions: &[Vec<f64>]) -> Self {
        let width = self.of_model.len();
        let along = |row: &[f32], direction: &[f64]| {
            let parts = row.iter().zip(direction);
            parts
                .map(|(weight, share)| weight * *share as f32)
                .sum::<f32>()
        };
        let weights = self
            .weights
            .iter()
            .zip(fitted.chunks_exact(width))
            .flat_map(|(common, row)| {
                let others = directions
                    .iter()
                    .map(move |direction| along(row, direction));
                std::iter::once(*common).chain(others)
            });
        let of_model = self.of_model.iter().enumerate().flat_map(|(model, slope)| {
            let others = directions
                .iter()
                .map(move |direction| direction[model] as f32);
            std::iter::once(*slope).chain(others)
        });
        Self {
            count: 1 + directions.len(),
            weights: weights.collect(),
            of_model: of_model.collect(),
        }
    }
}

/// How far each model follows what all share, half-way between what its own rows
/// say and as far as all: what its rows say is mostly noise. Both sums use fitted
/// values of the same rows, so that what they owe to the fit cancels.
fn slopes(left: &Left, fitted: &[f32]) -> Vec<f32> {
    let follows = |model: usize| {
        let (mut own, mut shared) = (0.0_f64, 0.0_f64);
        for (row, fitted) in left.values.chunks_exact(left.width).zip(fitted) {
            if row[model].is_finite() && row[AVERAGE].is_finite() {
                own += f64::from(row[model] * fitted);
                shared += f64::from(row[AVERAGE] * fitted);
            }
        }
        if shared > 0.0 {
            0.5 * (1.0 + (own / shared).clamp(0.0, 2.0) as f32)
        } else {
            1.0
        }
    };
    (0..left.width).map(follows).collect()
}

/// What sets each model apart from the shared part.
fn apart(left: &Left, slopes: &[f32]) -> Vec<f32> {
    let mut values = left.values.clone();
    for row in values.chunks_exact_mut(left.width) {
        let shared = row[AVERAGE];
        for (value, slope) in row.iter_mut().zip(slopes) {
            *value -= slope * shared;
        }
    }
    values
}

/// Directions in which the fitted values of the models vary most.
fn directions(matrix: &Matrix, fitted: &[f32], width: usize, most: usize) -> Vec<Vec<f64>> {
    let mut gram = vec![0.0_f64; width * width];
    for row in matrix.times(fitted, width).chunks_exact(width) {
        for (left, sums) in row.iter().zip(gram.chunks_exact_mut(width)) {
            for (right, sum) in row.iter().zip(sums) {
                *sum += f64::from(*left) * f64::from(*right);
            }
        }
    }
    eigen::leading(gram, width, most)
}
