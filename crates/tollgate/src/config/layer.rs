//! One TOML text as a layer of the configuration: `${VAR}` resolved, and every
//! value traceable to its line.

use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};
use toml::de::{DeTable, DeValue};

use super::error::{Origin, Problem};

/// Reads environment variables; passed in, so that tests bring their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A parsed TOML text.
pub(crate) struct Layer {
    path: PathBuf,
    text: String,
    dict: Dict,
}

impl Layer {
    /// Parses a text and resolves its variables.
    pub(crate) fn parse(
        path: &Path,
        text: String,
        environment: Environment<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let mut table: toml::Table = toml::from_str(&text).map_err(|error| {
            let at = error.span().map(|span| line_and_column(&text, span.start));
            vec![Problem {
                message: error.message().to_owned(),
                origin: Origin::File(path.to_owned(), at),
                hint: Some("the file must be valid TOML".into()),
                ..Problem::default()
            }]
        })?;
        let mut problems = Vec::new();
        for (key, value) in &mut table {
            resolve(value, key, environment, &mut |key, message| {
                let origin = Origin::File(path.to_owned(), locate(&text, key));
                problems.push(unresolved(key, message, origin));
            });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let dict = table_to_dict(table);
        Ok(Self {
            path: path.to_owned(),
            text,
            dict,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Line and column of a dotted key, or of the nearest table above it.
    pub(crate) fn locate(&self, key: &str) -> Option<(usize, usize)> {
        locate(&self.text, key)
    }

    /// Whether the layer sets that dotted key.
    pub(crate) fn sets(&self, key: &str) -> bool {
        let mut parts = key.split('.');
        let mut value = parts.next().and_then(|first| self.dict.get(first));
        for part in parts {
            value = value
                .and_then(Value::as_dict)
                .and_then(|dict| dict.get(part));
        }
        value.is_some()
    }
}

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        Metadata::from("TOML file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

fn table_to_dict(table: toml::Table) -> Dict {
    table
        .into_iter()
        .map(|(key, value)| (key, to_figment(value)))
        .collect()
}

pub(crate) fn to_figment(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(to_figment).collect::<Vec<_>>().into(),
        toml::Value::Table(table) => table_to_dict(table).into(),
    }
}

/// Replaces `${NAME}` and `${NAME:-default}` in every string below `value`.
pub(crate) fn resolve(
    value: &mut toml::Value,
    key: &str,
    environment: Environment<'_>,
    report: &mut dyn FnMut(&str, String),
) {
    match value {
        toml::Value::String(text) => match substitute(text, environment) {
            Ok(resolved) => *text = resolved,
            Err(message) => report(key, message),
        },
        toml::Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                resolve(item, &format!("{key}.{index}"), environment, report);
            }
        }
        toml::Value::Table(table) => {
            for (name, item) in table {
                resolve(item, &format!("{key}.{name}"), environment, report);
            }
        }
        _ => {}
    }
}

/// A string whose variables cannot be resolved.
pub(crate) fn unresolved(key: &str, message: String, origin: Origin) -> Problem {
    Problem {
        key: key.to_owned(),
        message,
        origin,
        hint: Some("set the variable, or write ${NAME:-default}".into()),
    }
}

fn substitute(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        resolved.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            return Err("${ without a closing brace".into());
        };
        let inside = &rest[start + 2..start + length];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let value = environment(name).filter(|value| !value.is_empty());
        match (value, default) {
            (Some(value), _) => resolved.push_str(&value),
            (None, Some(default)) => resolved.push_str(default),
            (None, None) => return Err(format!("environment variable {name} is not set")),
        }
        rest = &rest[start + length + 1..];
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn locate(text: &str, key: &str) -> Option<(usize, usize)> {
    let root = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut table: Option<&DeTable<'_>> = Some(root.get_ref());
    let mut array: Option<&toml::de::DeArray<'_>> = None;
    for part in key.split('.') {
        let (span, value) = match (table, array) {
            (Some(table), _) => match table.get_key_value(part) {
                Some((name, value)) => (name.span(), value),
                None => break,
            },
            (None, Some(items)) => match part.parse::<usize>().ok().and_then(|at| items.get(at)) {
                Some(value) => (value.span(), value),
                None => break,
            },
            (None, None) => break,
        };
        found = Some(line_and_column(text, span.start));
        (table, array) = match value.get_ref() {
            DeValue::Table(inner) => (Some(inner), None),
            DeValue::Array(items) => (None, Some(items)),
            _ => (None, None),
        };
    }
    found
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        (name == "SET").then(|| "value".to_owned())
    }

    #[test]
    fn variables_are_resolved_anywhere_in_a_string() {
        let check = |text: &str, expected: Result<&str, &str>| {
            assert_eq!(
                substitute(text, &environment)
                    .as_deref()
                    .map_err(String::as_str),
                expected,
                "{text}"
            );
        };
        check("plain", Ok("plain"));
        check("a ${SET} b ${SET}", Ok("a value b value"));
        check("${UNSET:-other}", Ok("other"));
        check("${UNSET:-}", Ok(""));
        check("${UNSET}", Err("environment variable UNSET is not set"));
        check("${SET", Err("${ without a closing brace"));
    }

    #[test]
    fn unresolved_variables_name_key_file_and_line() {
        let text = "[a]\nx = 1\nlist = [\"ok\", \"${UNSET}\"]\n".to_owned();
        let Err(problems) = Layer::parse(Path::new("my.toml"), text, &environment) else {
            panic!("an unresolved variable is an error");
        };
        assert_eq!(problems[0].key, "a.list.1");
        assert_eq!(
            problems[0].origin,
            Origin::File("my.toml".into(), Some((3, 15)))
        );
    }
}
