//! The slim data of genai-prices.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::attos::Attos;
use super::listed::{CONDITIONAL, Class, Listed, Prices, When, raise};

/// The fields of a price, its class, and the power of ten of its unit.
const FIELDS: &[(&str, Class, i32)] = &[
    ("input_mtok", "input", -6),
    ("output_mtok", "output", -6),
    ("cache_read_mtok", "cache_read", -6),
    ("cache_write_mtok", "cache_write", -6),
    ("input_audio_mtok", "audio_input", -6),
    ("output_audio_mtok", "audio_output", -6),
    ("requests_kcount", "request", -3),
];

/// The models of each provider, in the order in which they are tried.
#[derive(Debug)]
pub(super) struct Genai(BTreeMap<String, Vec<Entry>>);

/// Prices, and the names that they are for.
#[derive(Debug)]
pub(super) struct Entry {
    names: Clause,
    id: String,
    pub(super) listed: Listed,
}

#[derive(Deserialize)]
struct Provider<'a> {
    id: String,
    #[serde(borrow)]
    models: Vec<Model<'a>>,
}

#[derive(Deserialize)]
struct Model<'a> {
    id: String,
    #[serde(rename = "match")]
    names: Clause,
    context_window: Option<u64>,
    #[serde(borrow)]
    prices: &'a RawValue,
}

/// How names are told.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Clause {
    Equals(String),
    StartsWith(String),
    Or(Vec<Clause>),
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Dated<'a> {
    constraint: Option<Constraint>,
    #[serde(borrow)]
    prices: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct Constraint {
    start_date: Option<String>,
}

#[derive(Deserialize)]
struct Tiered<'a> {
    #[serde(borrow)]
    base: &'a RawValue,
    #[serde(borrow)]
    tiers: Vec<Tier<'a>>,
}

#[derive(Deserialize)]
struct Tier<'a> {
    start: u64,
    #[serde(borrow)]
    price: &'a RawValue,
}

impl Genai {
    /// What is said of that name: by itself, or by the name of which it is a revision.
    pub(super) fn find(&self, provider: &str, name: &str) -> Option<&Listed> {
        let entries = self.0.get(provider)?;
        let entry = entries.iter().find(|entry| entry.names.means(name))?;
        Some(&entry.listed)
    }

    /// The names that are told in full. Of the spellings of one model only its
    /// id, where that is among them.
    pub(super) fn names(&self, provider: &str) -> impl Iterator<Item = (&str, &Listed)> {
        let entries = self.0.get(provider).into_iter().flatten();
        entries.flat_map(|entry| {
            let mut names = Vec::new();
            entry.names.told(&mut names);
            if names.contains(&entry.id.as_str()) {
                names.retain(|name| *name == entry.id);
            }
            names.into_iter().map(|name| (name, &entry.listed))
        })
    }
}

impl Clause {
    /// Beginnings count for revisions only: `claude-opus-5` begins the name of
    /// `claude-opus-5-5`, which is another model.
    fn means(&self, name: &str) -> bool {
        match self {
            Self::Equals(whole) => whole.eq_ignore_ascii_case(name),
            Self::StartsWith(start) => name.get(..start.len()).is_some_and(|head| {
                head.eq_ignore_ascii_case(start) && is_revision(&name[start.len()..])
            }),
            Self::Or(clauses) => clauses.iter().any(|clause| clause.means(name)),
            Self::Other(_) => false,
        }
    }

    fn told<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Equals(name) => names.push(name),
            Self::Or(clauses) => clauses.iter().for_each(|clause| clause.told(names)),
            Self::StartsWith(_) | Self::Other(_) => {}
        }
    }
}

/// Nothing, `-latest`, or a date.
fn is_revision(rest: &str) -> bool {
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    let is_date = digits == 8
        && rest
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit());
    rest.is_empty() || rest == "-latest" || (rest.starts_with('-') && is_date)
}

/// Reads the file; prices are those of `date`.
pub(super) fn parse(text: &str, date: &str) -> Result<Genai, String> {
    let providers: Vec<Provider<'_>> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut found = BTreeMap::new();
    for provider in providers {
        let entries = provider
            .models
            .into_iter()
            .map(|model| {
                let id = model.id.clone();
                entry(model, date).map_err(|error| format!("{}/{id}: {error}", provider.id))
            })
            .collect::<Result<_, _>>()?;
        found.insert(provider.id, entries);
    }
    Ok(Genai(found))
}

fn entry(model: Model<'_>, date: &str) -> Result<Entry, String> {
    let mut listed = Listed {
        context: model.context_window,
        ..Listed::default()
    };
    for fields in in_force(model.prices, date)? {
        add(&mut listed, &fields)?;
    }
    Ok(Entry {
        names: model.names,
        id: model.id,
        listed,
    })
}

/// The prices of that day: the last that has begun. Prices of an hour all
/// count, so that the dearest is taken.
fn in_force<'a>(
    raw: &'a RawValue,
    date: &str,
) -> Result<Vec<BTreeMap<String, &'a RawValue>>, String> {
    if raw.get().starts_with('{') {
        return read(raw).map(|prices| vec![prices]);
    }
    let all: Vec<Dated<'a>> = read(raw)?;
    let start = |entry: &Dated<'_>| {
        let constraint = entry.constraint.as_ref()?;
        constraint.start_date.clone()
    };
    if all
        .iter()
        .any(|entry| entry.constraint.is_some() && start(entry).is_none())
    {
        return Ok(all.into_iter().map(|entry| entry.prices).collect());
    }
    let begun = all
        .into_iter()
        .rfind(|entry| start(entry).is_none_or(|start| start.as_str() <= date));
    Ok(begun.map(|entry| entry.prices).into_iter().collect())
}

fn add(listed: &mut Listed, fields: &BTreeMap<String, &RawValue>) -> Result<(), String> {
    for (field, class, shift) in FIELDS {
        let Some(raw) = fields.get(*field) else {
            continue;
        };
        if !raw.get().starts_with('{') {
            put(&mut listed.base, class, raw, *shift)?;
            continue;
        }
        let tiered: Tiered<'_> = read(raw)?;
        put(&mut listed.base, class, tiered.base, *shift)?;
        for tier in tiered.tiers.iter().filter(|_| CONDITIONAL.contains(class)) {
            let prices = listed.conditional.entry(When::Above(tier.start));
            put(prices.or_default(), class, tier.price, *shift)?;
        }
    }
    Ok(())
}

fn put(prices: &mut Prices, class: Class, raw: &RawValue, shift: i32) -> Result<(), String> {
    let mut one = Prices::new();
    Listed::set(&mut one, class, Attos::parse(raw.get(), shift)?);
    raise(prices, &one);
    Ok(())
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"[{"id":"p","models":[
        {"id":"a-5","match":{"or":[{"starts_with":"a-5"},{"contains":"a.5"},{"regex":"^a"}]},
         "prices":[{"prices":{"input_mtok":2}},
                   {"constraint":{"start_date":"2026-09-01"},"prices":{"input_mtok":3}}]},
        {"id":"b","match":{"or":[{"equals":"b"},{"equals":"b-alias"}]},"context_window":7,
         "prices":{"input_mtok":{"base":1,"tiers":[{"start":200000,"price":2}]},"requests_kcount":12}},
        {"id":"c","match":{"equals":"accounts/c"},
         "prices":[{"prices":{"output_mtok":1}},
                   {"constraint":{"start_time":"00:30:00Z","end_time":"16:30:00Z"},"prices":{"output_mtok":5}}]}]}]"#;

    fn input(date: &str, name: &str) -> Option<String> {
        let genai = parse(BODY, date).unwrap();
        let listed = genai.find("p", name)?;
        listed.base.values().next_back().map(Attos::to_string)
    }

    #[test]
    fn a_name_and_its_revisions_are_found_and_longer_names_are_not() {
        let found = |name| input("2026-11-23", name).is_some();
        assert!(found("a-5") && found("A-5-20260723") && found("a-5-2026-07-23"));
        assert!(found("a-5-latest") && found("b-alias") && found("accounts/c"));
        assert!(!found("a-5-5") && !found("a-5-fast") && !found("a.5") && !found("c"));
    }

    #[test]
    fn prices_are_those_of_the_day_and_the_dearest_hour() {
        assert_eq!(input("2026-08-31", "a-5").unwrap(), "0.000002");
        assert_eq!(input("2026-09-01", "a-5").unwrap(), "0.000003");
        assert_eq!(input("2026-09-01", "accounts/c").unwrap(), "0.000005");
    }

    #[test]
    fn tiers_and_requests_have_their_units() {
        let genai = parse(BODY, "2026-11-23").unwrap();
        let listed = genai.find("p", "b").unwrap();
        assert_eq!(listed.base["request"].to_string(), "0.012");
        let tier = &listed.conditional[&When::Above(200_000)];
        assert_eq!(tier["input"].to_string(), "0.000002");
    }

    #[test]
    fn of_several_spellings_the_id_is_the_name() {
        let genai = parse(BODY, "2026-11-23").unwrap();
        let names: Vec<_> = genai.names("p").map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "accounts/c"]);
    }
}
