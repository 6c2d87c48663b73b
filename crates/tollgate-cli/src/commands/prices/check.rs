//! `tollgate prices check`: the table beside what OpenRouter lists.

use owo_colors::OwoColorize;
use serde::Serialize;
use tollgate::{
    Catalog, CatalogView, Config, ModelId, OPENROUTER_LANE, Price, Pricing, Rates, Usd,
    provider_names,
};

use super::{catalog, chosen, day, defect, names, place, table};
use crate::args::Global;
use crate::exit::Trouble;
use crate::ui;

/// A price that differs, in dollars per million tokens.
#[derive(Debug, Serialize)]
struct Difference {
    provider: String,
    model: ModelId,
    name: ModelId,
    price: &'static str,
    listed: Usd,
    table: Usd,
    /// Whether the sources of the table differ on it.
    in_doubt: bool,
}

/// What was compared.
#[derive(Debug, Default)]
struct Outcome {
    compared: usize,
    differences: Vec<Difference>,
}

pub(super) async fn run(
    asked: Option<&str>,
    config: Config,
    global: &Global,
) -> Result<(), Trouble> {
    let found = table(&config)?;
    let catalog = catalog(config).await?;
    let (view, rows) = (catalog.view(), catalog.rows());
    // Hosts of open models have prices of their own; they are compared when asked for.
    let providers = chosen(asked, &found.table, provider_names::is_maker)?;
    let mut outcome = Outcome::default();
    for provider in providers {
        let prices = found.table.of(provider).map_err(defect)?;
        for (id, own) in names(provider, &rows, &found.table)?.found {
            let row = prices.get(own.name.as_str());
            let priced = row.and_then(|row| Some((row, row.price.as_ref()?)));
            let Some(((row, ours), listed)) = priced.zip(listed(&view, &id)) else {
                continue;
            };
            outcome.compared += 1;
            for (price, listed, table) in differences(&listed.base, &ours.base) {
                outcome.differences.push(Difference {
                    provider: provider.to_owned(),
                    model: id.clone(),
                    name: own.name.clone(),
                    price,
                    listed,
                    table,
                    in_doubt: row.doubt.iter().any(|class| class == price),
                });
            }
        }
    }
    if global.json {
        ui::json(&outcome.differences);
    } else {
        ui::data(text(&outcome));
    }
    ui::note(
        format!(
            "{} models compared: the list of {}, prices of {}, {}",
            outcome.compared,
            view.as_of(),
            day(found.table.date()),
            place(&found)
        )
        .dimmed(),
    );
    Ok(())
}

/// What OpenRouter lists for the model.
fn listed(view: &CatalogView, id: &ModelId) -> Option<Price> {
    let model = view.find(id.as_str())?;
    view.offers_of(model).find_map(|offer| {
        let lane = view.lane(view.offer(offer).lane);
        match view.pricing(offer) {
            Pricing::Known(price) if lane.id.as_str() == OPENROUTER_LANE => Some(price.clone()),
            _ => None,
        }
    })
}

/// The classes that both price, and price differently.
fn differences(listed: &Rates, table: &Rates) -> Vec<(&'static str, Usd, Usd)> {
    [
        ("input", Some(listed.input), Some(table.input)),
        ("output", Some(listed.output), Some(table.output)),
        ("cache_read", listed.cache_read, table.cache_read),
        ("cache_write", listed.cache_write, table.cache_write),
    ]
    .into_iter()
    .filter_map(|(class, listed, table)| Some((class, listed?, table?)))
    .filter(|(_, listed, table)| listed != table)
    .map(|(class, listed, table)| (class, listed.per_million(), table.per_million()))
    .collect()
}

fn text(outcome: &Outcome) -> String {
    if outcome.differences.is_empty() {
        return "no price differs".into();
    }
    let mut table = ui::table(&[
        "provider",
        "model",
        "price",
        "$/M listed",
        "$/M in the table",
        "notes",
    ]);
    for difference in &outcome.differences {
        table.add_row([
            difference.provider.clone(),
            difference.model.to_string(),
            difference.price.replace('_', " "),
            difference.listed.to_string(),
            difference.table.to_string(),
            if difference.in_doubt {
                "sources differ"
            } else {
                ""
            }
            .to_owned(),
        ]);
    }
    table.to_string()
}
