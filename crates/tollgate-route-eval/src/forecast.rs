//! What each method expects of each model on each test row, beside the truth.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_core::{Quality, QualitySource};
use tollgate_router_learned::{
    Assessment, Contender, Estimate, Learned, OutcomeRow, Scope, Scratch, Seat, TrainConfig, train,
};

use crate::priced::{ASSUMED_OUTPUT, Priced, output_tokens};
use crate::split::Split;
use crate::{EvalError, Grid};

/// Test rows with what was so, and what methods expected.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// Names of the models.
    pub models: Vec<String>,
    /// Quality that was.
    pub quality: Grid,
    /// US dollars that it cost.
    pub cost: Grid,
    /// Mean over the training rows: the choice without a look at the prompt.
    pub fixed: Method,
    /// Means by label: knows the data set that a prompt is from.
    pub label: Method,
    /// Means by length of the prompt.
    pub length: Method,
    /// The learned router.
    pub learned: Method,
    /// Standard errors of its qualities.
    error: Grid,
    /// Who read the rows, and how each row looked to which of them.
    readers: Vec<Reader>,
    looks: Vec<(usize, Assessment)>,
    /// The truth.
    pub oracle: Method,
    /// Bytes of each prompt.
    pub bytes: Vec<usize>,
    /// Nanoseconds of each reading of a prompt and estimate of all models.
    pub nanos: Vec<u64>,
}

/// What a method expects.
#[derive(Debug, Clone)]
pub struct Method {
    /// Its name in reports.
    pub name: &'static str,
    /// Quality, 0 to 1.
    pub quality: Grid,
    /// US dollars.
    pub cost: Grid,
}

/// Trains on one side of each split and forecasts the other.
///
/// # Errors
/// [`EvalError::Learn`] when a side is too small.
pub fn forecast(
    table: &Priced,
    splits: &[Split],
    config: &TrainConfig,
) -> Result<Forecast, EvalError> {
    let mut forecast = Forecast::empty(table);
    for split in splits {
        let trained =
            train(&table.part(&split.train), config).map_err(|source| EvalError::Learn {
                table: table.name.clone(),
                source,
            })?;
        forecast.add(table, split, trained);
    }
    Ok(forecast)
}

/// Forecasts with a router that was trained before. The floors are means of
/// these very rows: they know more than any router could. Models that it was
/// not trained on are foretold by their mean as a published score.
pub fn forecast_with(table: &Priced, learned: &Learned) -> Forecast {
    let rows: Vec<usize> = (0..table.outcomes.rows.len()).collect();
    let all = Split {
        name: "all rows".to_owned(),
        train: rows.clone(),
        test: rows,
    };
    let mut forecast = Forecast::empty(table);
    forecast.add(table, &all, learned.clone());
    forecast
}

impl Forecast {
    fn empty(table: &Priced) -> Self {
        let width = table.outcomes.models.len();
        let method = |name| Method {
            name,
            quality: Grid::new(width),
            cost: Grid::new(width),
        };
        Self {
            models: table
                .outcomes
                .models
                .iter()
                .map(|model| model.name.clone())
                .collect(),
            quality: Grid::new(width),
            cost: Grid::new(width),
            fixed: method("global means"),
            label: method("task label"),
            length: method("prompt length"),
            learned: method("learned"),
            error: Grid::new(width),
            readers: Vec::new(),
            looks: Vec::new(),
            oracle: method("oracle"),
            bytes: Vec::new(),
            nanos: Vec::new(),
        }
    }

    /// What `other` must be found better by than `usual` on a row before it is
    /// taken in its place.
    pub(crate) fn doubt(&self, row: usize, usual: usize, other: usize) -> f64 {
        let (reader, assessment) = &self.looks[row];
        let Reader { learned, seats, .. } = &self.readers[*reader];
        let contender = |model: usize| Contender {
            seat: seats[model],
            error: self.error.row(row)[model] as f32,
        };
        f64::from(learned.doubt(assessment, contender(usual), contender(other)))
    }

    fn add(&mut self, table: &Priced, split: &Split, learned: Learned) {
        let rows = &table.outcomes.rows;
        let train: Vec<&OutcomeRow> = split.train.iter().map(|row| &rows[*row]).collect();
        let all = Means::of(table, &train, |_| 0_u32);
        let by_label: Means<&str> = Means::of(table, &train, |row| row.task.as_str());
        let by_length: Means<u32> = Means::of(table, &train, octave);
        let reader = Reader::of(learned, &self.models, &all);
        let mut scratch = Scratch::default();
        for row in split.test.iter().map(|row| &rows[*row]) {
            let truth = row
                .q
                .iter()
                .map(|quality| f64::from(quality.unwrap_or(0.0)));
            self.quality.push(truth.clone());
            self.oracle.quality.push(truth);
            let costs: Vec<f64> = (0..self.models.len())
                .map(|model| table.cost(row, model))
                .collect();
            self.cost.push(costs.iter().copied());
            self.oracle.cost.push(costs);
            all.add(&mut self.fixed, None, table, None);
            by_label.add(&mut self.label, Some(&row.task.as_str()), table, Some(row));
            by_length.add(&mut self.length, Some(&octave(row)), table, Some(row));
            self.bytes.push(row.prompt.len());
            let (look, estimates) = self.read(&reader, row, &mut scratch);
            self.looks.push((self.readers.len(), look));
            self.expect(table, row, &estimates);
        }
        self.readers.push(reader);
    }

    /// Reads a row, and keeps how long that and the estimates took.
    fn read(
        &mut self,
        reader: &Reader,
        row: &OutcomeRow,
        scratch: &mut Scratch,
    ) -> (Assessment, Vec<Estimate>) {
        let mut estimates = Vec::with_capacity(reader.seats.len());
        let begun = std::time::Instant::now();
        let look = reader.read(row, scratch, &mut estimates);
        self.nanos.push(begun.elapsed().as_nanos() as u64);
        (look, estimates)
    }

    fn expect(&mut self, table: &Priced, row: &OutcomeRow, estimates: &[Estimate]) {
        let of =
            |value: fn(&Estimate) -> f32| estimates.iter().map(move |one| f64::from(value(one)));
        self.learned.quality.push(of(|estimate| estimate.quality));
        self.error.push(of(|estimate| estimate.error));
        let output = |estimate: &Estimate| match estimate.output_tokens {
            0.0 => ASSUMED_OUTPUT,
            tokens => f64::from(tokens),
        };
        let costs = estimates.iter().enumerate();
        (self.learned.cost)
            .push(costs.map(|(model, one)| table.expected_cost(row, model, output(one))));
    }
}

/// A router with the models of a table.
#[derive(Debug, Clone)]
struct Reader {
    learned: Arc<Learned>,
    seats: Vec<Option<Seat>>,
    published: Vec<Quality>,
}

impl Reader {
    fn of(learned: Learned, models: &[String], means: &Means<u32>) -> Self {
        let published = |mean: &Mean| Quality {
            mean: mean.quality as f32,
            error: 0.05,
            source: QualitySource::Benchmark,
        };
        Self {
            seats: models.iter().map(|name| learned.seat(name)).collect(),
            published: means.all.iter().map(published).collect(),
            learned: Arc::new(learned),
        }
    }

    /// How a row looks, and what is expected of all models on it.
    fn read(
        &self,
        row: &OutcomeRow,
        scratch: &mut Scratch,
        estimates: &mut Vec<Estimate>,
    ) -> Assessment {
        let assessment = self
            .learned
            .assess(row.core_task(), row.prompt.as_bytes(), scratch);
        for (seat, published) in self.seats.iter().zip(&self.published) {
            estimates.push(match seat {
                Some(seat) => self.learned.known(&assessment, *seat),
                None => {
                    let quality = self.learned.unseen(&assessment, *published, Scope::Overall);
                    Estimate {
                        quality: quality.mean,
                        error: quality.error,
                        output_tokens: 0.0,
                    }
                }
            });
        }
        assessment
    }
}

/// Length of a prompt, in steps of a factor of 1.4.
fn octave(row: &OutcomeRow) -> u32 {
    (2.0 * (1.0 + row.prompt.len() as f64).log2()) as u32
}

/// Mean quality, cost and answer length of each model, in all and by a key.
struct Means<K> {
    all: Vec<Mean>,
    by: HashMap<K, Vec<Mean>>,
}

/// Rows that the mean over everything counts as, beside those of a key.
const SHRINKAGE: f64 = 24.0;

#[derive(Clone, Copy, Default)]
struct Mean {
    rows: f64,
    quality: f64,
    cost: f64,
    output: f64,
}

impl Mean {
    fn towards(self, above: Self) -> Self {
        let of =
            |sum: f64, above: f64| (sum * self.rows + SHRINKAGE * above) / (self.rows + SHRINKAGE);
        Self {
            rows: self.rows,
            quality: of(self.quality, above.quality),
            cost: of(self.cost, above.cost),
            output: of(self.output, above.output),
        }
    }
}

impl<K: std::hash::Hash + Eq> Means<K> {
    fn of<'a>(table: &Priced, rows: &[&'a OutcomeRow], key: impl Fn(&'a OutcomeRow) -> K) -> Self {
        let width = table.outcomes.models.len();
        let mut all = vec![Mean::default(); width];
        let mut by: HashMap<K, Vec<Mean>> = HashMap::new();
        for row in rows {
            let of_key = by
                .entry(key(row))
                .or_insert_with(|| vec![Mean::default(); width]);
            for model in 0..width {
                let Some(quality) = row.q[model] else {
                    continue;
                };
                let (cost, output) = (table.cost(row, model), output_tokens(row, model));
                for mean in [&mut all[model], &mut of_key[model]] {
                    mean.rows += 1.0;
                    mean.quality += (f64::from(quality) - mean.quality) / mean.rows;
                    mean.cost += (cost - mean.cost) / mean.rows;
                    mean.output += (output - mean.output) / mean.rows;
                }
            }
        }
        for means in by.values_mut() {
            for (mean, above) in means.iter_mut().zip(&all) {
                *mean = mean.towards(*above);
            }
        }
        Self { all, by }
    }

    /// Adds a row to a method; without the row itself, costs are means as well.
    fn add(&self, method: &mut Method, key: Option<&K>, table: &Priced, row: Option<&OutcomeRow>) {
        let means = key.and_then(|key| self.by.get(key)).unwrap_or(&self.all);
        method.quality.push(means.iter().map(|mean| mean.quality));
        method
            .cost
            .push(means.iter().enumerate().map(|(model, mean)| match row {
                Some(row) => table.expected_cost(row, model, mean.output),
                None => mean.cost,
            }));
    }
}
