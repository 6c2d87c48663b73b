//! How quality follows from a published score and the difficulty of a prompt.

use tollgate_core::Task;

use crate::predict::{Scratch, logit, sigmoid};
use crate::train::{Familiar, LEAST_ROWS, TrainConfig};
use crate::{Learned, Outcomes};

/// Steps of Newton's method; it converges in about six.
const STEPS: usize = 15;
/// Answers that the start (quality is the score, moved by the difficulty) counts as.
const START_WEIGHT: f64 = 20.0;

/// One answer: logit of the model's score, difficulty of the prompt, quality.
type Answer = [f64; 3];

/// Fits the regression on difficulties of prompts that were not trained on:
/// those of prompts that were would look surer than they are. A model's mean on
/// the training side stands for its published score.
pub(super) fn fit(learned: &mut Learned, outcomes: &Outcomes, config: &TrainConfig) {
    let mut answers = Vec::new();
    let mut sums = [(0.0_f32, 0.0_f32); Task::COUNT];
    for side in 0..2 {
        let (train, test) = halves(outcomes, side);
        if train.rows.len() < LEAST_ROWS {
            return;
        }
        let half = super::fit(&train, config, Familiar::Unasked);
        let scores = scores(&train);
        let mut scratch = Scratch::default();
        for row in &test.rows {
            let task = row.core_task();
            let difficulty = half
                .assess(task, row.prompt.as_bytes(), &mut scratch)
                .difficulty();
            let (sum, rows) = &mut sums[task.index()];
            *sum += difficulty;
            *rows += 1.0;
            let known = row
                .q
                .iter()
                .zip(&scores)
                .filter_map(|(quality, score)| Some(((*quality)?, (*score)?)));
            answers.extend(
                known.map(|(quality, score)| [score, f64::from(difficulty), f64::from(quality)]),
            );
        }
    }
    learned.task_difficulty = sums.map(|(sum, rows)| if rows > 0.0 { sum / rows } else { 0.0 });
    learned.of_score = newton(&answers).map(|weight| weight as f32);
}

/// Half of the rows to train on, the others to test on; by a hash of their
/// names, because tables are often sorted or interleaved by task.
fn halves(outcomes: &Outcomes, side: u32) -> (Outcomes, Outcomes) {
    let part = |wanted: u32| Outcomes {
        models: outcomes.models.clone(),
        rows: outcomes
            .rows
            .iter()
            .filter(|row| half_of(&row.id) == wanted)
            .cloned()
            .collect(),
    };
    (part(side), part(1 - side))
}

fn half_of(id: &str) -> u32 {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    // The low bits of this hash are sums of the low bits of the bytes.
    hash >> 31
}

/// Logit of each model's mean quality.
fn scores(outcomes: &Outcomes) -> Vec<Option<f64>> {
    (0..outcomes.models.len())
        .map(|model| {
            let known = outcomes.rows.iter().filter_map(|row| row.q[model]);
            let (sum, rows) = known.fold((0.0, 0.0), |(sum, rows), quality| {
                (sum + quality, rows + 1.0)
            });
            (rows > 0.0).then(|| f64::from(logit((sum / rows).clamp(0.01, 0.99))))
        })
        .collect()
}

/// Logistic regression: intercept, weight of the score, weight of the difficulty.
fn newton(answers: &[Answer]) -> [f64; 3] {
    const START: [f64; 3] = [0.0, 1.0, 1.0];
    let mut weights = START;
    for _ in 0..STEPS {
        let mut gradient: [f64; 3] =
            std::array::from_fn(|place| START_WEIGHT * (START[place] - weights[place]));
        let mut curve = [[0.0; 3]; 3];
        for (place, row) in curve.iter_mut().enumerate() {
            row[place] = START_WEIGHT;
        }
        for [score, difficulty, quality] in answers {
            let inputs = [1.0, *score, -difficulty];
            let sum: f64 = inputs
                .iter()
                .zip(&weights)
                .map(|(input, weight)| input * weight)
                .sum();
            let expected = f64::from(sigmoid(sum as f32));
            for (place, input) in inputs.iter().enumerate() {
                gradient[place] += input * (quality - expected);
                for (other, right) in inputs.iter().enumerate() {
                    curve[place][other] += input * right * expected * (1.0 - expected);
                }
            }
        }
        let step = solved(curve, gradient);
        weights
            .iter_mut()
            .zip(step)
            .for_each(|(weight, step)| *weight += step);
    }
    weights
}

/// Solves three equations; the matrix is positive, so no pivot is 0.
fn solved(mut matrix: [[f64; 3]; 3], mut right: [f64; 3]) -> [f64; 3] {
    for pivot in 0..3 {
        let (above, known) = (matrix[pivot], right[pivot]);
        for row in pivot + 1..3 {
            let factor = matrix[row][pivot] / above[pivot];
            for (value, above) in matrix[row].iter_mut().zip(above) {
                *value -= factor * above;
            }
            right[row] -= factor * known;
        }
    }
    for pivot in (0..3).rev() {
        let later = matrix[pivot].iter().zip(right).skip(pivot + 1);
        let known: f64 = later.map(|(factor, value)| factor * value).sum();
        right[pivot] = (right[pivot] - known) / matrix[pivot][pivot];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::{newton, solved};

    #[test]
    fn three_equations_are_solved() {
        let matrix = [[4.0, 1.0, 2.0], [1.0, 5.0, 3.0], [2.0, 3.0, 6.0]];
        let found = solved(matrix, [12.0, 20.0, 26.0]);
        for (found, expected) in found.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
    }

    #[test]
    fn a_known_law_is_found_again() {
        let law = |score: f64, difficulty: f64| {
            1.0 / (1.0 + (-(0.2 + 0.8 * score - 1.5 * difficulty)).exp())
        };
        let grid = (0..10_000).map(|place| {
            (
                f64::from(place % 100) / 25.0 - 2.0,
                f64::from(place / 100) / 25.0 - 2.0,
            )
        });
        let answers: Vec<_> = grid
            .map(|(score, difficulty)| [score, difficulty, law(score, difficulty)])
            .collect();
        for (found, expected) in newton(&answers).iter().zip([0.2, 0.8, 1.5]) {
            assert!((found - expected).abs() < 0.02, "{found} {expected}");
        }
    }
}
