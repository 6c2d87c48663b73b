//! The learned router that is configured, from its file.

use std::sync::Arc;

use tollgate_core::{CatalogView, Failure, FailureKind};
use tollgate_router_learned::{LearnError, Learned, NEUTRAL_DIFFICULTY};

use crate::config::LearnedConfig;

/// The word for what comes with the program.
const NEUTRAL: &str = "neutral";
/// Models that a warning names.
const NAMED: usize = 3;

/// Reads what is configured; `None` when nothing is.
///
/// # Errors
/// `Configuration` for a file that cannot be read or is no learned router of
/// this version, with how to mend it.
pub(crate) fn read(config: &LearnedConfig) -> Result<Option<Arc<Learned>>, Failure> {
    let Some(model) = &config.model else {
        return Ok(None);
    };
    let bytes = match model.as_str() {
        NEUTRAL => NEUTRAL_DIFFICULTY.to_vec(),
        path => std::fs::read(path).map_err(|error| {
            unusable(path, format!(
                "{error}; check the path, make the file with `tollgate router train`, or use `model = \"{NEUTRAL}\"`"
            ))
            .with_source(error)
        })?,
    };
    let learned = Learned::from_bytes(&bytes);
    let learned = learned
        .map_err(|error: LearnError| unusable(model, error.to_string()).with_source(error))?;
    Ok(Some(Arc::new(learned)))
}

fn unusable(path: &str, hint: String) -> Failure {
    Failure::new(
        FailureKind::Configuration,
        "the learned router cannot be used",
    )
    .with("learned.model", path)
    .with_hint(hint)
}

/// Says which models were learned of that the catalog does not have: names of a
/// table that are no ids of the catalog make a file useless without a word.
pub(crate) fn warning(learned: &Learned, view: &CatalogView) -> Option<String> {
    let is_unknown = |name: &&String| view.find(name).is_none();
    let unknown: Vec<_> = learned.models().iter().filter(is_unknown).collect();
    let named: Vec<&str> = unknown
        .iter()
        .take(NAMED)
        .map(|name| name.as_str())
        .collect();
    match named.is_empty() {
        true => None,
        false => Some(format!(
            "of {} models that were learned of, {} are not in the catalog, such as {}; \
             train with the catalog's ids",
            learned.models().len(),
            unknown.len(),
            named.join(", ")
        )),
    }
}
