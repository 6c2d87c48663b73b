//! `tollgate prices list`

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use tollgate::provider_names::{NameReport, OwnName};
use tollgate::{Config, ListedRows, ModelId, PriceRow, PriceTable, Rate, Rates};

use super::{catalog, chosen, day, defect, names, place, table};
use crate::args::Global;
use crate::exit::Trouble;
use crate::ui;

pub(super) async fn run(
    asked: Option<&str>,
    config: Config,
    global: &Global,
) -> Result<(), Trouble> {
    let found = table(&config)?;
    let rows = catalog(config).await?.rows();
    let providers = chosen(asked, &found.table, |_| true)?;
    if global.json {
        let shown = providers
            .iter()
            .map(|provider| whole(provider, &rows, &found.table))
            .collect::<Result<Vec<_>, _>>()?;
        ui::json(&json!({
            "date": day(found.table.date()),
            "sources": found.table.sources(),
            "path": found.path,
            "providers": shown,
        }));
        return Ok(());
    }
    match asked {
        Some(provider) => show(provider, &rows, &found.table)?,
        None => summary(&providers, &rows, &found.table)?,
    }
    let of = format!("prices of {}, {}", day(found.table.date()), place(&found));
    ui::note(of.dimmed());
    Ok(())
}

fn whole(provider: &str, rows: &ListedRows, table: &PriceTable) -> Result<Value, Trouble> {
    let report = names(provider, rows, table)?;
    let models = by_name(&report);
    let prices = table.of(provider).map_err(defect)?;
    let listed: Vec<_> = prices
        .rows()
        .map(|row| {
            let model = models.get(&row.name);
            json!({
                "name": row.name,
                "model": model.map(|(id, _)| id),
                "how": model.map(|(_, own)| own.how),
                "price": row.price,
                "context": row.context,
                "max_output": row.max_output,
                "can": row.can,
                "mode": row.mode,
                "ends": row.ends.map(day),
                "from": row.from,
                "own_name": row.is_own_name,
                "doubt": row.doubt,
            })
        })
        .collect();
    Ok(json!({
        "provider": provider,
        "models": listed,
        "unclear": report.unclear,
        "never": report.never,
        "missing": report.missing,
    }))
}

fn by_name(report: &NameReport) -> BTreeMap<&ModelId, (&ModelId, &OwnName)> {
    report
        .found
        .iter()
        .map(|(id, own)| (&own.name, (id, own)))
        .collect()
}

fn summary(providers: &[&str], rows: &ListedRows, table: &PriceTable) -> Result<(), Trouble> {
    let mut shown = ui::table(&["provider", "models", "with a price", "in the catalog"]);
    for provider in providers {
        let prices = table.of(provider).map_err(defect)?;
        let priced = prices.rows().filter(|row| row.price.is_some()).count();
        shown.add_row([
            (*provider).to_owned(),
            prices.rows().count().to_string(),
            priced.to_string(),
            names(provider, rows, table)?.found.len().to_string(),
        ]);
    }
    ui::data(shown);
    Ok(())
}

fn show(provider: &str, rows: &ListedRows, table: &PriceTable) -> Result<(), Trouble> {
    let report = names(provider, rows, table)?;
    let models = by_name(&report);
    let prices = table.of(provider).map_err(defect)?;
    let mut shown = ui::table(&[
        "name",
        "model of the catalog",
        "$/M in",
        "$/M cached",
        "$/M out",
        "notes",
    ]);
    for row in prices.rows() {
        let model = models.get(&row.name);
        let [input, cached, output] = figures(row);
        shown.add_row([
            row.name.to_string(),
            model.map_or_else(String::new, |(id, _)| id.to_string()),
            input,
            cached,
            output,
            notes(row, prices.has_ended(row)),
        ]);
    }
    ui::data(shown);
    for (id, names) in &report.unclear {
        let names: Vec<_> = names.iter().map(ModelId::as_str).collect();
        ui::note(format!(
            "{id} has no name here: {} fits as well",
            names.join(", ")
        ));
    }
    for (id, why) in &report.never {
        ui::note(format!("{id} has no name here: {why}"));
    }
    if !report.missing.is_empty() {
        let missing: Vec<_> = report.missing.iter().map(ModelId::as_str).collect();
        ui::note(format!("not called here: {}", missing.join(", ")));
    }
    Ok(())
}

fn figures(row: &PriceRow) -> [String; 3] {
    let Some(price) = &row.price else {
        return ["unknown".into(), String::new(), "unknown".into()];
    };
    let shown = |rate: Rate| rate.per_million().to_string();
    let Rates {
        input,
        output,
        cache_read,
        ..
    } = price.base;
    [
        shown(input),
        cache_read.map(shown).unwrap_or_default(),
        shown(output),
    ]
}

fn notes(row: &PriceRow, has_ended: bool) -> String {
    let mut notes = Vec::new();
    if row
        .price
        .as_ref()
        .is_some_and(|price| !price.overrides.is_empty())
    {
        notes.push("conditional".to_owned());
    }
    if !row.doubt.is_empty() {
        notes.push("sources differ".into());
    }
    if !row.is_own_name {
        notes.push("name not sure".into());
    }
    match row.mode {
        tollgate::CallMode::Responses => notes.push("responses only".into()),
        tollgate::CallMode::Embedding => notes.push("embeddings".into()),
        _ => {}
    }
    if let Some(ends) = row.ends {
        let verb = if has_ended { "ended" } else { "ends" };
        notes.push(format!("{verb} {}", day(ends)));
    }
    notes.join(", ")
}
