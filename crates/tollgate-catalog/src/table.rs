//! What providers charge for models under their own names, as dated data.

mod row;
mod store;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::{ModelId, Price, Timestamp};
use tollgate_wire::ParseError;

pub use self::row::{CallMode, PriceRow};
pub use self::store::TableInUse;

/// The table that the program was built with.
const EMBEDDED: &str = include_str!("../data/prices.json");

/// What providers charge, by provider and by the provider's own model names,
/// and the day on which it was true.
///
/// The text is kept as it is; only the rows of a provider that is asked for
/// are read, and nothing of them is kept.
///
/// ```
/// use tollgate_catalog::PriceTable;
/// let table = PriceTable::embedded();
/// let openai = table.of("openai")?;
/// let price = openai.price("gpt-4o").ok_or("not in the table")?;
/// assert_eq!(price.base.input.per_million().to_string(), "2.5");
/// assert!(openai.price("a-model-of-mine").is_none(), "unknown is not free");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PriceTable {
    text: Cow<'static, str>,
    date: Timestamp,
    sources: Vec<String>,
    /// Where in the text the rows of each provider are.
    providers: BTreeMap<String, Range<usize>>,
}

/// Why a text is no price table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTable {
    /// Not JSON, or JSON of another shape; a cut transfer ends here.
    #[error("it cannot be read: {0}")]
    Unreadable(ParseError),
    /// The date is none.
    #[error("{0:?} is no date; write it as YYYY-MM-DD")]
    Date(String),
    /// No provider, or a provider without models.
    #[error("it holds no model of {0}")]
    Empty(String),
    /// A row that says nothing usable.
    #[error("row {place} of {provider} {problem}")]
    Row {
        /// The provider.
        provider: String,
        /// Which of its rows, from 1.
        place: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// The rows of one provider, by the provider's own model names.
#[derive(Debug, Clone, Default)]
pub struct ProviderPrices {
    rows: BTreeMap<ModelId, PriceRow>,
    as_of: Timestamp,
}

#[derive(Deserialize)]
struct Written<'a> {
    date: String,
    sources: Vec<String>,
    #[serde(borrow)]
    providers: BTreeMap<String, &'a RawValue>,
}

impl PriceTable {
    /// The table inside the program.
    pub fn embedded() -> Self {
        Self::open(Cow::Borrowed(EMBEDDED))
            .expect("the embedded table was generated, and a test reads all of it")
    }

    /// Takes a text as a table, after every row of it was read.
    ///
    /// # Errors
    /// [`InvalidTable`] when any of it cannot be read or makes no sense: half a
    /// table would make prices unknown that are known.
    pub fn parse(text: String) -> Result<Self, InvalidTable> {
        let table = Self::open(Cow::Owned(text))?;
        if table.providers.is_empty() {
            return Err(InvalidTable::Empty("any provider".into()));
        }
        for provider in table.providers() {
            if table.of(provider)?.rows.is_empty() {
                return Err(InvalidTable::Empty(provider.into()));
            }
        }
        Ok(table)
    }

    /// Finds the parts without reading the rows.
    fn open(text: Cow<'static, str>) -> Result<Self, InvalidTable> {
        let written: Written<'_> =
            serde_json::from_str(&text).map_err(|error| InvalidTable::Unreadable(error.into()))?;
        let date = Timestamp::parse_date(&written.date)
            .ok_or_else(|| InvalidTable::Date(written.date.clone()))?;
        let start = text.as_ptr().addr();
        let place = |raw: &RawValue| {
            let at = raw.get().as_ptr().addr() - start;
            at..at + raw.get().len()
        };
        let providers = written
            .providers
            .into_iter()
            .map(|(name, raw)| (name, place(raw)))
            .collect();
        Ok(Self {
            date,
            sources: written.sources,
            providers,
            text,
        })
    }

    /// The day on which the prices were true.
    pub fn date(&self) -> Timestamp {
        self.date
    }

    /// Where the prices come from.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// The providers in the table, in the order of their names.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    /// The rows of a provider; none when the table does not know it.
    ///
    /// # Errors
    /// [`InvalidTable`] when a row cannot be read; not for a table that was
    /// [parsed](Self::parse) or is [embedded](Self::embedded).
    pub fn of(&self, provider: &str) -> Result<ProviderPrices, InvalidTable> {
        let mut rows = BTreeMap::new();
        let Some(place) = self.providers.get(provider) else {
            return Ok(ProviderPrices::default());
        };
        let written: Vec<&RawValue> = serde_json::from_str(&self.text[place.clone()])
            .map_err(|error| InvalidTable::Unreadable(error.into()))?;
        for (raw, place) in written.into_iter().zip(1..) {
            let bad = |problem| InvalidTable::Row {
                provider: provider.into(),
                place,
                problem,
            };
            let row = PriceRow::read(raw.get()).map_err(bad)?;
            if let Some(twice) = rows.insert(row.name.clone(), row) {
                return Err(bad(format!("names {} once more", twice.name)));
            }
        }
        Ok(ProviderPrices {
            rows,
            as_of: self.date,
        })
    }
}

impl ProviderPrices {
    /// The row of a model, by the provider's own name, written exactly so.
    pub fn get(&self, name: &str) -> Option<&PriceRow> {
        self.rows.get(name)
    }

    /// What a model costs; `None` when that is not known, which is not free.
    pub fn price(&self, name: &str) -> Option<&Price> {
        self.get(name)?.price.as_ref()
    }

    /// All rows, in the order of their names.
    pub fn rows(&self) -> impl Iterator<Item = &PriceRow> {
        self.rows.values()
    }

    /// The rows that a chat can be sent to: under names that the provider
    /// takes, and not ended when the table was made.
    pub fn callable(&self) -> impl Iterator<Item = &PriceRow> {
        self.rows()
            .filter(|row| row.is_own_name && row.mode == CallMode::Chat && !self.has_ended(row))
    }

    /// Whether the provider had stopped serving it when the table was made.
    pub fn has_ended(&self, row: &PriceRow) -> bool {
        row.ends.is_some_and(|ends| ends <= self.as_of)
    }
}

#[cfg(test)]
mod tests;
