//! How quality follows from a published score and the difficulty of a prompt.

use tollgate_core::Task;

use crate::predict::{Scratch, logit};
use crate::train::logistic::{self, Answer};
use crate::train::{LEAST_ROWS, Measured, Table, TrainConfig, quarter_of};
use crate::{Learned, Outcomes};

/// Answers that the start (quality is the score, moved by the difficulty) counts as.
const START_WEIGHT: f64 = 20.0;
/// Intercept, weight of the score's logit, weight of the difficulty.
const START: [f64; 3] = [0.0, 1.0, 1.0];

/// Fits the regression on difficulties of prompts that were not trained on:
/// those of prompts that were would look surer than they are. A model's mean on
/// the training side stands for its published score.
pub(super) fn fit(
    learned: &mut Learned,
    outcomes: &Outcomes,
    config: &TrainConfig,
    measured: &Measured,
) {
    let mut answers = Vec::new();
    let mut sums = [(0.0_f32, 0.0_f32); Task::COUNT];
    for side in 0..2 {
        let (train, test) = halves(outcomes, side);
        if train.rows.len() < LEAST_ROWS {
            return;
        }
        let half = Table::of(&train, config).fit(config, measured);
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
            answers.extend(known.map(|(quality, score)| Answer {
                inputs: [1.0, score, -f64::from(difficulty)],
                share: f64::from(quality),
                weight: 1.0,
            }));
        }
    }
    learned.task_difficulty = sums.map(|(sum, rows)| if rows > 0.0 { sum / rows } else { 0.0 });
    learned.of_score = logistic::fit(&answers, START, START_WEIGHT).map(|weight| weight as f32);
}

/// Half of the rows to train on, the others to test on.
fn halves(outcomes: &Outcomes, side: usize) -> (Outcomes, Outcomes) {
    let part = |wanted: usize| Outcomes {
        models: outcomes.models.clone(),
        rows: outcomes
            .rows
            .iter()
            .filter(|row| quarter_of(row) / 2 == wanted)
            .cloned()
            .collect(),
    };
    (part(side), part(1 - side))
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
