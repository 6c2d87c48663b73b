//! The directions in which a symmetric matrix is largest.

/// The `most` directions in which a symmetric matrix without negative
/// eigenvalues is largest, largest first. Few of many are found by subspace
/// iteration with some to spare; what is not told apart then is as good as equal.
pub(super) fn leading(matrix: Vec<f64>, size: usize, most: usize) -> Vec<Vec<f64>> {
    let kept = most + SPARE;
    if size <= 2 * kept {
        let pairs = symmetric(matrix, size).into_iter();
        return pairs.take(most).map(|(_, vector)| vector).collect();
    }
    let mut basis = scattered(kept, size);
    for _ in 0..ITERATIONS {
        orthonormalise(&mut basis);
        basis = basis.iter().map(|vector| image(&matrix, vector)).collect();
    }
    orthonormalise(&mut basis);
    let within: Vec<f64> = basis
        .iter()
        .map(|vector| image(&matrix, vector))
        .flat_map(|image| {
            basis
                .iter()
                .map(move |other| dot(&image, other))
                .collect::<Vec<_>>()
        })
        .collect();
    let pairs = symmetric(within, kept).into_iter();
    pairs
        .take(most)
        .map(|(_, parts)| sum(&parts, &basis))
        .collect()
}

/// Directions to spare.
const SPARE: usize = 5;
const ITERATIONS: usize = 60;

/// Vectors of numbers between -1 and 1 without an order, the same each time.
fn scattered(count: usize, size: usize) -> Vec<Vec<f64>> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    };
    let mut vector = || (0..size).map(|_| next()).collect();
    (0..count).map(|_| vector()).collect()
}

/// Gram and Schmidt's; what depends on the vectors before it becomes zero.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for place in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(place);
        let vector = &mut rest[0];
        let length = dot(vector, vector).sqrt();
        for other in before {
            let along = dot(vector, other);
            vector
                .iter_mut()
                .zip(other)
                .for_each(|(value, other)| *value -= along * *other);
        }
        let left = dot(vector, vector).sqrt();
        let scale = if left > 1e-12 * length {
            1.0 / left
        } else {
            0.0
        };
        vector.iter_mut().for_each(|value| *value *= scale);
    }
}

fn image(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    let rows = matrix.chunks_exact(vector.len());
    rows.map(|row| dot(row, vector)).collect()
}

fn sum(parts: &[f64], basis: &[Vec<f64>]) -> Vec<f64> {
    let of = |place: usize| {
        parts
            .iter()
            .zip(basis)
            .map(|(part, vector)| part * vector[place])
            .sum()
    };
    (0..basis[0].len()).map(of).collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

/// Eigenvalues and eigenvectors (rows) of a symmetric matrix, largest first, by
/// Jacobi rotations: exact, and fast for a few dozen.
fn symmetric(mut matrix: Vec<f64>, size: usize) -> Vec<(f64, Vec<f64>)> {
    let mut vectors = vec![0.0; size * size];
    for place in 0..size {
        vectors[place * size + place] = 1.0;
    }
    for _ in 0..SWEEPS {
        let mut moved = false;
        for left in 0..size {
            for right in left + 1..size {
                moved |= rotate(&mut matrix, &mut vectors, size, left, right);
            }
        }
        if !moved {
            break;
        }
    }
    let mut pairs: Vec<_> = (0..size)
        .map(|place| {
            (
                matrix[place * size + place],
                vectors[place * size..(place + 1) * size].to_vec(),
            )
        })
        .collect();
    pairs.sort_by(|left, right| right.0.total_cmp(&left.0));
    pairs
}

/// More than any matrix of this kind needs.
const SWEEPS: usize = 30;

fn rotate(matrix: &mut [f64], vectors: &mut [f64], size: usize, left: usize, right: usize) -> bool {
    let off = matrix[left * size + right];
    let (a, b) = (matrix[left * size + left], matrix[right * size + right]);
    if off.abs() <= 1e-12 * (a.abs() + b.abs()) + 1e-300 {
        return false;
    }
    let theta = (b - a) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for place in 0..size {
        let (x, y) = (matrix[place * size + left], matrix[place * size + right]);
        matrix[place * size + left] = cosine * x - sine * y;
        matrix[place * size + right] = sine * x + cosine * y;
    }
    for place in 0..size {
        let (x, y) = (matrix[left * size + place], matrix[right * size + place]);
        matrix[left * size + place] = cosine * x - sine * y;
        matrix[right * size + place] = sine * x + cosine * y;
        let (x, y) = (vectors[left * size + place], vectors[right * size + place]);
        vectors[left * size + place] = cosine * x - sine * y;
        vectors[right * size + place] = sine * x + cosine * y;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{dot, image, leading, symmetric};

    #[test]
    fn eigenvectors_are_stretched_by_their_eigenvalues() {
        let matrix = vec![4.0, 1.0, 0.5, 1.0, 3.0, -1.0, 0.5, -1.0, 2.0];
        let pairs = symmetric(matrix.clone(), 3);
        assert!(pairs.windows(2).all(|pair| pair[0].0 >= pair[1].0));
        for (value, vector) in pairs {
            for row in 0..3 {
                let image: f64 = (0..3).map(|at| matrix[row * 3 + at] * vector[at]).sum();
                assert!((image - value * vector[row]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn the_few_largest_of_many_are_found() {
        // A matrix with the eigenvalues 100, 99, ... along directions that are mixed up.
        let size = 100;
        let mirror: Vec<f64> = (0..size).map(|place| 1.0 + (place % 7) as f64).collect();
        let length = dot(&mirror, &mirror);
        let turned = |row: usize, at: usize| {
            f64::from(u8::from(row == at)) - 2.0 * mirror[row] * mirror[at] / length
        };
        let entry = |row: usize, column: usize| {
            let of = |at: usize| (size - at) as f64 * turned(row, at) * turned(at, column);
            (0..size).map(of).sum::<f64>()
        };
        let matrix: Vec<f64> = (0..size * size)
            .map(|at| entry(at / size, at % size))
            .collect();
        let found = leading(matrix.clone(), size, 15);
        assert_eq!(found.len(), 15);
        for (place, vector) in found.iter().enumerate() {
            assert!((dot(vector, vector) - 1.0).abs() < 1e-9);
            let value = dot(vector, &image(&matrix, vector));
            assert!(
                (value - (size - place) as f64).abs() < 0.5,
                "{place}: {value}"
            );
        }
    }
}
