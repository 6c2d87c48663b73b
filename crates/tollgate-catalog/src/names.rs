//! From the catalog's ids to the names that a provider has for the same models.
//!
//! Rules compare names in normal forms and never by likeness: where two names
//! fit equally well, none is taken, because a wrong model is worse than none.

pub(crate) mod form;
mod maker;
mod host;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tollgate_core::ModelId;
use tollgate_wire::Model;

use self::form::Form;
use self::rules::{Kind, Rules};
use crate::facts;
use crate::table::ProviderPrices;

/// What a provider calls a model, and how that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OwnName {
    /// The provider's own name.
    pub name: ModelId,
    /// How it was found.
    pub how: How,
}

/// How a name was found, the surest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum How {
    /// It is in the table of names, with its source.
    Listed,
    /// It is the catalog's id, but for the author and the case.
    Same,
    /// It is the model's name on Hugging Face.
    HuggingFace,
    /// It is the same but for points and dashes.
    Spelling,
    /// It is the same with the date of the permanent name.
    Date,
    /// It is the same with `-latest` behind a version.
    Latest,
    /// It is the only dated name of the model.
    OnlyDate,
    /// It is the name of the same weights in the provider's own form (`-Turbo`, `-FP8`).
    Suffix,
}

/// What a provider calls the models of a catalog, and what it does not call them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NameReport {
    /// The models that have one.
    pub found: BTreeMap<ModelId, OwnName>,
    /// Models for which several names fit equally well, or whose name fits
    /// another model as well; none is used.
    pub unclear: BTreeMap<ModelId, Vec<ModelId>>,
    /// Models of the provider's own making without a name.
    pub missing: Vec<ModelId>,
    /// Models whose name would be misleading, and why.
    pub never: BTreeMap<ModelId, String>,
    /// The provider's names that no model of the catalog has.
    pub unused: Vec<ModelId>,
}

/// What `provider` calls the models of a catalog. Variants (`:free`, `:batch`)
/// and aliases have no name elsewhere: they are offers of one seller.
///
/// ```
/// use tollgate_catalog::{PriceTable, names};
/// use tollgate_core::ModelId;
/// use tollgate_wire::Model;
///
/// let prices = PriceTable::embedded().of("anthropic")?;
/// let listed = Model::parse(br#"{"id":"anthropic/claude-opus-4.5"}"#)?;
/// let found = names::own_names("anthropic", &[listed], &prices);
/// let opus = &found[&ModelId::new("anthropic/claude-opus-4.5")?];
/// assert_eq!(opus.name.as_str(), "claude-opus-4-5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn own_names(
    provider: &str,
    listing: &[Model],
    prices: &ProviderPrices,
) -> BTreeMap<ModelId, OwnName> {
    report(provider, listing, prices).found
}

/// Whether the provider makes the models that it serves, so that its prices are
/// the ones that others go by.
pub fn is_maker(provider: &str) -> bool {
    Rules::of(provider).is_some_and(|rules| matches!(rules.kind, Kind::Maker { .. }))
}

/// [`own_names`], and what was not found.
pub fn report(provider: &str, listing: &[Model], prices: &ProviderPrices) -> NameReport {
    let mut report = NameReport::default();
    let Some(rules) = Rules::of(provider) else {
        report.unused = prices.callable().map(|row| row.name.clone()).collect();
        return report;
    };
    let names = || prices.callable().map(|row| &row.name);
    let forms = match &rules.kind {
        Kind::Maker { .. } => maker::forms(names()),
        Kind::Host(host) => host.forms(names()),
    };
    for model in listing.iter().filter(|model| facts::is_plain(model)) {
        let Ok(id) = ModelId::new(&model.id) else {
            continue;
        };
        let has_ended = |name: &ModelId| {
            prices
                .get(name.as_str())
                .is_some_and(|row| prices.has_ended(row))
        };
        let listed = rules.listed(&id).filter(|name| !has_ended(name));
        let Some(fit) = fit(&rules, listed, model, &id, &forms) else {
            continue;
        };
        match fit {
            Fit::One(name) => drop(report.found.insert(id, name)),
            Fit::Several(names) => drop(report.unclear.insert(id, names)),
            Fit::Never(why) => drop(report.never.insert(id, why)),
            Fit::None => report.missing.push(id),
        }
    }
    part_rivals(&mut report);
    let used: BTreeSet<_> = report.found.values().map(|own| &own.name).collect();
    let unused = names().filter(|name| !used.contains(name));
    report.unused = unused.cloned().collect();
    report
}

/// What was found for one model.
enum Fit {
    One(OwnName),
    Several(Vec<ModelId>),
    Never(String),
    None,
}

/// `None` for a model that is not the provider's to have.
fn fit(
    rules: &Rules,
    listed: Option<&ModelId>,
    model: &Model,
    id: &ModelId,
    forms: &[Form<'_>],
) -> Option<Fit> {
    if let Some(why) = rules.never(id) {
        return Some(Fit::Never(why.into()));
    }
    if let Some(name) = listed {
        return Some(Fit::One(OwnName {
            name: name.clone(),
            how: How::Listed,
        }));
    }
    let best = match &rules.kind {
        Kind::Maker { authors } => {
            let author = id.author()?;
            authors.iter().find(|known| *known == author)?;
            maker::best(model, id, forms)
        }
        Kind::Host(_) => host::best(model, id, forms),
    };
    Some(match best {
        Some((how, mut fitting)) if fitting.len() == 1 => Fit::One(OwnName {
            name: fitting.remove(0),
            how,
        }),
        Some((_, fitting)) => Fit::Several(fitting),
        None if matches!(rules.kind, Kind::Host(_)) => return None,
        None => Fit::None,
    })
}

/// A name belongs to one model: the one that it fits more surely, or none.
fn part_rivals(report: &mut NameReport) {
    let mut claims: BTreeMap<ModelId, Vec<(How, ModelId)>> = BTreeMap::new();
    for (id, own) in &report.found {
        let claim = (own.how, id.clone());
        claims.entry(own.name.clone()).or_default().push(claim);
    }
    for (name, mut rivals) in claims {
        rivals.sort();
        let surest = match rivals.as_slice() {
            [(first, _), (second, _), ..] if first == second => None,
            _ => rivals.first().map(|(_, id)| id.clone()),
        };
        for (_, id) in rivals {
            if Some(&id) != surest.as_ref() {
                report.found.remove(&id);
                report.unclear.insert(id, vec![name.clone()]);
            }
        }
    }
}

/// The names that fit in the surest way in which any does.
fn surest(
    forms: &[Form<'_>],
    how: impl Fn(&Form<'_>) -> Option<How>,
) -> Option<(How, Vec<ModelId>)> {
    let mut best: Option<(How, Vec<ModelId>)> = None;
    for form in forms {
        let Some(how) = how(form) else {
            continue;
        };
        match &mut best {
            Some((known, _)) if *known < how => {}
            Some((known, fitting)) if *known == how => fitting.push(form.name.clone()),
            _ => best = Some((how, vec![form.name.clone()])),
        }
    }
    best
}
