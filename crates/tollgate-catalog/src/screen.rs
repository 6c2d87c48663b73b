//! What a refresh changes, and whether that is to be believed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Serialize;
use tollgate_core::{ModelId, Pricing, Rate};
use tollgate_wire::Model;

use crate::config::Limits;
use crate::listing::{Held, Listing};
use crate::{Refusal, price};

/// What a refresh changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefreshReport {
    /// Number of the view that is now in use.
    pub version: u64,
    /// Models in the list.
    pub models: usize,
    /// Models that were not there before.
    pub added: Vec<ModelId>,
    /// Models that are gone.
    pub removed: Vec<ModelId>,
    /// Models with another price than before.
    pub repriced: Vec<ModelId>,
    /// Models whose listed price is not believed yet; the old one stays, and
    /// the dearer of both counts for worst cases.
    pub quarantined: Vec<Quarantined>,
    /// Rows of the list that cannot be used.
    pub rejected_rows: usize,
    /// Rows of the scores file that fit no model.
    pub unmatched_scores: Vec<String>,
}

/// A model whose listed price is not believed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Quarantined {
    /// The model.
    pub model: ModelId,
    /// What is wrong with the listed price.
    pub jump: Jump,
    /// In how many refreshes in a row it was listed so.
    pub seen: u32,
}

/// A change of price that is hard to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Jump {
    /// Input or output costs many times what it did.
    Dearer,
    /// Input or output costs a small part of what it did, or nothing.
    Cheaper,
    /// There was a price, and now there is none to calculate with: zero
    /// without a promise, negative, or unreadable.
    NoPrice,
}

/// Compares a new list with the one in use and lets it in, with the prices
/// that jumped held back.
pub(crate) fn screen(
    before: &Listing,
    mut after: Listing,
    limits: &Limits,
) -> Result<(Listing, RefreshReport), Refusal> {
    let least = (before.models.len() as f64 * (1.0 - limits.max_shrink)).ceil();
    if (after.models.len() as f64) < least {
        return Err(Refusal::Shrunk {
            before: before.models.len(),
            after: after.models.len(),
        });
    }
    let known: HashMap<&str, (&Model, Pricing)> = before
        .models
        .iter()
        .map(|model| (model.id.as_str(), (model, price::of(model))))
        .collect();
    let jumps = find_jumps(&known, &after.models, limits)?;

    let mut report = RefreshReport {
        models: after.models.len(),
        rejected_rows: after.rejected,
        removed: gone(&before.models, &after.models),
        ..RefreshReport::default()
    };
    for model in &mut after.models {
        let Ok(id) = ModelId::new(&model.id) else {
            continue;
        };
        let Some((old, was)) = known.get(model.id.as_str()) else {
            report.added.push(id);
            continue;
        };
        if let Some(jump) = jumps.get(&model.id)
            && let Some(held) = hold(before, model, limits)
        {
            report.quarantined.push(Quarantined {
                model: id,
                jump: *jump,
                seen: held.seen,
            });
            after.held.insert(model.id.clone(), held);
            model.pricing = old.pricing.clone();
        } else if price::of(model) != *was {
            report.repriced.push(id);
        }
    }
    Ok((after, report))
}

/// The jumps among models known before; too many of them at once are a fault
/// of the list and not a change of prices.
fn find_jumps(
    known: &HashMap<&str, (&Model, Pricing)>,
    models: &[Model],
    limits: &Limits,
) -> Result<BTreeMap<String, Jump>, Refusal> {
    let mut common = 0_usize;
    let mut jumps = BTreeMap::new();
    for model in models {
        let Some((_, was @ Pricing::Known(_))) = known.get(model.id.as_str()) else {
            continue;
        };
        common += 1;
        if let Some(jump) = jump(was, &price::of(model), limits.jump_factor) {
            jumps.insert(model.id.clone(), jump);
        }
    }
    if jumps.len() as f64 > common as f64 * limits.max_jumps {
        return Err(Refusal::PricesJumped {
            suspects: jumps.len(),
            common,
        });
    }
    Ok(jumps)
}

fn jump(was: &Pricing, listed: &Pricing, factor: u32) -> Option<Jump> {
    let (was, listed) = match (was, listed) {
        (Pricing::Known(was), Pricing::Known(listed)) => (&was.base, &listed.base),
        (Pricing::Known(_), Pricing::Unknown | Pricing::Dynamic) => return Some(Jump::NoPrice),
        _ => return None,
    };
    let grew = |from: Rate, to: Rate| {
        to > from && u128::from(to.attos()) >= u128::from(from.attos()) * u128::from(factor)
    };
    if grew(was.input, listed.input) || grew(was.output, listed.output) {
        return Some(Jump::Dearer);
    }
    (grew(listed.input, was.input) || grew(listed.output, was.output)).then_some(Jump::Cheaper)
}

/// The hold on a jumped price, or `None` once it was listed so often that it is believed.
fn hold(before: &Listing, model: &Model, limits: &Limits) -> Option<Held> {
    let earlier = before
        .held
        .get(&model.id)
        .filter(|held| held.listed == model.pricing);
    let seen = earlier.map_or(0, |held| held.seen) + 1;
    (seen < limits.confirmations).then(|| Held {
        listed: model.pricing.clone(),
        seen,
    })
}

fn gone(before: &[Model], after: &[Model]) -> Vec<ModelId> {
    let still: std::collections::HashSet<&str> =
        after.iter().map(|model| model.id.as_str()).collect();
    let gone = before
        .iter()
        .filter(|model| !still.contains(model.id.as_str()));
    gone.filter_map(|model| ModelId::new(&model.id).ok())
        .collect()
}

/// `400 models: 77 added, 19 gone, 45 repriced`, with the exceptions when there are some.
impl fmt::Display for RefreshReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            models,
            added,
            removed,
            repriced,
            ..
        } = self;
        write!(
            f,
            "{models} models: {} added, {} gone, {} repriced",
            added.len(),
            removed.len(),
            repriced.len()
        )?;
        if !self.quarantined.is_empty() {
            write!(f, ", {} price jumps held back (", self.quarantined.len())?;
            for (place, held) in self.quarantined.iter().enumerate() {
                write!(f, "{}{}", if place > 0 { ", " } else { "" }, held.model)?;
            }
            f.write_str(")")?;
        }
        if self.rejected_rows > 0 {
            write!(f, ", {} rows not usable", self.rejected_rows)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
