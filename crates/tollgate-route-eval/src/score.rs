//! Figures of each method on a set of test rows.

use serde::Serialize;

use crate::bootstrap::{Interval, bootstrap};
use crate::forecast::{Forecast, Method};
use crate::policy::{Choices, Outcome, sweep, sweep_guarded};
use crate::{Curve, Grid, Point};

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
    /// of its quality; absent where all rows together do not reach it.
    ///
    /// In each draw of the bootstrap the best single model is chosen again, and
    /// its quality and cost are those of the rows drawn. Nobody knows it before,
    /// so which model it is belongs to what is uncertain: models of nearly the
    /// same quality may differ much in cost. The best of a draw is on average
    /// somewhat better than the best of all rows, so the interval leans towards
    /// saving less.
    ///
    /// A draw that does not reach the quality saves nothing (0), since whoever
    /// needs it pays for the single model. One that reaches it only for more
    /// than the single model costs counts as it is, below 0.
    pub saved: [Option<Interval>; 3],
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

/// Parts of the best single model's quality at which savings are taken.
const PARTS: [f64; 3] = [1.0, 0.98, 0.95];

/// Takes the figures.
pub fn score(name: &str, forecast: &Forecast, config: &ScoreConfig) -> Scores {
    let compare = Compare::of(forecast, config);
    let singles = compare.singles.points(&compare.all());
    let guarded = sweep_guarded(forecast);
    Scores {
        name: name.to_owned(),
        rows: forecast.quality.rows(),
        models: forecast.models.len(),
        best_single: best(&singles),
        zero_router: Curve::of(&singles).aiq(compare.most),
        random: middle(&singles),
        brier: brier(forecast, &forecast.learned),
        brier_of_means: brier(forecast, &forecast.fixed),
        decision_us: percentiles(&forecast.nanos),
        methods: methods(&compare, forecast, &guarded),
        modes: modes(&guarded, forecast),
    }
}

fn methods(compare: &Compare<'_>, forecast: &Forecast, guarded: &Choices) -> Vec<Score> {
    let Forecast { learned, .. } = forecast;
    let resamples = compare.config.resamples;
    let floor = |method: &Method| compare.score(method.name, &sweep(forecast, method), 0);
    vec![
        floor(&forecast.fixed),
        floor(&forecast.length),
        floor(&forecast.label),
        compare.score(learned.name, &sweep(forecast, learned), resamples),
        compare.score(GUARDED, guarded, resamples),
        floor(&forecast.oracle),
    ]
}

/// What methods are compared with, on the same rows.
struct Compare<'a> {
    quality: &'a Grid,
    cost: &'a Grid,
    fixed: Outcome,
    singles: Outcome,
    /// The mean cost of the dearest model.
    most: f64,
    config: &'a ScoreConfig,
}

impl<'a> Compare<'a> {
    fn of(forecast: &'a Forecast, config: &'a ScoreConfig) -> Self {
        let Forecast { quality, cost, .. } = forecast;
        let singles = Choices::of_singles(quality.rows(), quality.width());
        Self {
            quality,
            cost,
            fixed: sweep(forecast, &forecast.fixed).table(quality, cost),
            singles: singles.table(quality, cost),
            most: cost.means().into_iter().fold(0.0, f64::max),
            config,
        }
    }

    /// The weights of all rows, each of them once.
    fn all(&self) -> Vec<f64> {
        vec![1.0; self.quality.rows()]
    }

    fn score(&self, method: &'static str, choices: &Choices, resamples: usize) -> Score {
        let own = choices.table(self.quality, self.cost);
        let figures = |weights: &[f64]| self.figures(&own, weights);
        let [accuracy, aiq, over_fixed, accuracy_over_fixed, saved @ ..] =
            bootstrap(self.quality.rows(), resamples, self.config.seed, figures);
        let all = self.all();
        let reached = self.saved(&Curve::of(&own.points(&all)), &all);
        Score {
            method,
            accuracy,
            aiq,
            over_fixed,
            accuracy_over_fixed,
            saved: std::array::from_fn(|part| reached[part].map(|_| saved[part])),
        }
    }

    /// Accuracy, AIQ, AIQ and accuracy over the fixed choice, and the savings.
    fn figures(&self, own: &Outcome, weights: &[f64]) -> [f64; 7] {
        let (own, fixed) = (own.points(weights), self.fixed.points(weights));
        let curve = Curve::of(&own);
        let (accuracy, aiq) = (own[0].quality, curve.aiq(self.most));
        let [at_100, at_98, at_95] = self.saved(&curve, weights).map(Option::unwrap_or_default);
        [
            accuracy,
            aiq,
            aiq - Curve::of(&fixed).aiq(self.most),
            accuracy - fixed[0].quality,
            at_100,
            at_98,
            at_95,
        ]
    }

    /// What a curve saves of the cost of the single model that is best on the
    /// same rows, at each part of its quality that it reaches.
    fn saved(&self, curve: &Curve, weights: &[f64]) -> [Option<f64>; 3] {
        let best = best(&self.singles.points(weights));
        PARTS.map(|part| {
            let cost = curve.cost_of(part * best.quality)?;
            // Of a model that costs nothing, nothing can be saved.
            Some(if best.cost > 0.0 {
                1.0 - cost / best.cost
            } else {
                0.0
            })
        })
    }
}

/// The point of greatest quality, the first of equals.
fn best(points: &[Point]) -> Point {
    let better = |left: Point, right: Point| match right.quality > left.quality {
        true => right,
        false => left,
    };
    let nothing = Point {
        cost: 0.0,
        quality: 0.0,
    };
    points.iter().copied().reduce(better).unwrap_or(nothing)
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

#[cfg(test)]
mod tests {
    use super::{Choices, Compare, Grid, ScoreConfig};

    /// Two models on a hundred rows: the first is right on the rows from 10 on,
    /// the second on the first 10 and from 19 on, so 90 and 91 times.
    fn quality() -> Grid {
        let mut quality = Grid::new(2);
        for row in 0..100 {
            let is_right = [row >= 10, !(10..19).contains(&row)];
            quality.push(is_right.map(|is_right| f64::from(u8::from(is_right))));
        }
        quality
    }

    /// Takes figures at these costs of the two models.
    fn with_costs<T>(costs: [f64; 2], take: impl Fn(&Compare<'_>) -> T) -> T {
        let (quality, mut cost) = (quality(), Grid::new(2));
        (0..100).for_each(|_| cost.push(costs));
        let singles = || Choices::of_singles(100, 2).table(&quality, &cost);
        take(&Compare {
            quality: &quality,
            cost: &cost,
            fixed: singles(),
            singles: singles(),
            most: costs[0].max(costs[1]),
            config: &ScoreConfig::default(),
        })
    }

    /// What the first model saves if the first ten rows have that weight.
    fn saved(costs: [f64; 2], weight: f64) -> [f64; 3] {
        with_costs(costs, |compare| {
            let own = Choices::of_singles(100, 1).table(compare.quality, compare.cost);
            let mut weights = compare.all();
            weights[..10].fill(weight);
            let [.., at_100, at_98, at_95] = compare.figures(&own, &weights);
            [at_100, at_98, at_95]
        })
    }

    #[test]
    fn savings_are_of_the_model_that_is_best_on_the_rows_drawn() {
        // The second is best, and the first is 98 % as good.
        assert_eq!(saved([1.0, 10.0], 1.0), [0.0, 0.9, 0.9]);
        // It is not 95 % as good any more.
        assert_eq!(saved([1.0, 10.0], 2.0), [0.0; 3]);
        // It is best itself, and costs what it costs.
        assert_eq!(saved([1.0, 10.0], 0.0), [0.0; 3]);
        assert_eq!(saved([10.0, 1.0], 1.0), [0.0, -9.0, -9.0]);
    }

    #[test]
    fn a_draw_that_falls_short_saves_nothing_and_all_rows_that_do_are_absent() {
        let score = with_costs([1.0, 10.0], |compare| {
            compare.score("first", &Choices::of_singles(100, 1), 200)
        });
        let [None, Some(saved), Some(_)] = score.saved else {
            panic!("{:?}", score.saved)
        };
        assert_eq!((saved.value, saved.low, saved.high), (0.9, 0.0, 0.9));
    }
}
