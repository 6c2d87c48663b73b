//! From outcomes to a [`Learned`].

mod assemble;
mod caution;
mod clusters;
mod eigen;
mod logistic;
mod means;
mod novelty;
mod of_score;
mod penalty;
mod skills;
mod sparse;

use crate::learned::{MOST_CAUTION, MOST_OUTPUTS};
use crate::{LearnError, Learned, OutcomeRow, Outcomes};

use self::clusters::Clusters;
use self::means::Means;
use self::skills::{Left, Penalties, Skills};
use self::sparse::Matrix;
pub(crate) use self::sparse::{NO_COLUMN, Scaling};

/// How to train. The defaults were chosen on folds of public outcomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainConfig {
    /// Most clusters; labels beyond that share the last one. Default 24, at most 48.
    pub clusters: usize,
    /// Most skills beside the common one. Default 15, which is the most.
    pub skills: usize,
    /// Rows that a coarser mean counts as, beside the rows of a finer one. Default 24.
    pub shrinkage: f32,
    /// Standard deviation of a figure's column; an n-gram's is well below 1. Default 0.1.
    pub figure_weight: f32,
    /// Standard errors by which a gain must exceed what may be otherwise on a
    /// task that was not trained on; see [`Learned::doubt`]. Measured when absent,
    /// which takes a fifth to a third of a training; 0 leaves the error of sampling as the
    /// only doubt. At most 100.
    pub caution: Option<f32>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            clusters: 24,
            skills: 15,
            shrinkage: 24.0,
            figure_weight: 0.1,
            caution: None,
        }
    }
}

/// Penalty on the weights that tell clusters apart: labels have little noise.
const CLUSTER_ALPHA: f32 = 0.3;
/// Groups in which clusters are left out. Each costs a regression or a training;
/// with fewer, more clusters would be left out together with one that is like them.
const GROUPS: usize = 4;
/// Rows below which nothing is learned.
const LEAST_ROWS: usize = 40;
/// Models that a seat can name.
const MOST_MODELS: usize = u16::MAX as usize;

/// Learns from outcomes. Takes ten seconds for 5,800 rows of 29 models, and is the same
/// for the same rows.
///
/// # Errors
/// [`LearnError::TooFew`] and [`LearnError::Models`] when there is nothing to
/// learn from, [`LearnError::Caution`] when one is given that is out of range.
pub fn train(outcomes: &Outcomes, config: &TrainConfig) -> Result<Learned, LearnError> {
    let rows = outcomes.rows.len();
    if rows < LEAST_ROWS {
        return Err(LearnError::TooFew {
            rows,
            least: LEAST_ROWS,
        });
    }
    let models = outcomes.models.len();
    if models == 0 || models > MOST_MODELS {
        return Err(LearnError::Models {
            models,
            most: MOST_MODELS,
        });
    }
    if let Some(given) = config.caution
        && !(0.0..=MOST_CAUTION).contains(&given)
    {
        return Err(LearnError::Caution {
            given,
            most: MOST_CAUTION,
        });
    }
    let table = Table::of(outcomes, config);
    let measured = table.measured();
    let caution = (config.caution)
        .unwrap_or_else(|| caution::measured(outcomes, &table.clusters, config, &measured));
    let mut learned = Learned {
        caution,
        ..table.fit(config, &measured)
    };
    of_score::fit(&mut learned, outcomes, config, &measured);
    Ok(learned.named())
}

/// Learns how hard prompts are from all tables alike, and nothing of single
/// models. Clusters and skills tell models apart, so it has none.
///
/// # Errors
/// [`LearnError::TooFew`] when there is nothing to learn from.
pub fn train_neutral(tables: &[Outcomes]) -> Result<Learned, LearnError> {
    let config = TrainConfig {
        clusters: 0,
        skills: 0,
        ..TrainConfig::default()
    };
    Ok(train(&Outcomes::of_average(tables), &config)?.without_models())
}

/// Outcomes in the forms that are fitted.
struct Table<'a> {
    outcomes: &'a Outcomes,
    matrix: Matrix,
    clusters: Clusters,
    means: Means,
    left: Left,
}

/// What is found out by leaving rows out. Trainings on parts of the rows take it
/// from all of them: it is a handful of numbers, and they are none the wiser.
struct Measured {
    penalties: Penalties,
    /// See [`novelty::log_odds`].
    novelty: [f32; 2],
}

impl<'a> Table<'a> {
    fn of(outcomes: &'a Outcomes, config: &TrainConfig) -> Self {
        let prompts = outcomes.rows.iter().map(|row| row.prompt.as_bytes());
        let matrix = Matrix::of(prompts, config.figure_weight);
        let clusters = Clusters::of(outcomes, config.clusters.min(MOST_OUTPUTS - 16));
        let means = Means::of(outcomes, &clusters, config.shrinkage);
        Self {
            left: means.left(outcomes, &clusters),
            outcomes,
            matrix,
            clusters,
            means,
        }
    }

    fn measured(&self) -> Measured {
        let quarter_of: Vec<usize> = self.outcomes.rows.iter().map(quarter_of).collect();
        Measured {
            penalties: Penalties::of(&self.matrix, &self.clusters, &self.left, &quarter_of),
            novelty: novelty::log_odds(&self.matrix, &self.clusters, &quarter_of),
        }
    }

    /// Everything but the caution, and how quality follows from scores.
    fn fit(self, config: &TrainConfig, measured: &Measured) -> Learned {
        let cluster_weights = match self.clusters.count {
            0 => Vec::new(),
            count => (self.matrix).ridge(&self.clusters.one_hot(), count, CLUSTER_ALPHA),
        };
        let skills = Skills::of(&self.matrix, &self.left, &measured.penalties, config.skills);
        let learned = assemble::learned(
            self.outcomes,
            &self.matrix,
            &self.clusters,
            &cluster_weights,
            &skills,
            self.means,
        );
        Learned {
            novelty: measured.novelty,
            ..learned
        }
    }
}

/// A quarter for each row, by a hash of its name, because tables are often
/// sorted or interleaved by task.
fn quarter_of(row: &OutcomeRow) -> usize {
    let hash = row.id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    // Numbers that follow each other differ in their last byte, which has moved the
    // low bits alone.
    let mixed = (hash ^ (hash >> 15)).wrapping_mul(0x85eb_ca6b);
    ((mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35) >> 30) as usize
}
