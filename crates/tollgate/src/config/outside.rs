//! Keys that are set outside of files: by environment variables, and by the
//! program or its command line.

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};

use super::environment;
use super::error::{Origin, Problem};
use super::layer::{self, Environment};

/// One key, with its value and who set it.
pub(crate) struct OutsideKey {
    key: String,
    value: Value,
    origin: Origin,
}

impl OutsideKey {
    /// The key that a variable sets, if it sets one.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub(crate) fn of_variable(
        (name, value): &(String, String),
        environment: Environment<'_>,
    ) -> Option<Result<Self, Vec<Problem>>> {
        let key = environment::key(name)?;
        let origin = Origin::Environment(name.clone());
        Some(Self::read(key, value, origin, environment))
    }

    /// A key that the program sets.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub(crate) fn given(
        (key, value): &(String, String),
        environment: Environment<'_>,
    ) -> Result<Self, Vec<Problem>> {
        Self::read(key.clone(), value, Origin::Given, environment)
    }

    fn read(
        key: String,
        value: &str,
        origin: Origin,
        environment: Environment<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let mut value = as_toml(value);
        let mut problems = Vec::new();
        layer::resolve(&mut value, &key, environment, &mut |key, message| {
            problems.push(layer::unresolved(key, message, origin.clone()));
        });
        match problems.is_empty() {
            true => Ok(Self {
                key,
                value: layer::to_figment(value),
                origin,
            }),
            false => Err(problems),
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it sets that key, one of that table, or the table with that key.
    pub(crate) fn sets(&self, key: &str) -> bool {
        match (self.key.strip_prefix(key), key.strip_prefix(&self.key)) {
            (Some(below), _) => below.is_empty() || below.starts_with('.'),
            (None, Some(within)) => {
                let within = within.strip_prefix('.');
                within.is_some_and(|within| self.value.find_ref(within).is_some())
            }
            (None, None) => false,
        }
    }
}

impl Provider for &OutsideKey {
    fn metadata(&self) -> Metadata {
        match &self.origin {
            Origin::Environment(name) => Metadata::from(
                format!("environment variable {name}"),
                Source::Custom(name.clone()),
            ),
            _ => Metadata::named("the command line"),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::default(&self.key, &self.value).data()
    }
}

/// A value as TOML reads it; text that is no TOML value stays text, and so do
/// dates, of which there are none in the configuration.
fn as_toml(text: &str) -> toml::Value {
    let value = toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"));
    match value {
        Some(toml::Value::Datetime(_)) | None => toml::Value::String(text.to_owned()),
        Some(value) => value,
    }
}
