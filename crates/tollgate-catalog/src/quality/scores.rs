//! Quality scores of the user's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tollgate_core::{Quality, QualitySource, Task, Timestamp};

use crate::CatalogError;

/// Standard error of a score that gives none.
const DEFAULT_ERROR: f32 = 0.05;

/// A scores file: per model id or pattern, per task, the chance of a good answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scores {
    /// Who measured.
    pub(crate) source: String,
    /// When, `YYYY-MM-DD`.
    pub(crate) date: String,
    /// Under which terms the figures may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) licence: Option<String>,
    /// What scores say that they are `from`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sources: BTreeMap<String, Origin>,
    /// Ids, canonical names, or patterns with `*`.
    pub(crate) models: BTreeMap<String, Row>,
}

/// Who measured a part of the scores.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    /// Name for people.
    pub(crate) name: String,
    /// When, `YYYY-MM-DD`.
    pub(crate) date: String,
    /// Under which terms the figures may be used.
    pub(crate) licence: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    chat: Option<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Score>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Score {
    Value(f32),
    WithError {
        value: f32,
        error: f32,
        /// Keys of `Scores::sources`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        from: Vec<String>,
    },
}

impl Scores {
    /// Reads a file: JSON when its name ends so, else TOML.
    pub(crate) fn read(path: &Path) -> Result<Self, CatalogError> {
        let text = fs::read_to_string(path).map_err(|source| CatalogError::ScoresUnreadable {
            path: path.into(),
            source,
        })?;
        let is_json = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        let scores = if is_json {
            Self::from_json(&text)
        } else {
            Self::from_toml(&text)
        };
        scores.map_err(|problem| CatalogError::ScoresInvalid {
            path: path.into(),
            problem,
        })
    }

    pub(crate) fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str::<Self>(text)
            .map_err(|error| error.to_string())?
            .checked()
    }

    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str::<Self>(text)
            .map_err(|error| error.to_string())?
            .checked()
    }

    /// The score of a task under the first of `names` that has one: exact rows
    /// first, then patterns, the longest first.
    pub(crate) fn find<'n>(
        &self,
        names: impl Iterator<Item = &'n str> + Clone,
        task: Task,
    ) -> Option<Quality> {
        let (mean, error) = self.score(names, task)?.parts();
        Some(Quality {
            mean,
            error,
            source: QualitySource::Scores,
        })
    }

    fn score<'n>(
        &self,
        names: impl Iterator<Item = &'n str> + Clone,
        task: Task,
    ) -> Option<&Score> {
        let exact = names
            .clone()
            .find_map(|name| self.models.get(name)?.score(task));
        exact.or_else(|| {
            let matches = |pattern: &str| names.clone().any(|name| is_match(pattern, name));
            let patterns = self
                .models
                .iter()
                .filter(|(pattern, _)| pattern.contains('*') && matches(pattern));
            let scored =
                patterns.filter_map(|(pattern, row)| Some((pattern.len(), row.score(task)?)));
            scored
                .max_by_key(|(length, _)| *length)
                .map(|(_, score)| score)
        })
    }

    /// Who measured the score that [`find`](Self::find) gives, for people.
    pub(crate) fn who<'n>(
        &self,
        names: impl Iterator<Item = &'n str> + Clone,
        task: Task,
    ) -> Option<String> {
        let from = self.score(names, task)?.from();
        let origins = from.iter().filter_map(|key| self.sources.get(key));
        let told: Vec<String> = origins
            .map(|origin| format!("{}, {}, {}", origin.name, origin.date, origin.licence))
            .collect();
        Some(match (told.is_empty(), &self.licence) {
            (false, _) => told.join("; "),
            (true, None) => format!("{}, {}", self.source, self.date),
            (true, Some(licence)) => format!("{}, {}, {licence}", self.source, self.date),
        })
    }

    /// Rows that no model of `names` answers to.
    pub(crate) fn unmatched<'n>(
        &self,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Vec<String> {
        let is_unmatched = |pattern: &&String| !names.clone().any(|name| is_match(pattern, name));
        self.models.keys().filter(is_unmatched).cloned().collect()
    }

    fn checked(self) -> Result<Self, String> {
        if Timestamp::parse_date(&self.date).is_none() {
            return Err(format!(
                "date = {:?} is not of the form YYYY-MM-DD",
                self.date
            ));
        }
        for (key, origin) in &self.sources {
            if Timestamp::parse_date(&origin.date).is_none() {
                let date = &origin.date;
                return Err(format!(
                    "sources.{key}.date = {date:?} is not of the form YYYY-MM-DD"
                ));
            }
        }
        for (name, row) in &self.models {
            for (task, score) in Task::ALL
                .iter()
                .filter_map(|task| Some((task, row.score(*task)?)))
            {
                let (value, error) = score.parts();
                if !(0.0..=1.0).contains(&value) || !(0.0..=0.5).contains(&error) {
                    let task = task.as_str();
                    return Err(format!(
                        "{name}: {task} = {value} ± {error}; a value is 0 to 1 and an error 0 to 0.5"
                    ));
                }
                let unknown = |key: &&String| !self.sources.contains_key(*key);
                if let Some(key) = score.from().iter().find(unknown) {
                    let task = task.as_str();
                    return Err(format!(
                        "{name}: {task} is from {key:?}, which is not in sources"
                    ));
                }
            }
        }
        Ok(self)
    }
}

impl Row {
    pub(crate) fn score(&self, task: Task) -> Option<&Score> {
        match task {
            Task::Chat => self.chat.as_ref(),
            Task::Code => self.code.as_ref(),
            Task::Reasoning => self.reasoning.as_ref(),
        }
    }

    pub(crate) fn set(&mut self, task: Task, score: Score) {
        let place = match task {
            Task::Chat => &mut self.chat,
            Task::Code => &mut self.code,
            Task::Reasoning => &mut self.reasoning,
        };
        *place = Some(score);
    }
}

impl Score {
    pub(crate) fn parts(&self) -> (f32, f32) {
        match self {
            Self::Value(value) => (*value, DEFAULT_ERROR),
            Self::WithError { value, error, .. } => (*value, *error),
        }
    }

    pub(crate) fn from(&self) -> &[String] {
        match self {
            Self::Value(_) => &[],
            Self::WithError { from, .. } => from,
        }
    }
}

/// Whether `name` fits `pattern`, in which `*` stands for anything.
fn is_match(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(rest) = name.strip_prefix(head) else {
        return false;
    };
    let mut starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts.any(|at| is_match(tail, &rest[at..]))
}

#[cfg(test)]
mod tests;
