//! The forms of files that can be imported, and which of them a file is.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tollgate_core::{Task, Timestamp};

use super::livebench::Categories;
use super::{Content, ImportOptions, Reading, ScoresInput, Table, aider, arena, listed, livebench};
use crate::CatalogError;
use crate::quality::scores::{Origin, Scores};

/// A form of published scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ScoresForm {
    /// Aider's polyglot leaderboard, a YAML list.
    Aider,
    /// LiveBench's table, with its file of categories beside it.
    LiveBench,
    /// LMArena's table of Elo ratings.
    LmArena,
    /// A list of models with `benchmarks`, as OpenRouter gives it.
    Catalog,
    /// A scores file, such as this import makes.
    Scores,
}

/// What is known of a form beside its files.
struct Publisher {
    form: ScoresForm,
    key: &'static str,
    name: &'static str,
    /// What its publisher states.
    licence: &'static str,
}

const UNSTATED: &str = "not stated";

const PUBLISHERS: [Publisher; 5] = [
    Publisher {
        form: ScoresForm::Aider,
        key: "aider",
        name: "Aider polyglot leaderboard",
        licence: "Apache-2.0",
    },
    Publisher {
        form: ScoresForm::LiveBench,
        key: "livebench",
        name: "LiveBench",
        licence: UNSTATED,
    },
    Publisher {
        form: ScoresForm::LmArena,
        key: "lmarena",
        name: "LMArena",
        licence: UNSTATED,
    },
    Publisher {
        form: ScoresForm::Catalog,
        key: "catalog",
        name: "benchmarks of the catalog",
        licence: UNSTATED,
    },
    Publisher {
        form: ScoresForm::Scores,
        key: "scores",
        name: "a scores file",
        licence: UNSTATED,
    },
];

impl ScoresForm {
    /// The names by which it can be asked for.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("aider", Self::Aider),
        ("livebench", Self::LiveBench),
        ("lmarena", Self::LmArena),
        ("catalog", Self::Catalog),
        ("scores", Self::Scores),
    ];

    fn publisher(self) -> &'static Publisher {
        let mut publishers = PUBLISHERS.iter();
        let found = publishers.find(|publisher| publisher.form == self);
        found.expect("each form has a row, as a test makes sure")
    }

    /// The form of a file by what is in it.
    fn of(file: &ScoresInput, sight: &Sight) -> Result<Self, String> {
        let first = file.text.lines().next().unwrap_or_default();
        let has = |heading: &str| first.split(',').any(|known| known == heading);
        match sight {
            Sight::Json(value) if value["data"].is_array() => Ok(Self::Catalog),
            Sight::Json(value) if value["models"].is_object() => Ok(Self::Scores),
            Sight::Text if has(arena::HEADING) => Ok(Self::LmArena),
            Sight::Text if has("model") => Ok(Self::LiveBench),
            Sight::Text if file.text.contains("[models]") => Ok(Self::Scores),
            Sight::Text if file.text.contains("pass_rate_2:") => Ok(Self::Aider),
            _ => {
                let known = Self::NAMES.map(|(name, _)| name).join(", ");
                Err(format!("it is none of {known}"))
            }
        }
    }
}

impl std::str::FromStr for ScoresForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut names = Self::NAMES.into_iter();
        let found = names.find(|(name, _)| *name == text);
        found.map(|(_, form)| form).ok_or_else(|| {
            let known = Self::NAMES.map(|(name, _)| name).join(", ");
            format!("there is no form {text:?}; it is one of {known}")
        })
    }
}

/// What a file is at first sight.
enum Sight {
    Json(Value),
    /// Which columns of LiveBench belong together; it comes beside a table.
    Categories(Categories),
    Text,
}

impl Sight {
    fn of(file: &ScoresInput) -> Result<Self, String> {
        if !file.text.trim_start().starts_with('{') {
            return Ok(Self::Text);
        }
        if let Ok(categories) = serde_json::from_str(&file.text) {
            return Ok(Self::Categories(categories));
        }
        let value = serde_json::from_str(&file.text);
        value.map(Self::Json).map_err(|error| error.to_string())
    }
}

/// Reads all files; those of categories belong to the tables beside them.
pub(super) fn read_all(
    files: &[ScoresInput],
    options: &ImportOptions,
) -> Result<Vec<Table>, CatalogError> {
    let mut categories = Categories::new();
    let mut rest = Vec::new();
    for file in files {
        match Sight::of(file).map_err(|problem| invalid(file, problem))? {
            Sight::Categories(found) => categories.extend(found),
            sight => rest.push((file, sight)),
        }
    }
    let read = |(file, sight): &(&ScoresInput, Sight)| {
        read(file, sight, &categories, options).map_err(|problem| invalid(file, problem))
    };
    let mut tables: Vec<Table> = rest.iter().map(read).collect::<Result<_, _>>()?;
    tell_apart(&mut tables);
    Ok(tables)
}

/// Of several files of one form, the second and further ones get a number.
fn tell_apart(tables: &mut [Table]) {
    for at in 1..tables.len() {
        let (before, rest) = tables.split_at_mut(at);
        let table = &mut rest[0];
        let form = table.key.clone();
        let mut number = 1;
        while before.iter().any(|other| other.key == table.key) {
            number += 1;
            table.key = format!("{form}{number}");
        }
    }
}

fn invalid(file: &ScoresInput, problem: String) -> CatalogError {
    CatalogError::ImportInvalid {
        path: file.path.clone(),
        problem,
    }
}

fn read(
    file: &ScoresInput,
    sight: &Sight,
    categories: &Categories,
    options: &ImportOptions,
) -> Result<Table, String> {
    let form = match options.form {
        Some(form) => form,
        None => ScoresForm::of(file, sight)?,
    };
    let mut said = None;
    let content: Content = match form {
        ScoresForm::Aider => aider::read(&file.text)?.into(),
        ScoresForm::LiveBench if categories.is_empty() => {
            return Err("its file of categories is missing; name it beside the table".into());
        }
        ScoresForm::LiveBench => livebench::read(&file.text, categories)?,
        ScoresForm::LmArena => arena::read(&file.text)?,
        ScoresForm::Catalog => listed::read(&file.text)?.into(),
        ScoresForm::Scores => {
            let scores = match sight {
                Sight::Text => Scores::from_toml(&file.text)?,
                _ => Scores::from_json(&file.text)?,
            };
            let readings = given(&scores);
            said = Some(scores);
            readings.into()
        }
    };
    let publisher = form.publisher();
    let by_rows = content
        .readings
        .iter()
        .filter_map(|reading| reading.date)
        .max();
    let licence = said.as_ref().and_then(|scores| scores.licence.clone());
    let own_date = said.as_ref().map(|scores| scores.date.clone());
    let is_date = |date: &String| Timestamp::parse_date(date).is_some();
    if let Some(date) = options.date.as_ref().filter(|date| !is_date(date)) {
        return Err(format!("--date {date:?} is not of the form YYYY-MM-DD"));
    }
    let date = options
        .date
        .clone()
        .or_else(|| own_date.filter(is_date))
        .or_else(|| by_rows.map(day))
        .or_else(|| date_in(&file.path).filter(is_date));
    Ok(Table {
        key: publisher.key.to_owned(),
        origin: Origin {
            name: said.map_or_else(|| publisher.name.to_owned(), |scores| scores.source),
            date: date.ok_or("it does not say of when it is; give --date YYYY-MM-DD")?,
            licence: options
                .licence
                .clone()
                .or(licence)
                .unwrap_or_else(|| publisher.licence.to_owned()),
        },
        content,
    })
}

/// What a scores file says of each model. Patterns name no single model, and
/// stay with the file.
fn given(scores: &Scores) -> Vec<Reading> {
    let rows = scores.models.iter();
    let of_row = |(name, row): (&String, &crate::quality::scores::Row)| {
        let of_task = |task: Task| {
            let (mean, error) = row.score(task)?.parts();
            Some(Reading {
                name: name.clone(),
                task,
                mean: f64::from(mean),
                error: f64::from(error),
                date: None,
            })
        };
        Task::ALL
            .into_iter()
            .filter_map(of_task)
            .collect::<Vec<_>>()
    };
    rows.flat_map(of_row).collect()
}

fn day(at: Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// A date in a file's name: `2026_01_08`, `2026-01-08`, or `2025-08`, which is
/// the first of that month.
fn date_in(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_string_lossy().replace('_', "-");
    let parts: Vec<&str> = name.split('-').collect();
    let is = |part: Option<&&str>, length: usize| {
        part.is_some_and(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let at = (0..parts.len()).find(|at| is(parts.get(*at), 4) && is(parts.get(at + 1), 2))?;
    let day = if is(parts.get(at + 2), 2) {
        parts[at + 2]
    } else {
        "01"
    };
    Some(format!("{}-{}-{day}", parts[at], parts[at + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_a_publisher_and_a_name() {
        for (name, form) in ScoresForm::NAMES {
            assert_eq!(name.parse(), Ok(form));
            assert_eq!(form.publisher().key, name);
        }
        assert!("csv".parse::<ScoresForm>().unwrap_err().contains("lmarena"));
    }

    #[test]
    fn names_of_files_may_say_their_date() {
        for (name, date) in [
            ("table_2026_01_08.csv", Some("2026-01-08")),
            ("models-2026-08-08.json", Some("2026-08-08")),
            ("text-2025-08.csv", Some("2025-08-01")),
            ("scores.csv", None),
            ("v2025.csv", None),
        ] {
            assert_eq!(date_in(Path::new(name)).as_deref(), date, "{name}");
        }
    }
}
