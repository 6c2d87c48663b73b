//! `tollgate quality show`

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde_json::json;
use tollgate::{
    Catalog, CatalogView, Config, Feedback, ModelCatalog, ModelId, QualitySource, Task,
    did_you_mean, feedback,
};

use super::catalog;
use crate::args::Global;
use crate::exit::{Trouble, code};
use crate::ui;

pub(super) async fn run(
    asked: Option<&str>,
    config: Config,
    global: &Global,
) -> Result<(), Trouble> {
    let said = said(&config).await?;
    let catalog = catalog(config).await?;
    if !said.is_empty() {
        catalog.set_learned(Some(said), None);
    }
    match asked {
        Some(asked) => show(asked, &catalog, global),
        None => {
            summary(&catalog.view(), global);
            Ok(())
        }
    }
}

/// What the ledger has of what was said.
async fn said(config: &Config) -> Result<Feedback, Trouble> {
    let mut said = Feedback::new(config.feedback.prior_weight);
    for row in feedback(config).await? {
        said.add(&row);
    }
    Ok(said)
}

fn show(asked: &str, catalog: &ModelCatalog, global: &Global) -> Result<(), Trouble> {
    let view = catalog.view();
    let place = view.find(asked).ok_or_else(|| unknown(&view, asked))?;
    let id = &view.model(place).id;
    let known = catalog.quality_of(id);
    if global.json {
        ui::json(&json!({ "model": id, "quality": known }));
        return Ok(());
    }
    let mut table = ui::table(&["task", "quality", "error", "source", "from"]);
    for of_task in &known {
        for (rank, layer) in of_task.layers.iter().enumerate() {
            let used = if rank == 0 { "" } else { " (not used)" };
            table.add_row([
                of_task.task.to_string(),
                format!("{:.3}", layer.quality.mean),
                format!("{:.3}", layer.quality.error),
                format!("{}{used}", name(layer.quality.source)),
                layer.from.clone().unwrap_or_default(),
            ]);
        }
    }
    ui::data(table);
    ui::note(id.dimmed());
    Ok(())
}

fn unknown(view: &CatalogView, asked: &str) -> Trouble {
    let close = did_you_mean(view, asked, 3);
    let close: Vec<&ModelId> = close.iter().map(|place| &view.model(*place).id).collect();
    let names: Vec<&str> = close.into_iter().map(ModelId::as_str).collect();
    let trouble = Trouble::new(code::REQUEST, format!("there is no model {asked:?}"));
    match names.is_empty() {
        true => trouble.with_hint("see `tollgate models`"),
        false => trouble.with_hint(format!("closest: {}", names.join(", "))),
    }
}

/// How many models each source rates, by task.
fn summary(view: &CatalogView, global: &Global) {
    let mut counts: BTreeMap<QualitySource, [usize; Task::COUNT]> = BTreeMap::new();
    for model in view.models() {
        for task in Task::ALL {
            let source = model.quality[task.index()].source;
            counts.entry(source).or_default()[task.index()] += 1;
        }
    }
    if global.json {
        let row = |(source, of): (&QualitySource, &[usize; Task::COUNT])| {
            let [chat, code, reasoning] = of;
            json!({ "source": source, "chat": chat, "code": code, "reasoning": reasoning })
        };
        ui::json(&counts.iter().map(row).collect::<Vec<_>>());
        return;
    }
    let mut table = ui::table(&["source", "chat", "code", "reasoning"]);
    for (source, of) in &counts {
        let mut row = vec![name(*source)];
        row.extend(of.iter().map(usize::to_string));
        table.add_row(row);
    }
    ui::data(table);
    ui::note(format!("{} models, as of {}", view.models().len(), view.as_of()).dimmed());
}

fn name(source: QualitySource) -> String {
    let source = serde_json::to_value(source).unwrap_or_default();
    source.as_str().unwrap_or_default().replace('_', " ")
}
