//! How much weights are penalised: as much as foretells best what was not fitted.

use crate::train::clusters::Clusters;
use crate::train::sparse::Matrix;

/// The strongest of `penalties`, weakest first, that foretells each half of the rows by
/// the other as well as the best of them: by no more worse than `errors` standard errors
/// of the difference (Breiman and others 1984, section 3.4.3, with one error). What is
/// fitted is how far rows lie from the mean of their cluster, so that a half is not
/// credited with means of the other.
pub(super) fn best(
    matrix: &Matrix,
    clusters: &Clusters,
    half_of: &[usize],
    targets: &[f32],
    penalties: &[f32],
    errors: f64,
) -> f32 {
    let width = targets.len() / matrix.rows().max(1);
    // Squared errors of each row, by penalty, foretold by the other half.
    let count = penalties.len();
    let mut squares = vec![0.0_f64; matrix.rows() * count];
    for half in 0..2 {
        let centred = centred(targets, width, clusters, |row| half_of[row] == half);
        let mut fitted_to = centred.clone();
        for (row, values) in fitted_to.chunks_exact_mut(width).enumerate() {
            if half_of[row] != half {
                values.fill(f32::NAN);
            }
        }
        for (place, penalty) in penalties.iter().enumerate() {
            let foretold = matrix.times(&matrix.ridge(&fitted_to, width, *penalty), width);
            let rows = centred
                .chunks_exact(width)
                .zip(foretold.chunks_exact(width));
            for (row, (truth, foretold)) in
                rows.enumerate().filter(|(row, _)| half_of[*row] != half)
            {
                squares[row * count + place] = truth
                    .iter()
                    .zip(foretold)
                    .map(|(truth, foretold)| f64::from(truth - foretold).powi(2))
                    .filter(|square| square.is_finite())
                    .sum();
            }
        }
    }
    // How much worse one is than another, and the standard error of that.
    let excess = |place: usize, than: usize| {
        let rows = squares.chunks_exact(count);
        let of_rows = rows.map(|squares| squares[place] - squares[than]);
        let (sum, sum_of_squares) = of_rows.fold((0.0, 0.0), |(sum, squares), excess| {
            (sum + excess, squares + excess * excess)
        });
        (sum, f64::sqrt(sum_of_squares))
    };
    let best = (1..count).fold(0, |best, place| match excess(place, best) {
        (worse, _) if worse < 0.0 => place,
        _ => best,
    });
    let strongest = (best..count).rev().find(|place| {
        let (worse, error) = excess(*place, best);
        worse <= errors * error
    });
    penalties[strongest.unwrap_or(best)]
}

/// How many standard errors the luckiest of so many models is expected to look better
/// than it is: the mean of the greatest of as many normal draws.
pub(super) fn luck(models: usize) -> f64 {
    const STEP: f64 = 0.01;
    let mut below = 0.0_f64;
    let mut mean = 0.0;
    for place in -600..600 {
        let at = (f64::from(place) + 0.5) * STEP;
        let density = (-at * at / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let next = below + density * STEP;
        mean += at * (next.powi(models as i32) - below.powi(models as i32));
        below = next;
    }
    mean
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

#[cfg(test)]
mod tests {
    use super::{best, luck};
    use crate::train::clusters::Clusters;
    use crate::train::sparse::Matrix;

    /// What is taken for targets that are a sign in the prompt's word plus noise.
    fn taken(signal: f32, errors: f64) -> f32 {
        const ROWS: usize = 240;
        let prompts: Vec<String> = (0..ROWS)
            .map(|row| format!("{} item {}", ["north", "south"][row % 2], row % 17))
            .collect();
        let matrix = Matrix::of(prompts.iter().map(|prompt| prompt.as_bytes()), 0.1);
        let clusters = Clusters {
            count: 1,
            of_row: vec![0; ROWS],
            sizes: vec![ROWS],
        };
        let halves: Vec<usize> = (0..ROWS).map(|row| row / 2 % 2).collect();
        let targets: Vec<f32> = (0_u32..ROWS as u32)
            .map(|row| {
                let noise = (row.wrapping_mul(2_654_435_761) >> 16) % 1_000;
                signal * [1.0, -1.0][row as usize % 2] + noise as f32 / 1_000.0 - 0.5
            })
            .collect();
        let penalties = &[3.0, 10.0, 30.0, 100.0];
        best(&matrix, &clusters, &halves, &targets, penalties, errors)
    }

    #[test]
    fn what_is_plain_is_penalised_little_and_noise_as_much_as_can_be() {
        assert_eq!(taken(1.0, 1.5), 3.0);
        assert_eq!(taken(0.0, 1.5), 100.0);
    }

    #[test]
    fn what_may_be_luck_is_penalised_more() {
        let (least, held_back) = (taken(0.06, 0.0), taken(0.06, 1.5));
        assert!(least < held_back, "{least} {held_back}");
    }

    #[test]
    fn the_luckiest_of_more_models_looks_better() {
        // Means of the greatest of normal draws, as tables of order statistics have them.
        for (models, mean) in [(1, 0.0), (2, 0.5642), (10, 1.5388), (100, 2.5076)] {
            assert!(
                (luck(models) - mean).abs() < 1e-3,
                "{models}: {}",
                luck(models)
            );
        }
    }
}
