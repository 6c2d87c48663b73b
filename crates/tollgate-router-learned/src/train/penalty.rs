//! How much weights are penalised: as much as foretells best what was not fitted.

use crate::train::clusters::Clusters;
use crate::train::sparse::Matrix;

/// The one of three `penalties`, weakest first, that foretells each half of the rows best by the
/// other. What is fitted is how far rows lie from the mean of their cluster, so
/// that a half is not credited with means of the other. The one in the middle, if
/// none is better.
pub(super) fn best(
    matrix: &Matrix,
    clusters: &Clusters,
    half_of: &[usize],
    targets: &[f32],
    penalties: [f32; 3],
) -> f32 {
    let width = targets.len() / matrix.rows().max(1);
    let mut errors = [0.0_f64; 3];
    for half in 0..2 {
        let centred = centred(targets, width, clusters, |row| half_of[row] == half);
        let mut fitted_to = centred.clone();
        for (row, values) in fitted_to.chunks_exact_mut(width).enumerate() {
            if half_of[row] != half {
                values.fill(f32::NAN);
            }
        }
        for (penalty, error) in penalties.iter().zip(&mut errors) {
            let foretold = matrix.times(&matrix.ridge(&fitted_to, width, *penalty), width);
            let rows = centred
                .chunks_exact(width)
                .zip(foretold.chunks_exact(width));
            let others = rows.enumerate().filter(|(row, _)| half_of[*row] != half);
            *error += others
                .flat_map(|(_, (truth, foretold))| truth.iter().zip(foretold))
                .map(|(truth, foretold)| f64::from(truth - foretold).powi(2))
                .filter(|square| square.is_finite())
                .sum::<f64>();
        }
    }
    let [weak, usual, strong] = errors;
    match (weak < usual, strong < usual) {
        (false, false) => penalties[1],
        (true, true) if weak < strong => penalties[0],
        (true, false) => penalties[0],
        (_, true) => penalties[2],
    }
}

/// Targets less their mean over the chosen rows of the same cluster.
fn centred(
    targets: &[f32],
    width: usize,
    clusters: &Clusters,
    is_chosen: impl Fn(usize) -> bool,
) -> Vec<f32> {
    let mut sums = vec![(0.0_f32, 0.0_f32); clusters.count.max(1) * width];
    let of_row = |row: usize| clusters.of_row[row] * width;
    for (row, values) in targets.chunks_exact(width).enumerate() {
        if !is_chosen(row) {
            continue;
        }
        let at = of_row(row);
        for ((sum, count), value) in sums[at..at + width].iter_mut().zip(values) {
            if value.is_finite() {
                *sum += value;
                *count += 1.0;
            }
        }
    }
    let mut centred = targets.to_vec();
    for (row, values) in centred.chunks_exact_mut(width).enumerate() {
        let at = of_row(row);
        for (value, (sum, count)) in values.iter_mut().zip(&sums[at..at + width]) {
            *value -= sum / count.max(1.0);
        }
    }
    centred
}
