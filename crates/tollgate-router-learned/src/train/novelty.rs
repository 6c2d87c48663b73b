//! How likely a prompt is of a task that was not trained on, by how well it
//! looks like those that were.

use crate::train::clusters::Clusters;
use crate::train::logistic::{self, Answer};
use crate::train::sparse::Matrix;
use crate::train::{CLUSTER_ALPHA, GROUPS};

/// Log-odds where nothing can be left out: even at a score of one half.
const ASSUMED: [f32; 2] = [5.0, -10.0];
/// Part of all answers that the start of the regression counts as: enough to
/// keep the weights finite where the scores tell new from known without a slip.
const START_WEIGHT: f64 = 1e-4;

/// Log-odds that a prompt is of a new task: a base, and what a unit of the best
/// score adds. In each group of clusters that is left out, a quarter of the
/// other rows is held back; the best scores of both, by what is left, are what
/// the odds are fitted to. Rows that are nearly the same can be on both sides, so
/// those held back look a little too familiar. New tasks are as likely as known ones, and each
/// cluster counts as much as any other among the new.
pub(super) fn log_odds(matrix: &Matrix, clusters: &Clusters, quarter_of: &[usize]) -> [f32; 2] {
    if clusters.count < 2 {
        return ASSUMED;
    }
    let groups = clusters.count.min(GROUPS);
    let looks: Vec<Look> = (0..groups)
        .flat_map(|group| {
            looks(matrix, clusters, |row| {
                if clusters.of_row[row] % groups == group {
                    return Part::New;
                }
                match quarter_of[row] == group {
                    true => Part::HeldBack,
                    false => Part::Fitted,
                }
            })
        })
        .collect();
    let held_back = looks.iter().filter(|look| !look.is_new).count();
    if held_back == 0 || held_back == looks.len() {
        return ASSUMED;
    }
    let answers: Vec<Answer<2>> = looks
        .iter()
        .map(|look| Answer {
            inputs: [1.0, f64::from(look.score)],
            share: f64::from(u8::from(look.is_new)),
            weight: 0.5
                / match look.is_new {
                    true => (clusters.count * clusters.sizes[look.cluster]) as f64,
                    false => held_back as f64,
                },
        })
        .collect();
    let [base, by_score] = logistic::fit(&answers, [0.0; 2], START_WEIGHT);
    // A better look is no sign of a new task, whatever a small table says.
    [base as f32, by_score.min(0.0) as f32]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Fitted,
    HeldBack,
    New,
}

/// A prompt that was not fitted, as the others see it.
struct Look {
    cluster: usize,
    is_new: bool,
    /// Its best score.
    score: f32,
}

fn looks(matrix: &Matrix, clusters: &Clusters, part_of: impl Fn(usize) -> Part) -> Vec<Look> {
    let mut targets = clusters.one_hot();
    for (row, values) in targets.chunks_exact_mut(clusters.count).enumerate() {
        if part_of(row) != Part::Fitted {
            values.fill(f32::NAN);
        }
    }
    let weights = matrix.ridge(&targets, clusters.count, CLUSTER_ALPHA);
    let scores = matrix.times(&weights, clusters.count);
    let rows = scores.chunks_exact(clusters.count).enumerate();
    rows.filter(|(row, _)| part_of(*row) != Part::Fitted)
        .map(|(row, scores)| Look {
            cluster: clusters.of_row[row],
            is_new: part_of(row) == Part::New,
            score: scores.iter().copied().fold(0.0, f32::max),
        })
        .collect()
}
