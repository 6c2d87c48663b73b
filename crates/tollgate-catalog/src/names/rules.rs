//! The table of how providers name models.

use std::collections::BTreeMap;

use serde::Deserialize;
use tollgate_core::ModelId;

const TABLE: &str = include_str!("../../data/names.toml");

/// How one provider names its models.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) kind: Kind,
    listed: BTreeMap<ModelId, ModelId>,
    never: BTreeMap<ModelId, String>,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// It makes the models of these authors.
    Maker { authors: Vec<String> },
    /// It serves models of others.
    Host(Host),
}

/// How a host of open models writes their names.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) prefix: String,
    pub(super) point: String,
    pub(super) suffixes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    providers: BTreeMap<String, Provider>,
    name: Vec<Name>,
    never: Vec<Never>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Provider {
    authors: Vec<String>,
    hosts: bool,
    prefix: String,
    point: String,
    suffixes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    provider: String,
    model: ModelId,
    name: ModelId,
    #[expect(dead_code, reason = "for whoever reads the table")]
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Never {
    provider: String,
    model: ModelId,
    why: String,
}

impl Rules {
    /// The rules of a provider; `None` when the table has none.
    pub(super) fn of(provider: &str) -> Option<Self> {
        let mut written = Written::read();
        let rules = written.providers.remove(provider)?;
        let listed = written.name.into_iter();
        let never = written.never.into_iter();
        Some(Self {
            kind: rules.into(),
            listed: listed
                .filter(|row| row.provider == provider)
                .map(|row| (row.model, row.name))
                .collect(),
            never: never
                .filter(|row| row.provider == provider)
                .map(|row| (row.model, row.why))
                .collect(),
        })
    }

    /// The name that the table has for the model.
    pub(super) fn listed(&self, id: &ModelId) -> Option<&ModelId> {
        self.listed.get(id)
    }

    /// Why no name of the provider leads to the model.
    pub(super) fn never(&self, id: &ModelId) -> Option<&str> {
        self.never.get(id).map(String::as_str)
    }
}

impl From<Provider> for Kind {
    fn from(written: Provider) -> Self {
        if written.hosts {
            return Self::Host(Host {
                prefix: written.prefix,
                point: written.point,
                suffixes: written.suffixes,
            });
        }
        Self::Maker {
            authors: written.authors,
        }
    }
}

impl Written {
    fn read() -> Self {
        toml::from_str(TABLE).expect("the table is part of the program, and a test reads it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PriceTable;

    #[test]
    fn every_provider_with_prices_has_rules_and_every_row_a_provider() {
        let written = Written::read();
        let priced = PriceTable::embedded();
        let known: Vec<_> = written.providers.keys().map(String::as_str).collect();
        assert_eq!(known, priced.providers().collect::<Vec<_>>());
        let rows = written.name.iter().map(|row| &row.provider);
        let nevers = written.never.iter().map(|row| &row.provider);
        for provider in rows.chain(nevers) {
            assert!(written.providers.contains_key(provider), "{provider}");
        }
    }

    #[test]
    fn a_provider_is_a_maker_or_a_host() {
        for (name, rules) in Written::read().providers {
            assert_eq!(rules.authors.is_empty(), rules.hosts, "{name}");
        }
    }

    #[test]
    fn names_in_the_table_are_in_the_prices() {
        for row in Written::read().name {
            let prices = PriceTable::embedded().of(&row.provider).unwrap();
            assert!(prices.get(row.name.as_str()).is_some(), "{}", row.name);
        }
    }
}
