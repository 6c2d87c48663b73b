//! Logistic regression on a few inputs, by Newton's method.

/// Steps of Newton's method. It converges in about six, in some twenty where the
/// start alone keeps the weights finite.
const STEPS: usize = 30;

/// One answer: the inputs, how often what is asked was so, and what it counts.
pub(super) struct Answer<const INPUTS: usize> {
    pub(super) inputs: [f64; INPUTS],
    pub(super) share: f64,
    pub(super) weight: f64,
}

/// Weights of the inputs. The start counts as `start_weight` answers for each.
pub(super) fn fit<const INPUTS: usize>(
    answers: &[Answer<INPUTS>],
    start: [f64; INPUTS],
    start_weight: f64,
) -> [f64; INPUTS] {
    let mut weights = start;
    for _ in 0..STEPS {
        let mut gradient: [f64; INPUTS] =
            std::array::from_fn(|place| start_weight * (start[place] - weights[place]));
        let mut curve = [[0.0; INPUTS]; INPUTS];
        for (place, row) in curve.iter_mut().enumerate() {
            row[place] = start_weight;
        }
        for answer in answers {
            let pairs = answer.inputs.iter().zip(&weights);
            let sum: f64 = pairs.map(|(input, weight)| input * weight).sum();
            let expected = 1.0 / (1.0 + (-sum).exp());
            let off = answer.weight * (answer.share - expected);
            let bend = answer.weight * expected * (1.0 - expected);
            for (place, input) in answer.inputs.iter().enumerate() {
                gradient[place] += input * off;
                for (sum, right) in curve[place].iter_mut().zip(&answer.inputs) {
                    *sum += input * right * bend;
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

/// Solves as many equations; the matrix is positive, so no pivot is 0.
fn solved<const INPUTS: usize>(
    mut matrix: [[f64; INPUTS]; INPUTS],
    mut right: [f64; INPUTS],
) -> [f64; INPUTS] {
    for pivot in 0..INPUTS {
        let (above, known) = (matrix[pivot], right[pivot]);
        for row in pivot + 1..INPUTS {
            let factor = matrix[row][pivot] / above[pivot];
            for (value, above) in matrix[row].iter_mut().zip(above) {
                *value -= factor * above;
            }
            right[row] -= factor * known;
        }
    }
    for pivot in (0..INPUTS).rev() {
        let later = matrix[pivot].iter().zip(right).skip(pivot + 1);
        let known: f64 = later.map(|(factor, value)| factor * value).sum();
        right[pivot] = (right[pivot] - known) / matrix[pivot][pivot];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::{Answer, fit, solved};

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
        let answers: Vec<_> = (0..10_000)
            .map(|place| {
                let score = f64::from(place % 100) / 25.0 - 2.0;
                let difficulty = f64::from(place / 100) / 25.0 - 2.0;
                Answer {
                    inputs: [1.0, score, -difficulty],
                    share: law(score, difficulty),
                    weight: 1.0,
                }
            })
            .collect();
        for (found, expected) in fit(&answers, [0.0; 3], 1e-6).iter().zip([0.2, 0.8, 1.5]) {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
    }

    #[test]
    fn sides_that_a_line_parts_have_finite_weights() {
        let answers: Vec<_> = (0..100)
            .map(|place| Answer {
                inputs: [1.0, f64::from(place) / 100.0],
                share: f64::from(u8::from(place >= 50)),
                weight: 0.01,
            })
            .collect();
        let [base, slope] = fit(&answers, [0.0; 2], 1e-4);
        assert!(slope > 10.0 && slope.is_finite(), "{slope}");
        assert!((-base / slope - 0.495).abs() < 0.02, "{base} {slope}");
    }
}
