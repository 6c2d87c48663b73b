//! From outcomes to a [`Learned`].

mod assemble;
mod clusters;
mod eigen;
mod familiar;
mod means;
mod of_score;
mod skills;
mod sparse;

use crate::learned::MOST_OUTPUTS;
use crate::{LearnError, Learned, Outcomes};

use self::clusters::Clusters;
use self::means::Means;
use self::skills::Skills;
use self::sparse::Matrix;
pub(crate) use self::sparse::{NO_COLUMN, Scaling};

/// How to train. The defaults were chosen on folds of public outcomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainConfig {
    /// Most clusters; labels beyond that share the last one. Default 24, at most 48.
    pub clusters: usize,
    /// Most skills beside the common one. Default 8, at most 15.
    pub skills: usize,
    /// Penalty on the weights of what all models share. Default 2.
    pub common_alpha: f32,
    /// Penalty on the weights of what sets models apart: most of it is noise,
    /// and a choice picks out the luckiest noise. Default 10.
    pub apart_alpha: f32,
    /// Rows that a coarser mean counts as, beside the rows of a finer one. Default 24.
    pub shrinkage: f32,
    /// Standard deviation of a figure's column; an n-gram's is well below 1. Default 0.1.
    pub figure_weight: f32,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            clusters: 24,
            skills: 8,
            common_alpha: 2.0,
            apart_alpha: 10.0,
            shrinkage: 24.0,
            figure_weight: 0.1,
        }
    }
}

/// Penalty on the weights that tell clusters apart: labels have little noise.
const CLUSTER_ALPHA: f32 = 0.3;
/// Rows below which nothing is learned.
const LEAST_ROWS: usize = 40;
/// Models that a seat can name.
const MOST_MODELS: usize = u16::MAX as usize;

/// Learns from outcomes. Takes seconds for ten thousand rows, and is the same
/// for the same rows.
///
/// # Errors
/// [`LearnError::TooFew`] and [`LearnError::Models`] when there is nothing to
/// learn from.
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
    let mut learned = fit(outcomes, config, Familiar::Measured);
    of_score::fit(&mut learned, outcomes, config);
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

/// Everything but how quality follows from scores.
fn fit(outcomes: &Outcomes, config: &TrainConfig, familiar: Familiar) -> Learned {
    let prompts = outcomes.rows.iter().map(|row| row.prompt.as_bytes());
    let matrix = Matrix::of(prompts, config.figure_weight);
    let clusters = Clusters::of(outcomes, config.clusters.min(MOST_OUTPUTS - 16));
    let means = Means::of(outcomes, &clusters, config.shrinkage);
    let cluster_weights = match clusters.count {
        0 => Vec::new(),
        count => matrix.ridge(&clusters.one_hot(), count, CLUSTER_ALPHA),
    };
    let skills = Skills::of(&matrix, &means.left(outcomes, &clusters), config);
    let familiar = match familiar {
        Familiar::Measured => familiar::bounds(&matrix, &clusters),
        Familiar::Unasked => [0.0, 1.0],
    };
    let learned = assemble::learned(
        outcomes,
        &matrix,
        &clusters,
        &cluster_weights,
        &skills,
        means,
    );
    Learned {
        familiar,
        ..learned
    }
}

/// Whether a fit is asked how familiar prompts are, which takes most of its time.
#[derive(Clone, Copy)]
enum Familiar {
    Measured,
    Unasked,
}
