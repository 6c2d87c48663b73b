//! Models that were never trained on: routed by one score and the difficulty of
//! the prompt.

use serde::Serialize;
use tollgate_core::{Quality, QualitySource};
use tollgate_router_learned::{Outcomes, Scope, Scratch, TrainConfig, train};

use crate::chance::Chance;
use crate::table::Table;
use crate::{EvalError, Split};

/// How well the quality of models is foretold that were not trained on.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cold {
    /// Models that were left out of the training.
    pub models: usize,
    /// Answers that were foretold.
    pub answers: usize,
    /// Mean squared error by the score moved by the difficulty.
    pub brier: f64,
    /// Mean squared error by the score alone.
    pub brier_of_score: f64,
    /// Mean squared error had the models been trained on.
    pub brier_if_trained: f64,
    /// Chance that a good answer was expected to be better than a bad one.
    pub auc: f64,
    /// The same by the score alone.
    pub auc_of_score: f64,
    /// The same had the models been trained on.
    pub auc_if_trained: f64,
}

/// Trains on half of the models, drawn by the seed, and foretells the others on
/// the test rows. A model's mean on the training rows stands for its published score.
///
/// # Errors
/// [`EvalError::Learn`] when there is too little to train on.
pub fn cold_start(
    table: &Table,
    splits: &[Split],
    seed: u64,
    config: &TrainConfig,
) -> Result<Option<Cold>, EvalError> {
    let mut known = answered(&table.outcomes);
    if known.len() < 8 {
        return Ok(None);
    }
    let mut chance = Chance::new(seed);
    for place in (1..known.len()).rev() {
        known.swap(place, chance.below(place + 1));
    }
    let (unseen, seen) = known.split_at(known.len() / 2);
    let learn = |outcomes: &Outcomes| {
        train(outcomes, config).map_err(|source| EvalError::Learn {
            table: table.name.clone(),
            source,
        })
    };
    let mut foretold = [Vec::new(), Vec::new(), Vec::new()];
    for split in splits {
        let own = part(&table.outcomes, &split.train, seen);
        let (half, full) = (
            learn(&own)?,
            learn(&part(&table.outcomes, &split.train, &known))?,
        );
        let mut scratch = Scratch::default();
        for row in split.test.iter().map(|row| &table.outcomes.rows[*row]) {
            let (task, prompt) = (row.core_task(), row.prompt.as_bytes());
            let assessment = half.assess(task, prompt, &mut scratch);
            let of_full = full.assess(task, prompt, &mut scratch);
            for model in unseen {
                let Some(quality) = row.q[*model] else {
                    continue;
                };
                let published = published(&table.outcomes, &split.train, *model);
                let moved = half.unseen(&assessment, published, Scope::Overall);
                let seat = full.seat(&table.outcomes.models[*model].name);
                let trained =
                    seat.map_or(published.mean, |seat| full.known(&of_full, seat).quality);
                for (place, expected) in [moved.mean, published.mean, trained]
                    .into_iter()
                    .enumerate()
                {
                    foretold[place].push((f64::from(expected), f64::from(quality)));
                }
            }
        }
    }
    let [moved, score, trained] = foretold;
    Ok(Some(Cold {
        models: unseen.len(),
        answers: moved.len(),
        brier: brier(&moved),
        brier_of_score: brier(&score),
        brier_if_trained: brier(&trained),
        auc: auc(moved),
        auc_of_score: auc(score),
        auc_if_trained: auc(trained),
    }))
}

/// Models that answered every row: a score over some tasks alone is another score.
fn answered(outcomes: &Outcomes) -> Vec<usize> {
    let all = |model: &usize| outcomes.rows.iter().all(|row| row.q[*model].is_some());
    (0..outcomes.models.len()).filter(all).collect()
}

fn part(outcomes: &Outcomes, rows: &[usize], models: &[usize]) -> Outcomes {
    let narrowed = |row: &usize| {
        let mut row = outcomes.rows[*row].clone();
        row.q = models.iter().map(|model| row.q[*model]).collect();
        row.out_tok = Vec::new();
        row.cost_usd = Vec::new();
        row
    };
    Outcomes {
        models: models
            .iter()
            .map(|model| outcomes.models[*model].clone())
            .collect(),
        rows: rows.iter().map(narrowed).collect(),
    }
}

fn published(outcomes: &Outcomes, rows: &[usize], model: usize) -> Quality {
    let known = rows.iter().filter_map(|row| outcomes.rows[*row].q[model]);
    Quality {
        mean: known.sum::<f32>() / rows.len().max(1) as f32,
        error: 0.05,
        source: QualitySource::Benchmark,
    }
}

fn brier(foretold: &[(f64, f64)]) -> f64 {
    let squares = foretold
        .iter()
        .map(|(expected, quality)| (expected - quality).powi(2));
    squares.sum::<f64>() / foretold.len() as f64
}

/// By ranks; equal expectations share theirs.
fn auc(mut foretold: Vec<(f64, f64)>) -> f64 {
    foretold.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (mut ranks, mut good, mut begin) = (0.0, 0.0, 0);
    while begin < foretold.len() {
        let equal = foretold[begin..]
            .iter()
            .take_while(|other| other.0 == foretold[begin].0)
            .count();
        let rank = begin as f64 + (equal as f64 + 1.0) / 2.0;
        let hits = foretold[begin..begin + equal]
            .iter()
            .filter(|(_, quality)| *quality >= 0.5)
            .count();
        ranks += rank * hits as f64;
        good += hits as f64;
        begin += equal;
    }
    let bad = foretold.len() as f64 - good;
    (ranks - good * (good + 1.0) / 2.0) / (good * bad)
}

#[cfg(test)]
mod tests {
    use super::auc;

    #[test]
    fn the_area_is_the_chance_of_the_right_order() {
        assert_eq!(auc(vec![(0.1, 0.0), (0.2, 0.0), (0.8, 1.0)]), 1.0);
        assert_eq!(auc(vec![(0.5, 0.0), (0.5, 1.0)]), 0.5);
        assert_eq!(auc(vec![(0.9, 0.0), (0.2, 1.0), (0.8, 1.0)]), 0.0);
    }
}
