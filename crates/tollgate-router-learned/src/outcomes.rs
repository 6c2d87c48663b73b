//! Recorded outcomes: which model answered which prompt how well.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tollgate_core::Task;

use crate::LearnError;

/// A model of a table of outcomes, with its list price where one is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeModel {
    /// Its name in the table.
    pub name: String,
    /// US dollars per million prompt tokens, for evaluations.
    #[serde(rename = "in", default)]
    pub input: Option<f64>,
    /// US dollars per million answer tokens, for evaluations.
    #[serde(rename = "out", default)]
    pub output: Option<f64>,
}

/// One prompt, and how each model of the table did on it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OutcomeRow {
    /// Name of the row.
    pub id: String,
    /// Data set or subject: what the cluster of the prompt is named after.
    #[serde(default)]
    pub task: String,
    /// `code`, `reasoning`, `knowledge`, `chat` or `mixed`.
    #[serde(default)]
    pub kind: String,
    /// Benchmark that the row belongs to, where a table has several.
    #[serde(default)]
    pub bench: String,
    /// Whether the row is left out of the benchmark's own protocol, because it
    /// may have been in the training data of a model.
    #[serde(default)]
    pub contaminated: bool,
    /// The prompt.
    pub prompt: String,
    /// Prompt tokens.
    #[serde(default)]
    pub in_tok: Option<f64>,
    /// Quality of each model's answer, 0 to 1; `None` where it was not asked.
    pub q: Vec<Option<f32>>,
    /// Tokens of each model's answer.
    #[serde(default)]
    pub out_tok: Vec<Option<f64>>,
    /// US dollars of each call, where they were recorded.
    #[serde(default)]
    pub cost_usd: Vec<Option<f64>>,
}

/// What the kind of a row can be; none is chat.
const KINDS: [&str; 6] = ["", "code", "reasoning", "knowledge", "chat", "mixed"];

impl OutcomeRow {
    /// The core task of the row's kind: whatever is neither code nor reasoning
    /// is chat, as it is when a call is profiled.
    pub fn core_task(&self) -> Task {
        match self.kind.as_str() {
            "code" => Task::Code,
            "reasoning" => Task::Reasoning,
            _ => Task::Chat,
        }
    }
}

/// A table of outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcomes {
    /// The models, in the order of the rows' lists.
    pub models: Vec<OutcomeModel>,
    /// The rows.
    pub rows: Vec<OutcomeRow>,
}

impl Outcomes {
    /// Reads lines of JSON, one row each.
    ///
    /// # Errors
    /// [`LearnError::Twice`] for two models of one name, [`LearnError::Row`] for a
    /// line that is no row, [`LearnError::Width`] for one whose lists are not as
    /// long as `models`, and [`LearnError::Quality`] for one whose qualities are
    /// not all between 0 and 1.
    pub fn parse(models: Vec<OutcomeModel>, lines: &[u8]) -> Result<Self, LearnError> {
        let mut names = HashSet::with_capacity(models.len());
        if let Some(twice) = models.iter().find(|model| !names.insert(&*model.name)) {
            return Err(LearnError::Twice(twice.name.clone()));
        }
        let mut rows = Vec::new();
        for (number, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let line_number = number + 1;
            let row: OutcomeRow =
                serde_json::from_slice(line).map_err(|source| LearnError::Row {
                    line: line_number,
                    source,
                })?;
            let lists = [row.q.len(), row.out_tok.len(), row.cost_usd.len()];
            if let Some(found) = wrong_length(lists, models.len()) {
                return Err(LearnError::Width {
                    line: line_number,
                    found,
                    models: models.len(),
                });
            }
            if row
                .q
                .iter()
                .flatten()
                .any(|quality| !(0.0..=1.0).contains(quality))
            {
                return Err(LearnError::Quality { line: line_number });
            }
            rows.push(row);
        }
        Ok(Self { models, rows })
    }
}

impl Outcomes {
    /// The first kind that is none of those there are: its rows are taken for chat.
    pub fn unknown_kind(&self) -> Option<&str> {
        let mut kinds = self.rows.iter().map(|row| row.kind.as_str());
        kinds.find(|kind| !KINDS.contains(kind))
    }

    /// All rows of several tables, with the models of all of them; models of the
    /// same name are one.
    pub fn joined(tables: &[Self]) -> Self {
        let mut models: Vec<OutcomeModel> = Vec::new();
        let mut rows = Vec::new();
        let mut places_of: Vec<Vec<usize>> = Vec::new();
        for table in tables {
            let places = table.models.iter().map(|model| {
                let known = models.iter().position(|known| known.name == model.name);
                known.unwrap_or_else(|| {
                    models.push(model.clone());
                    models.len() - 1
                })
            });
            places_of.push(places.collect());
        }
        for (table, places) in tables.iter().zip(&places_of) {
            rows.extend(table.rows.iter().map(|row| OutcomeRow {
                q: spread_out(&row.q, places, models.len()),
                out_tok: spread_out(&row.out_tok, places, models.len()),
                cost_usd: spread_out(&row.cost_usd, places, models.len()),
                ..row.clone()
            }));
        }
        Self { models, rows }
    }

    /// One model that stands for all: on each row as much better than on the
    /// others as the models of its table were. Rows of tables with strong and
    /// with weak models then say the same thing: how hard the prompt is.
    pub fn of_average(tables: &[Self]) -> Self {
        const MIDDLE: f32 = 0.65;
        let mut rows = Vec::new();
        for table in tables {
            let means: Vec<f32> = table.rows.iter().map(|row| mean(&row.q)).collect();
            let known = means.iter().filter(|mean| mean.is_finite());
            let all = known.clone().sum::<f32>() / known.count().max(1) as f32;
            for (row, mean) in table
                .rows
                .iter()
                .zip(means)
                .filter(|(_, mean)| mean.is_finite())
            {
                rows.push(OutcomeRow {
                    q: vec![Some((mean - all + MIDDLE).clamp(0.0, 1.0))],
                    out_tok: Vec::new(),
                    cost_usd: Vec::new(),
                    ..row.clone()
                });
            }
        }
        let models = vec![OutcomeModel {
            name: "average".to_owned(),
            input: None,
            output: None,
        }];
        Self { models, rows }
    }
}

fn spread_out<T: Copy>(values: &[Option<T>], places: &[usize], width: usize) -> Vec<Option<T>> {
    let mut wide = vec![None; width];
    for (value, place) in values.iter().zip(places) {
        wide[*place] = *value;
    }
    wide
}

/// The mean of what is known; not a number where nothing is.
pub(crate) fn mean(values: &[Option<f32>]) -> f32 {
    let known = values.iter().flatten();
    known.clone().sum::<f32>() / known.count() as f32
}

/// The length of a list that is not `models`; lists other than the first may be absent.
fn wrong_length([q, out_tok, cost]: [usize; 3], models: usize) -> Option<usize> {
    if q != models {
        return Some(q);
    }
    [out_tok, cost]
        .into_iter()
        .find(|length| *length != 0 && *length != models)
}
