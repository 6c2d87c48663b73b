//! Published scores, brought into the form of a scores file.
//!
//! Each form of file is read into [`Reading`]s; names are matched with the
//! catalog's, and what several sources say of one model is pooled.

mod aider;
mod arena;
mod csv;
mod form;
mod listed;
mod livebench;
mod matching;
mod pool;
mod render;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use tollgate_core::{Task, Timestamp};
use tollgate_wire::Model;

pub use self::form::ScoresForm;
use self::matching::{Fit, Names};
use super::scores::{Origin, Row, Score, Scores};
use crate::CatalogError;

/// What a file says of one model at one task.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    /// As the file has it.
    name: String,
    task: Task,
    mean: f64,
    error: f64,
    /// When it was measured, where the file says so of each.
    date: Option<Timestamp>,
}

/// What is in a file.
#[derive(Debug, Default)]
struct Content {
    readings: Vec<Reading>,
    /// What of it cannot be read.
    unread: Vec<String>,
}

impl From<Vec<Reading>> for Content {
    fn from(readings: Vec<Reading>) -> Self {
        Self {
            readings,
            unread: Vec::new(),
        }
    }
}

/// A file that was read.
#[derive(Debug)]
struct Table {
    key: String,
    origin: Origin,
    content: Content,
}

/// A file of published scores.
#[derive(Debug, Clone)]
pub struct ScoresInput {
    /// Its name, which may say its date: `…2026_01_08.csv`.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// What files do not say of themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Their form; told by their content when absent.
    pub form: Option<ScoresForm>,
    /// When they were measured, `YYYY-MM-DD`; told by rows or names of files
    /// when absent.
    pub date: Option<String>,
    /// Under which terms they may be used; when absent, those that their
    /// publisher states.
    pub licence: Option<String>,
}

/// A scores file made of published ones, and what of them it lacks.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ImportedScores {
    scores: Scores,
    /// Names that no model of the catalog has.
    pub unmatched: Vec<String>,
    /// Names that fit several models equally well, or a model that another
    /// name fits as well; none is used.
    pub unclear: Vec<String>,
    /// Lines that cannot be read; the others of their file are used.
    pub unread: Vec<String>,
    /// Names that were matched.
    pub matched: usize,
}

/// Brings published scores into the form that `catalog.scores_path` takes.
///
/// A percentage becomes a share, with its binomial error where the file says
/// of how many cases; without, the error is measured by how little a model's
/// tasks agree. An Elo becomes the chance to win against the file's median.
/// Names are compared in normal forms and never by likeness.
///
/// ```
/// use std::path::PathBuf;
/// use tollgate_catalog::{ImportOptions, ScoresInput, import_scores};
/// use tollgate_wire::Model;
///
/// let text = "- model: Some-Model\n  test_cases: 225\n  pass_rate_2: 80.0\n  date: 2026-01-02\n";
/// let file = ScoresInput { path: PathBuf::from("board.yml"), text: text.into() };
/// let listed = Model::parse(br#"{"id":"some/some-model"}"#)?;
/// let imported = import_scores(&[file], &ImportOptions::default(), &[listed])?;
/// assert!(imported.to_toml().contains("\"some/some-model\" = { code = { value = 0.8000"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`CatalogError::ImportInvalid`] when a file is of no known form, or holds
/// something that is no score.
pub fn import_scores(
    files: &[ScoresInput],
    options: &ImportOptions,
    listing: &[Model],
) -> Result<ImportedScores, CatalogError> {
    let tables = form::read_all(files, options)?;
    let names = Names::of(listing);
    let mut report = Report::default();
    let mut pools: BTreeMap<(String, usize), Vec<pool::Part>> = BTreeMap::new();
    for table in &tables {
        for (id, readings) in report.match_up(table, &names) {
            for reading in readings {
                let place = (id.clone(), reading.task.index());
                pools.entry(place).or_default().push(pool::Part {
                    mean: reading.mean,
                    error: reading.error,
                    from: table.key.clone(),
                });
            }
        }
    }
    Ok(report.finish(scores(&tables, pools)))
}

impl ImportedScores {
    /// The scores file as TOML.
    pub fn to_toml(&self) -> String {
        render::toml(&self.scores)
    }

    /// The scores file as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.scores).expect("scores are numbers and texts under texts")
    }

    /// Models that have a score at least at one task.
    pub fn models(&self) -> usize {
        self.scores.models.len()
    }
}

fn scores(tables: &[Table], pools: BTreeMap<(String, usize), Vec<pool::Part>>) -> Scores {
    let origins = tables.iter().map(|table| &table.origin);
    let newest = origins.clone().map(|origin| origin.date.as_str()).max();
    let mut models: BTreeMap<String, Row> = BTreeMap::new();
    for ((id, task), parts) in pools {
        let (mean, error) = pool::pool(&parts);
        let mut from: Vec<String> = parts.iter().map(|part| part.from.clone()).collect();
        from.dedup();
        let score = Score::WithError {
            value: mean as f32,
            error: error as f32,
            from,
        };
        models.entry(id).or_default().set(Task::ALL[task], score);
    }
    Scores {
        source: "tollgate quality import".to_owned(),
        date: newest.unwrap_or_default().to_owned(),
        licence: None,
        sources: tables
            .iter()
            .map(|table| (table.key.clone(), table.origin.clone()))
            .collect(),
        models,
    }
}

/// What became of the names of all tables.
#[derive(Default)]
struct Report {
    unmatched: Vec<String>,
    unclear: Vec<String>,
    unread: Vec<String>,
    matched: usize,
}

impl Report {
    /// The readings of a table by the catalog's id.
    fn match_up<'t>(
        &mut self,
        table: &'t Table,
        names: &Names<'_>,
    ) -> BTreeMap<String, Vec<&'t Reading>> {
        let mut rows: BTreeMap<&str, Vec<&Reading>> = BTreeMap::new();
        let torn = table.content.unread.iter();
        self.unread
            .extend(torn.map(|line| format!("{}: {line}", table.key)));
        for reading in &table.content.readings {
            rows.entry(&reading.name).or_default().push(reading);
        }
        let mut claims: BTreeMap<&str, Vec<(matching::Level, &str)>> = BTreeMap::new();
        for name in rows.keys() {
            match names.fit(name) {
                Fit::One(level, id) => claims.entry(id).or_default().push((level, name)),
                Fit::Several => self.unclear.push((*name).to_owned()),
                Fit::None => self.unmatched.push((*name).to_owned()),
            }
        }
        let mut found = BTreeMap::new();
        for (id, mut rivals) in claims {
            rivals.sort_unstable();
            let is_clear = rivals.len() == 1 || rivals[0].0 < rivals[1].0;
            let used = if is_clear { 1 } else { 0 };
            let lost = rivals[used..].iter().map(|(_, name)| (*name).to_owned());
            self.unclear.extend(lost);
            if is_clear && let Some(readings) = rows.get(rivals[0].1) {
                self.matched += 1;
                found.insert(id.to_owned(), newest(readings));
            }
        }
        found
    }

    fn finish(mut self, scores: Scores) -> ImportedScores {
        self.unmatched.sort_unstable();
        self.unclear.sort_unstable();
        ImportedScores {
            scores,
            unmatched: self.unmatched,
            unclear: self.unclear,
            unread: self.unread,
            matched: self.matched,
        }
    }
}

/// Of a name that was measured again, the newest figure of each task.
fn newest<'t>(readings: &[&'t Reading]) -> Vec<&'t Reading> {
    let of_task = |task: Task| {
        let readings = readings.iter().filter(move |reading| reading.task == task);
        readings.max_by_key(|reading| reading.date).copied()
    };
    Task::ALL.into_iter().filter_map(of_task).collect()
}

#[cfg(test)]
mod tests;
