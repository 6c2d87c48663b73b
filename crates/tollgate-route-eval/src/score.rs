//! Figures of each method on a set of test rows.

use serde::Serialize;

use crate::bootstrap::{Interval, bootstrap};
use crate::forecast::{Forecast, Method};
use crate::policy::{Choices, sweep, sweep_guarded};
use crate::{Curve, Point};

/// How figures are taken.
#[derive(Debug, Clone, Copy)]
pub struct ScoreConfig {
    /// Draws of the bootstrap.
    pub resamples: usize,
    /// Seed of the bootstrap and of everything else that is random.
    pub seed: u64,
}

impl Default for ScoreConfig {
    fn default() -> Self {
        Self {
            resamples: 1_000,
            seed: 1,
        }
    }
}

/// Figures of one method.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// Its name.
    pub method: &'static str,
    /// Mean quality when cost is no object.
    pub accuracy: Interval,
    /// Average improvement in quality up to the cost of the dearest model.
    pub aiq: Interval,
    /// AIQ less that of the fixed choice, on the same rows.
    pub over_fixed: Interval,
    /// The same of the accuracy.
    pub accuracy_over_fixed: Interval,
    /// Share of the best single model's cost that is saved at 100, 98 and 95 %
    /// of its quality; absent where that quality is not reached.
    pub saved: [Option<f64>; 3],
}

/// Figures of all methods.
#[derive(Debug, Clone, Serialize)]
pub struct Scores {
    /// What was tested.
    pub name: String,
    /// Test rows.
    pub rows: usize,
    /// Models to choose between.
    pub models: usize,
    /// The best single model of the test rows, which nobody knew before.
    pub best_single: Point,
    /// AIQ of mixtures of single models, which nobody knew before either.
    pub zero_router: f64,
    /// A model drawn at random for each row.
    pub random: Point,
    /// Mean squared error of the learned qualities.
    pub brier: f64,
    /// The same of the training means.
    pub brier_of_means: f64,
    /// Microseconds to read a prompt and expect something of all models: median, 99th percentile.
    pub decision_us: [f64; 2],
    /// The methods.
    pub methods: Vec<Score>,
    /// The modes of the guarded router: quality, balanced, cheapest.
    pub modes: Vec<(&'static str, Point)>,
}

impl Scores {
    /// The method of that name.
    pub fn method(&self, name: &str) -> Option<&Score> {
        self.methods.iter().find(|score| score.method == name)
    }
}

/// Name of the learned router when the guard holds it.
pub const GUARDED: &str = "learned, guarded";

/// Takes the figures.
pub fn score(name: &str, forecast: &Forecast, config: &ScoreConfig) -> Scores {
    let costs = forecast.cost.means();
    let qualities = forecast.quality.means();
    let singles: Vec<Point> = points(&costs, &qualities);
    let most = costs.iter().copied().fold(0.0, f64::max);
    let best = singles.iter().copied().reduce(better).unwrap_or(Point {
        cost: 0.0,
        quality: 0.0,
    });
    let fixed = sweep(forecast, &forecast.fixed);
    let compare = Compare {
        forecast,
        fixed: &fixed,
        most,
        best,
        config,
    };
    let learned = sweep(forecast, &forecast.learned);
    let guarded = sweep_guarded(forecast);
    let floors = [&forecast.fixed, &forecast.length, &forecast.label];
    let floor = |method: &Method| compare.score(method.name, &sweep(forecast, method), 0);
    let mut methods: Vec<Score> = floors.into_iter().map(floor).collect();
    methods.push(compare.score(forecast.learned.name, &learned, config.resamples));
    methods.push(compare.score(GUARDED, &guarded, config.resamples));
    methods.push(floor(&forecast.oracle));
    Scores {
        name: name.to_owned(),
        rows: forecast.quality.rows(),
        models: forecast.models.len(),
        best_single: best,
        zero_router: Curve::of(&singles).aiq(most),
        random: middle(&singles),
        brier: brier(forecast, &forecast.learned),
        brier_of_means: brier(forecast, &forecast.fixed),
        decision_us: percentiles(&forecast.nanos),
        methods,
        modes: modes(&guarded, forecast),
    }
}

struct Compare<'a> {
    forecast: &'a Forecast,
    fixed: &'a Choices,
    most: f64,
    best: Point,
    config: &'a ScoreConfig,
}

impl Compare<'_> {
    fn score(&self, method: &'static str, choices: &Choices, resamples: usize) -> Score {
        let Forecast { quality, cost, .. } = self.forecast;
        let (own, fixed) = (
            choices.table(quality, cost),
            self.fixed.table(quality, cost),
        );
        let figures = |weights: &[f64]| {
            let (own, fixed) = (own.points(weights), fixed.points(weights));
            let (aiq, of_fixed) = (
                Curve::of(&own).aiq(self.most),
                Curve::of(&fixed).aiq(self.most),
            );
            let accuracy = own[0].quality;
            [accuracy, aiq, aiq - of_fixed, accuracy - fixed[0].quality]
        };
        let rows = quality.rows();
        let [accuracy, aiq, over_fixed, accuracy_over_fixed] =
            bootstrap(rows, resamples, self.config.seed, figures);
        let curve = Curve::of(&own.points(&vec![1.0; rows]));
        Score {
            method,
            accuracy,
            aiq,
            over_fixed,
            accuracy_over_fixed,
            saved: [1.0, 0.98, 0.95].map(|part| {
                let cost = curve.cost_of(part * self.best.quality)?;
                Some(1.0 - cost / self.best.cost)
            }),
        }
    }
}

fn points(costs: &[f64], qualities: &[f64]) -> Vec<Point> {
    let pairs = costs.iter().zip(qualities);
    pairs
        .map(|(cost, quality)| Point {
            cost: *cost,
            quality: *quality,
        })
        .collect()
}

fn better(left: Point, right: Point) -> Point {
    if right.quality > left.quality {
        right
    } else {
        left
    }
}

fn middle(points: &[Point]) -> Point {
    let count = points.len().max(1) as f64;
    Point {
        cost: points.iter().map(|point| point.cost).sum::<f64>() / count,
        quality: points.iter().map(|point| point.quality).sum::<f64>() / count,
    }
}

fn brier(forecast: &Forecast, method: &Method) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for row in 0..forecast.quality.rows() {
        for (truth, expected) in forecast
            .quality
            .row(row)
            .iter()
            .zip(method.quality.row(row))
        {
            sum += (truth - expected).powi(2);
            count += 1.0;
        }
    }
    sum / count
}

fn percentiles(nanos: &[u64]) -> [f64; 2] {
    let mut sorted = nanos.to_vec();
    sorted.sort_unstable();
    [0.5, 0.99].map(|share| match sorted.len() {
        0 => 0.0,
        count => sorted[((count - 1) as f64 * share) as usize] as f64 / 1e3,
    })
}

/// Quality at any cost, the knee, cost at any quality.
fn modes(choices: &Choices, forecast: &Forecast) -> Vec<(&'static str, Point)> {
    let points = choices.points(&forecast.quality, &forecast.cost);
    let last = points.len() - 1;
    let knee = knee(&points);
    vec![
        ("quality", points[0]),
        ("balanced", points[knee]),
        ("cheapest", points[last]),
    ]
}

/// The setting farthest above the straight line from the cheapest to the best
/// point, with cost on a logarithmic scale.
fn knee(points: &[Point]) -> usize {
    let (first, last) = (points[points.len() - 1], points[0]);
    let (span, rise) = ((last.cost / first.cost).ln(), last.quality - first.quality);
    let above = |point: &Point| {
        let along = if span > 0.0 {
            (point.cost / first.cost).ln() / span
        } else {
            0.0
        };
        point.quality - first.quality - along * rise
    };
    let mut best = 0;
    for (place, point) in points.iter().enumerate() {
        if above(point) > above(&points[best]) {
            best = place;
        }
    }
    best
}
