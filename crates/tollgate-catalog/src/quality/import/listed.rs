//! A list of models as OpenRouter gives it: the indices in its `benchmarks`.

use tollgate_core::{QualitySource, Task};
use tollgate_wire::{Model, ModelsPage};

use super::super::Ratings;
use super::Reading;
use crate::facts;

/// What benchmarks of the task itself say, on the catalog's own scale.
pub(super) fn read(text: &str) -> Result<Vec<Reading>, String> {
    let page = ModelsPage::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let models: Vec<&Model> = page
        .data
        .rows
        .iter()
        .filter(|model| facts::is_plain(model))
        .collect();
    let ratings = Ratings::learn(models.iter().copied(), None, None);
    let measured = models.iter().flat_map(|model| {
        let measured = |task: Task| {
            let quality = ratings.published(model, task)?;
            (quality.source == QualitySource::Benchmark).then(|| Reading {
                name: model.id.clone(),
                task,
                mean: f64::from(quality.mean),
                error: f64::from(quality.error),
                date: None,
            })
        };
        Task::ALL.into_iter().filter_map(measured)
    });
    Ok(measured.collect())
}
