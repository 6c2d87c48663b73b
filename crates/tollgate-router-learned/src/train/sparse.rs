//! Prompts as rows of a sparse matrix, and ridge regression on it.

use crate::text::{BUCKETS, FIGURES, Text};

/// A bucket that no column stands for.
pub(crate) const NO_COLUMN: u16 = u16::MAX;

/// Sweeps of conjugate gradients; the penalty makes them converge in fewer.
const SWEEPS: usize = 40;

/// How the figures of a prompt become columns: clipped to the range that
/// training saw, so that a prompt unlike all of them is not extrapolated to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scaling {
    pub(crate) low: [f32; FIGURES],
    pub(crate) high: [f32; FIGURES],
    pub(crate) mean: [f32; FIGURES],
    /// Factor after the mean is taken off.
    pub(crate) factor: [f32; FIGURES],
}

impl Scaling {
    /// Fits it to the figures of all prompts; each then has standard deviation `weight`.
    pub(crate) fn fit(all: &[[f32; FIGURES]], weight: f32) -> Self {
        let mut scaling = Self {
            low: [0.0; FIGURES],
            high: [0.0; FIGURES],
            mean: [0.0; FIGURES],
            factor: [0.0; FIGURES],
        };
        let mut sorted = Vec::with_capacity(all.len());
        for place in 0..FIGURES {
            sorted.clear();
            sorted.extend(all.iter().map(|figures| figures[place]));
            sorted.sort_unstable_by(f32::total_cmp);
            let at = |share: f32| sorted[((sorted.len() - 1) as f32 * share) as usize];
            let (low, high) = (at(0.01), at(0.99));
            let count = sorted.len() as f32;
            let clipped = sorted.iter().map(|value| value.clamp(low, high));
            let mean = clipped.clone().sum::<f32>() / count;
            let variance = clipped.map(|value| (value - mean).powi(2)).sum::<f32>() / count;
            scaling.low[place] = low;
            scaling.high[place] = high;
            scaling.mean[place] = mean;
            scaling.factor[place] = match variance > 1e-8 {
                true => weight / variance.sqrt(),
                false => 0.0,
            };
        }
        scaling
    }

    /// The columns of a prompt's figures.
    pub(crate) fn of(&self, figures: &[f32; FIGURES]) -> [f32; FIGURES] {
        std::array::from_fn(|place| {
            let clipped = figures[place].clamp(self.low[place], self.high[place]);
            (clipped - self.mean[place]) * self.factor[place]
        })
    }
}

/// Prompts as rows; columns are the buckets that two prompts have, then the figures.
#[derive(Debug)]
pub(crate) struct Matrix {
    ends: Vec<usize>,
    entries: Vec<(u16, f32)>,
    dense: Vec<[f32; FIGURES]>,
    /// Column of each bucket, or [`NO_COLUMN`].
    pub(crate) column_of: Vec<u16>,
    pub(crate) scaling: Scaling,
    /// Columns of buckets.
    pub(crate) buckets: usize,
    /// Share of each prompt's weight that lies on columns.
    pub(crate) coverage: Vec<f32>,
}

impl Matrix {
    /// Reads the prompts. A bucket that one prompt alone has teaches nothing
    /// that holds for another, so it gets no column.
    pub(crate) fn of<'a>(prompts: impl Iterator<Item = &'a [u8]>, figure_weight: f32) -> Self {
        let mut text = Text::default();
        let mut met = vec![0_u32; BUCKETS];
        let (mut raw, mut raw_ends, mut figures) = (Vec::new(), Vec::new(), Vec::new());
        for prompt in prompts {
            text.read(prompt.into());
            for (bucket, _) in text.ngrams() {
                met[usize::from(*bucket)] += 1;
            }
            raw.extend_from_slice(text.ngrams());
            raw_ends.push(raw.len());
            figures.push(*text.figures());
        }
        let column_of = columns(&met);
        let scaling = Scaling::fit(&figures, figure_weight);
        let mut matrix = Self {
            ends: Vec::with_capacity(raw_ends.len()),
            entries: Vec::with_capacity(raw.len()),
            dense: figures.iter().map(|figures| scaling.of(figures)).collect(),
            buckets: column_of
                .iter()
                .filter(|column| **column != NO_COLUMN)
                .count(),
            coverage: Vec::with_capacity(raw_ends.len()),
            column_of,
            scaling,
        };
        let mut begin = 0;
        for end in raw_ends {
            matrix.row(&raw[begin..end]);
            begin = end;
        }
        matrix
    }

    fn row(&mut self, ngrams: &[(u16, f32)]) {
        let mut covered = 0.0;
        for (bucket, weight) in ngrams {
            let column = self.column_of[usize::from(*bucket)];
            if column != NO_COLUMN {
                self.entries.push((column, *weight));
                covered += weight * weight;
            }
        }
        self.coverage.push(covered);
        self.ends.push(self.entries.len());
    }

    pub(crate) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// All columns, those of the figures last.
    pub(crate) fn columns(&self) -> usize {
        self.buckets + FIGURES
    }

    fn entries(&self, row: usize) -> &[(u16, f32)] {
        let begin = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.entries[begin..self.ends[row]]
    }

    /// `X · W` for weights of `width` outputs per column.
    pub(crate) fn times(&self, weights: &[f32], width: usize) -> Vec<f32> {
        let mut product = vec![0.0; self.rows() * width];
        for (row, out) in product.chunks_exact_mut(width).enumerate() {
            for (column, value) in self.entries(row) {
                let at = usize::from(*column) * width;
                add(out, *value, &weights[at..at + width]);
            }
            let figures = weights[self.buckets * width..].chunks_exact(width);
            for (value, weights) in self.dense[row].iter().zip(figures) {
                add(out, *value, weights);
            }
        }
        product
    }

    /// `Xᵀ · R`.
    fn transposed_times(&self, residuals: &[f32], width: usize) -> Vec<f32> {
        let mut product = vec![0.0; self.columns() * width];
        for (row, residual) in residuals.chunks_exact(width).enumerate() {
            for (column, value) in self.entries(row) {
                let at = usize::from(*column) * width;
                add(&mut product[at..at + width], *value, residual);
            }
            let figures = product[self.buckets * width..].chunks_exact_mut(width);
            for (value, sums) in self.dense[row].iter().zip(figures) {
                add(sums, *value, residual);
            }
        }
        product
    }

    /// Weights that minimise squared errors plus `alpha` times their squares,
    /// for each of `width` outputs by itself. Targets that are not numbers are
    /// not fitted. Conjugate gradients, all outputs in one sweep.
    pub(crate) fn ridge(&self, targets: &[f32], width: usize, alpha: f32) -> Vec<f32> {
        let numbers: Vec<f32> = targets
            .iter()
            .map(|target| if target.is_finite() { *target } else { 0.0 })
            .collect();
        let mut weights = vec![0.0_f32; self.columns() * width];
        let mut residual = self.transposed_times(&numbers, width);
        let mut direction = residual.clone();
        let mut norm = dots(&residual, &residual, width);
        let enough: Vec<f64> = norm.iter().map(|norm| norm * 1e-6).collect();
        for _ in 0..SWEEPS {
            let image = self.penalised(&direction, targets, width, alpha);
            let step = ratio(&norm, &dots(&direction, &image, width));
            let back: Vec<f32> = step.iter().map(|step| -step).collect();
            scaled_add(&mut weights, &step, &direction);
            scaled_add(&mut residual, &back, &image);
            let next = dots(&residual, &residual, width);
            if next
                .iter()
                .zip(&enough)
                .all(|(next, enough)| next <= enough)
            {
                break;
            }
            turn(&mut direction, &ratio(&next, &norm), &residual);
            norm = next;
        }
        weights
    }

    /// `(Xᵀ · X + alpha) · W`, over the rows whose targets are numbers.
    fn penalised(&self, weights: &[f32], targets: &[f32], width: usize, alpha: f32) -> Vec<f32> {
        let mut fitted = self.times(weights, width);
        for (value, target) in fitted.iter_mut().zip(targets) {
            if !target.is_finite() {
                *value = 0.0;
            }
        }
        let mut image = self.transposed_times(&fitted, width);
        add(&mut image, alpha, weights);
        image
    }
}

/// Columns for the buckets that at least two prompts have; the most frequent
/// first, should there be more than a column number can name.
fn columns(met: &[u32]) -> Vec<u16> {
    let mut column_of = vec![NO_COLUMN; met.len()];
    let mut buckets: Vec<usize> = (0..met.len()).filter(|bucket| met[*bucket] >= 2).collect();
    buckets.sort_by_key(|bucket| std::cmp::Reverse(met[*bucket]));
    buckets.truncate(usize::from(NO_COLUMN));
    for (column, bucket) in buckets.into_iter().enumerate() {
        column_of[bucket] = column as u16;
    }
    column_of
}

/// `out += factor · values`.
fn add(out: &mut [f32], factor: f32, values: &[f32]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out += factor * value;
    }
}

fn scaled_add(out: &mut [f32], factors: &[f32], values: &[f32]) {
    for (out, values) in out
        .chunks_exact_mut(factors.len())
        .zip(values.chunks_exact(factors.len()))
    {
        for ((out, value), factor) in out.iter_mut().zip(values).zip(factors) {
            *out += factor * value;
        }
    }
}

/// `direction = residual + factor · direction`.
fn turn(direction: &mut [f32], factors: &[f32], residual: &[f32]) {
    let width = factors.len();
    for (direction, residual) in direction
        .chunks_exact_mut(width)
        .zip(residual.chunks_exact(width))
    {
        for ((direction, residual), factor) in direction.iter_mut().zip(residual).zip(factors) {
            *direction = residual + factor * *direction;
        }
    }
}

fn dots(left: &[f32], right: &[f32], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for (left, right) in left.chunks_exact(width).zip(right.chunks_exact(width)) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += f64::from(*left) * f64::from(*right);
        }
    }
    sums
}

fn ratio(over: &[f64], under: &[f64]) -> Vec<f32> {
    let pairs = over.iter().zip(under);
    pairs
        .map(|(over, under)| {
            if *under > 1e-20 {
                (over / under) as f32
            } else {
                0.0
            }
        })
        .collect()
}
