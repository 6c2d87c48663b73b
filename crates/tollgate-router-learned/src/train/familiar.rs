//! How alike prompts of a task that was not trained on look to those that were.

use crate::train::CLUSTER_ALPHA;
use crate::train::clusters::Clusters;
use crate::train::sparse::Matrix;

/// Groups in which clusters are left out. Each costs a regression; with fewer,
/// more clusters would be left out together with one that is like them.
const GROUPS: usize = 4;
/// Scores of the best cluster up to which a prompt counts as of no task that was
/// trained on, and from which on as of one, where nothing can be left out.
const ASSUMED: [f32; 2] = [0.35, 0.65];
/// Least distance of the two.
const LEAST_STEP: f32 = 0.05;

/// Leaves clusters out and scores their prompts by the others: what half of
/// these prompts reach says nothing, and what one in a hundred reaches is proof
/// that a prompt is of a task that was trained on.
pub(super) fn bounds(matrix: &Matrix, clusters: &Clusters) -> [f32; 2] {
    if clusters.count < 2 {
        return ASSUMED;
    }
    let groups = clusters.count.min(GROUPS);
    let mut scores: Vec<(f32, f32)> = (0..groups)
        .flat_map(|group| scores_of_left_out(matrix, clusters, |cluster| cluster % groups == group))
        .collect();
    scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let low = quantile(&scores, 0.5);
    [low, quantile(&scores, 0.99).max(low + LEAST_STEP)]
}

/// The best score of each prompt of the clusters that are left out by the
/// others, with a weight by which every cluster counts the same.
fn scores_of_left_out(
    matrix: &Matrix,
    clusters: &Clusters,
    is_out: impl Fn(usize) -> bool,
) -> Vec<(f32, f32)> {
    let mut targets = clusters.one_hot();
    let rows = targets.chunks_exact_mut(clusters.count);
    for (row, _) in rows.zip(&clusters.of_row).filter(|(_, own)| is_out(**own)) {
        row.fill(f32::NAN);
    }
    let weights = matrix.ridge(&targets, clusters.count, CLUSTER_ALPHA);
    let scores = matrix.times(&weights, clusters.count);
    let rows = scores.chunks_exact(clusters.count).zip(&clusters.of_row);
    rows.filter(|(_, own)| is_out(**own))
        .map(|(row, own)| {
            let best = row.iter().copied().fold(0.0, f32::max);
            (best, 1.0 / clusters.sizes[*own] as f32)
        })
        .collect()
}

/// The value up to which that share of the weight lies.
fn quantile(sorted: &[(f32, f32)], share: f32) -> f32 {
    let all: f32 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    for (value, weight) in sorted {
        below += weight;
        if below >= share * all {
            return *value;
        }
    }
    ASSUMED[1]
}
