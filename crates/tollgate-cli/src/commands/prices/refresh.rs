//! `tollgate prices refresh`: a newer table beside the catalog's cache.

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde::Serialize;
use tollgate::{Config, Price, PriceTable};

use super::{day, defect, fetch, table};
use crate::args::Global;
use crate::exit::{Trouble, code};
use crate::ui;

/// What a new table changes.
#[derive(Debug, Serialize)]
struct Change {
    date: String,
    models: usize,
    added: usize,
    gone: usize,
    repriced: usize,
}

impl Change {
    /// Whether it takes most of what is known away, as a list of a few prices does that was meant
    /// to be added to the others.
    fn takes_most(&self) -> bool {
        self.gone * 2 > self.known()
    }

    /// Models before it.
    fn known(&self) -> usize {
        self.models - self.added + self.gone
    }
}

pub(super) async fn run(
    from: &str,
    force: bool,
    config: &Config,
    global: &Global,
) -> Result<(), Trouble> {
    let Some(path) = config.catalog.fetched_prices() else {
        let trouble = Trouble::new(code::CONFIGURATION, "there is no folder for a price table");
        return Err(trouble.with_hint("set catalog.cache_path; the table is kept beside it"));
    };
    let fresh = PriceTable::parse(fetch::text(from).await?).map_err(|problem| {
        Trouble::new(
            code::REQUEST,
            format!("{from} is no price table: {problem}"),
        )
        .with_hint("nothing was changed")
    })?;
    // A table of the user's own does not say how old the fetched one is.
    let mut fetched = config.clone();
    fetched.catalog.prices_path = None;
    let known = table(&fetched)?.table;
    if fresh.date() < known.date() {
        let message = format!(
            "{from} has prices of {}, older than those of {} in use",
            day(fresh.date()),
            day(known.date())
        );
        return Err(Trouble::new(code::REQUEST, message).with_hint("nothing was changed"));
    }
    let change = change(&known, &fresh)?;
    if change.takes_most() && !force {
        let message = format!(
            "{} of {} known models are not in {from} and would be gone: a table replaces the one \
             before as a whole",
            change.gone,
            change.known()
        );
        return Err(Trouble::new(code::REQUEST, message).with_hint(
            "nothing was changed; for a few prices of your own, set `prices` of the provider in \
             the configuration; to take the table all the same, add --force",
        ));
    }
    fresh.save(&path).map_err(|error| {
        Trouble::new(
            code::CONFIGURATION,
            format!("cannot write {}: {error}", path.display()),
        )
        .with_hint("check catalog.cache_path")
    })?;
    if let Some(own) = &config.catalog.prices_path {
        ui::warning(&format!(
            "catalog.prices_path is set: {} stays in use",
            own.display()
        ));
    }
    if global.json {
        ui::json(&change);
    } else {
        ui::data(format!(
            "prices of {} for {} models: {} new, {} gone, {} with another price",
            change.date, change.models, change.added, change.gone, change.repriced
        ));
    }
    let kept = path.display();
    ui::note(format!("kept in {kept}; to go back to the table of the program, remove it").dimmed());
    Ok(())
}

fn change(known: &PriceTable, fresh: &PriceTable) -> Result<Change, Trouble> {
    let (before, after) = (prices(known)?, prices(fresh)?);
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let repriced = after
        .iter()
        .filter(|(name, price)| before.get(*name).is_some_and(|old| old != *price));
    Ok(Change {
        date: day(fresh.date()),
        models: after.len(),
        added: added.count(),
        gone: gone.count(),
        repriced: repriced.count(),
    })
}

type Prices = BTreeMap<(String, String), Option<Price>>;

fn prices(table: &PriceTable) -> Result<Prices, Trouble> {
    let mut prices = Prices::new();
    for provider in table.providers() {
        for row in table.of(provider).map_err(defect)?.rows() {
            let name = (provider.to_owned(), row.name.to_string());
            prices.insert(name, row.price.clone());
        }
    }
    Ok(prices)
}
