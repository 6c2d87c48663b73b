/// A number for each row and model.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    width: usize,
    values: Vec<f64>,
}

impl Grid {
    /// An empty grid for that many models.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            values: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = f64>) {
        self.values.extend(row);
        debug_assert_eq!(self.values.len() % self.width, 0);
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// How many models there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The numbers of a row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// The mean of each model.
    pub fn means(&self) -> Vec<f64> {
        let rows = self.rows().max(1) as f64;
        (0..self.width)
            .map(|model| {
                self.values
                    .iter()
                    .skip(model)
                    .step_by(self.width)
                    .sum::<f64>()
                    / rows
            })
            .collect()
    }
}
