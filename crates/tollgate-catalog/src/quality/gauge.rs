use tollgate_core::{Quality, QualitySource};

use super::evidence::{Dimension, Evidence};
use super::regression::{Regression, Row};
use super::scale::{Scale, chance};

/// Standard error of a published benchmark as a measure of our tasks.
const BENCHMARK_ERROR: f64 = 0.03;
/// Least standard error of a benchmark of another kind.
const RELATED_ERROR: f64 = 0.08;
/// Least standard error of what is known of like models.
const PRIOR_ERROR: f64 = 0.10;

/// Measures one dimension of quality by whatever evidence there is. Each way
/// is learnt from the models that have both the index and that evidence.
#[derive(Debug)]
pub(super) struct Gauge {
    dimension: Dimension,
    scale: Option<Scale>,
    by_other_index: Option<Regression<1>>,
    by_elo: Option<Regression<1>>,
    by_price_and_age: Option<Regression<2>>,
    by_age: Option<Regression<1>>,
}

impl Gauge {
    pub(super) fn fit(dimension: Dimension, evidence: &[Evidence]) -> Self {
        let scale = Scale::fit(
            evidence
                .iter()
                .filter_map(|one| one.index(dimension))
                .collect(),
        );
        let other = dimension.other();
        Self {
            dimension,
            scale,
            by_other_index: learn(scale, dimension, evidence, |one| Some([one.index(other)?])),
            by_elo: learn(scale, dimension, evidence, |one| Some([one.elo?])),
            by_price_and_age: learn(scale, dimension, evidence, price_and_age),
            by_age: learn(scale, dimension, evidence, |one| Some([one.age?])),
        }
    }

    /// The quality by the best evidence; `None` when nothing can be said.
    pub(super) fn quality(&self, evidence: &Evidence) -> Option<Quality> {
        self.measured(evidence)
            .or_else(|| self.related(evidence))
            .or_else(|| self.prior(evidence))
    }

    fn measured(&self, evidence: &Evidence) -> Option<Quality> {
        let logit = self.scale?.logit(evidence.index(self.dimension)?);
        Some(quality(logit, BENCHMARK_ERROR, QualitySource::Benchmark))
    }

    fn related(&self, evidence: &Evidence) -> Option<Quality> {
        let by = |way: &Option<Regression<1>>, x: Option<f64>| {
            let way = way.as_ref()?;
            let error = way.error().max(RELATED_ERROR);
            Some(quality(
                way.logit(&evidence.author, &[x?]),
                error,
                QualitySource::RelatedBenchmark,
            ))
        };
        by(&self.by_other_index, evidence.index(self.dimension.other()))
            .or_else(|| by(&self.by_elo, evidence.elo))
    }

    fn prior(&self, evidence: &Evidence) -> Option<Quality> {
        let author = &evidence.author;
        let priced = || {
            let way = self.by_price_and_age.as_ref()?;
            Some((way.logit(author, &price_and_age(evidence)?), way.error()))
        };
        let unpriced = || {
            let way = self.by_age.as_ref()?;
            Some((way.logit(author, &[evidence.age?]), way.error()))
        };
        let (logit, error) = priced().or_else(unpriced)?;
        Some(quality(logit, error.max(PRIOR_ERROR), QualitySource::Prior))
    }
}

fn price_and_age(evidence: &Evidence) -> Option<[f64; 2]> {
    Some([evidence.log_price?, evidence.age?])
}

fn learn<const N: usize>(
    scale: Option<Scale>,
    dimension: Dimension,
    evidence: &[Evidence],
    features: impl Fn(&Evidence) -> Option<[f64; N]>,
) -> Option<Regression<N>> {
    let scale = scale?;
    let row = |one: &Evidence| {
        let y = scale.logit(one.index(dimension)?);
        Some(Row {
            author: one.author.clone(),
            x: features(one)?,
            y,
        })
    };
    Regression::fit(&evidence.iter().filter_map(row).collect::<Vec<_>>())
}

fn quality(logit: f64, error: f64, source: QualitySource) -> Quality {
    Quality {
        mean: chance(logit) as f32,
        error: error as f32,
        source,
    }
}
