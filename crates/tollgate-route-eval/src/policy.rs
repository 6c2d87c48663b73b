//! Policies over forecasts: a model for each row, at each price of quality.

use crate::forecast::{Forecast, Method};
use crate::{Grid, Point};

/// Settings of the trade between quality and cost, beside 0.
const SETTINGS: usize = 160;

/// What a policy chose: for each setting, the model of each row.
#[derive(Debug, Clone)]
pub struct Choices {
    rows: usize,
    chosen: Vec<u16>,
}

impl Choices {
    /// Each model for all rows, in the order of the models.
    pub(crate) fn of_singles(rows: usize, models: usize) -> Self {
        let of_model = |model| std::iter::repeat_n(model as u16, rows);
        Self {
            rows,
            chosen: (0..models).flat_map(of_model).collect(),
        }
    }

    /// The models chosen at a setting; 0 is quality at any cost.
    pub fn at(&self, setting: usize) -> &[u16] {
        &self.chosen[setting * self.rows..(setting + 1) * self.rows]
    }

    /// How many settings there are.
    pub fn settings(&self) -> usize {
        self.chosen.len() / self.rows.max(1)
    }

    /// What they cost and how good they were, at each setting.
    pub fn points(&self, quality: &Grid, cost: &Grid) -> Vec<Point> {
        self.table(quality, cost).points(&vec![1.0; self.rows])
    }

    /// Cost and quality of each choice.
    pub(crate) fn table(&self, quality: &Grid, cost: &Grid) -> Outcome {
        // A setting that chooses as the one before it adds no point.
        let settings: Vec<&[u16]> = (0..self.settings())
            .map(|setting| self.at(setting))
            .collect();
        let differing = settings.iter().enumerate().filter(|(place, setting)| {
            *place == 0 || *place + 1 == settings.len() || settings[*place - 1] != **setting
        });
        let of_setting = |(_, setting): (usize, &&[u16])| {
            let of_choice = |(row, model): (usize, &u16)| Point {
                cost: cost.row(row)[usize::from(*model)],
                quality: quality.row(row)[usize::from(*model)],
            };
            setting
                .iter()
                .enumerate()
                .map(of_choice)
                .collect::<Vec<_>>()
        };
        Outcome {
            rows: self.rows,
            points: differing.flat_map(of_setting).collect(),
        }
    }
}

/// What choices came to, by setting and row.
#[derive(Debug)]
pub(crate) struct Outcome {
    rows: usize,
    points: Vec<Point>,
}

impl Outcome {
    /// Weighted means of each setting.
    pub(crate) fn points(&self, weights: &[f64]) -> Vec<Point> {
        let all: f64 = weights.iter().sum();
        self.points
            .chunks_exact(self.rows)
            .map(|setting| {
                let mut mean = Point {
                    cost: 0.0,
                    quality: 0.0,
                };
                for (point, weight) in setting.iter().zip(weights) {
                    mean.cost += weight * point.cost;
                    mean.quality += weight * point.quality;
                }
                Point {
                    cost: mean.cost / all,
                    quality: mean.quality / all,
                }
            })
            .collect()
    }
}

/// Prices of quality from 0 on: log-spaced so that the first hardly moves the
/// dearest model and the last leaves the cheapest alone.
pub(crate) fn prices_of_quality(mean_costs: &[f64]) -> Vec<f64> {
    let dearest = mean_costs.iter().copied().fold(0.0, f64::max).max(1e-12);
    let cheapest = mean_costs
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min)
        .max(1e-12);
    let (first, last) = ((1e-3 / dearest).ln(), (10.0 / cheapest).ln());
    let spaced = (0..SETTINGS)
        .map(|place| (first + (last - first) * place as f64 / (SETTINGS - 1) as f64).exp());
    std::iter::once(0.0).chain(spaced).collect()
}

/// Chooses at each setting the model of greatest expected quality less its
/// expected cost times the setting.
pub fn sweep(forecast: &Forecast, method: &Method) -> Choices {
    swept(forecast, |row, price| argmax(method, row, price))
}

/// The same by the learned router, which leaves the fixed choice only for a gain
/// that exceeds its doubt.
pub fn sweep_guarded(forecast: &Forecast) -> Choices {
    let Forecast { learned, fixed, .. } = forecast;
    swept(forecast, |row, price| {
        let (usual, best) = (argmax(fixed, row, price), argmax(learned, row, price));
        let worth =
            |model: usize| learned.quality.row(row)[model] - price * learned.cost.row(row)[model];
        match best != usual && worth(best) - worth(usual) > forecast.doubt(row, usual, best) {
            true => best,
            false => usual,
        }
    })
}

fn swept(forecast: &Forecast, choose: impl Fn(usize, f64) -> usize) -> Choices {
    let rows = forecast.quality.rows();
    let prices = prices_of_quality(&forecast.cost.means());
    let chosen = prices
        .into_iter()
        .flat_map(|price| (0..rows).map(move |row| (row, price)));
    Choices {
        rows,
        chosen: chosen
            .map(|(row, price)| choose(row, price) as u16)
            .collect(),
    }
}

fn argmax(method: &Method, row: usize, price: f64) -> usize {
    let (quality, cost) = (method.quality.row(row), method.cost.row(row));
    let mut best = 0;
    for model in 1..quality.len() {
        let ahead = (quality[model] - quality[best]) - price * (cost[model] - cost[best]);
        // Of equals the cheaper, so that no table's order decides.
        if ahead > 0.0 || (ahead == 0.0 && cost[model] < cost[best]) {
            best = model;
        }
    }
    best
}
