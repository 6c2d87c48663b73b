//! The directions in which a symmetric matrix is largest.

/// Eigenvalues and eigenvectors (rows) of a symmetric matrix, largest first, by
/// Jacobi rotations: exact, and fast enough for as many models as there are.
pub(super) fn symmetric(mut matrix: Vec<f64>, size: usize) -> Vec<(f64, Vec<f64>)> {
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
    use super::symmetric;

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
}
