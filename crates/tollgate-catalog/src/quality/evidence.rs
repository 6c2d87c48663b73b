use tollgate_core::{Pricing, Rate, Task};
use tollgate_wire::{ArenaScore, Benchmarks, Model, QualityIndices};

use crate::price;

/// What a benchmark index measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    Intelligence = 0,
    Coding = 1,
}

impl Dimension {
    /// The index that stands for a task.
    pub(super) fn of(task: Task) -> Self {
        match task {
            Task::Code => Self::Coding,
            // The overall index is made of knowledge, mathematics and long reasoning.
            _ => Self::Intelligence,
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Intelligence => Self::Coding,
            Self::Coding => Self::Intelligence,
        }
    }
}

/// What the list says about one model's quality, directly or not.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) author: Box<str>,
    indices: [Option<f64>; 2],
    /// Mean Elo over the categories of the arena of single answers, in hundreds.
    pub(super) elo: Option<f64>,
    /// Natural logarithm of the blended price in dollars per million tokens.
    pub(super) log_price: Option<f64>,
    /// Years since 2020 when it appeared.
    pub(super) age: Option<f64>,
}

impl Evidence {
    pub(super) fn of(model: &Model) -> Self {
        let benchmarks = model.benchmarks.as_ref();
        let indices = benchmarks.and_then(|benchmarks| benchmarks.artificial_analysis.as_ref());
        Self {
            author: model.id.split('/').next().unwrap_or_default().into(),
            indices: [
                indices.and_then(|indices| indices.intelligence_index),
                indices.and_then(|indices| indices.coding_index),
            ],
            elo: mean_elo(model),
            log_price: log_price(model),
            age: age(model),
        }
    }

    /// The index, in tens of points.
    pub(super) fn index(&self, dimension: Dimension) -> Option<f64> {
        self.indices[dimension as usize].map(|points| points / 10.0)
    }
}

/// The arena where models answer once, as a gateway asks them to; the arenas of
/// agents measure the harness too.
const ARENA: &str = "models";

/// What [`Evidence`] reads, without the rest.
pub(crate) fn benchmarks_read_here(row: Benchmarks) -> Benchmarks {
    let mut benchmarks = Benchmarks::default();
    let scores = row.design_arena.into_iter();
    benchmarks.design_arena = scores
        .filter(|score| score.arena.as_deref() == Some(ARENA))
        .map(|score| {
            let mut read = ArenaScore::default();
            read.arena = score.arena;
            read.elo = score.elo;
            read
        })
        .collect();
    benchmarks.artificial_analysis = row.artificial_analysis.map(|row| {
        let mut indices = QualityIndices::default();
        indices.intelligence_index = row.intelligence_index;
        indices.coding_index = row.coding_index;
        indices
    });
    benchmarks
}

fn mean_elo(model: &Model) -> Option<f64> {
    let scores = model
        .benchmarks
        .iter()
        .flat_map(|benchmarks| &benchmarks.design_arena);
    let elo: Vec<f64> = scores
        .filter(|score| score.arena.as_deref() == Some(ARENA))
        .filter_map(|score| score.elo.as_ref()?.as_str().parse().ok())
        .collect();
    (!elo.is_empty()).then(|| elo.iter().sum::<f64>() / elo.len() as f64 / 100.0)
}

/// Three prompt tokens to one of output, the usual blend. A statistic, not an amount of money.
fn log_price(model: &Model) -> Option<f64> {
    let Pricing::Known(price) = price::of(model) else {
        return None;
    };
    let per_million = |rate: Rate| rate.attos() as f64 / 1e12;
    let blended = (3.0 * per_million(price.base.input) + per_million(price.base.output)) / 4.0;
    (blended > 0.0).then(|| blended.ln())
}

/// The age of a router says nothing of the model that it picks.
fn age(model: &Model) -> Option<f64> {
    let created = model.created.filter(|created| *created > 0)?;
    (price::of(model) != Pricing::Dynamic).then(|| years(created))
}

fn years(created: u64) -> f64 {
    const START_OF_2020: f64 = 1_577_836_800.0;
    const YEAR: f64 = 31_557_600.0;
    (created as f64 - START_OF_2020) / YEAR
}
