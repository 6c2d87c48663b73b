//! What direct providers charge by the price table, and what they call models.

mod check;
mod fetch;
mod list;
mod refresh;

use tollgate::{Config, ListedRows, ModelCatalog, PriceTable, TableInUse, Timestamp};

use crate::args::{Global, PricesCommand};
use crate::exit::{Trouble, code};
use crate::{config, ui};

pub(crate) async fn run(command: PricesCommand, global: &Global) -> Result<(), Trouble> {
    let config = config::load(global)?;
    match command {
        PricesCommand::List(args) => list::run(args.provider.as_deref(), config, global).await,
        PricesCommand::Check(args) => check::run(args.provider.as_deref(), config, global).await,
        PricesCommand::Refresh { from, force } => refresh::run(&from, force, &config, global).await,
    }
}

/// The table in use, and a word about one that was passed over.
fn table(config: &Config) -> Result<TableInUse, Trouble> {
    let found = PriceTable::in_use(&config.catalog).map_err(tollgate::Failure::from)?;
    if let Some(why) = &found.passed_over {
        ui::warning(why);
    }
    Ok(found)
}

/// The catalog as OpenRouter lists it, without a network and without other lanes.
async fn catalog(mut config: Config) -> Result<ModelCatalog, Trouble> {
    config.catalog.offline = true;
    config.providers.clear();
    let gateway = tollgate::Gateway::builder(config)
        .without_store()
        .build()
        .await?;
    gateway
        .models()
        .ok_or_else(|| Trouble::new(code::DEFECT, "the gateway has no catalog"))
}

/// The providers to show: the one asked for, or those of `all`.
fn chosen<'a>(
    asked: Option<&'a str>,
    table: &'a PriceTable,
    all: impl Fn(&str) -> bool,
) -> Result<Vec<&'a str>, Trouble> {
    let Some(asked) = asked else {
        return Ok(table.providers().filter(|name| all(name)).collect());
    };
    if table.providers().any(|name| name == asked) {
        return Ok(vec![asked]);
    }
    let known: Vec<_> = table.providers().collect();
    let message = format!("the price table has no provider {asked:?}");
    Err(Trouble::new(code::USAGE, message).with_hint(format!("one of {}", known.join(", "))))
}

/// What the provider calls the listed models.
fn names(
    provider: &str,
    rows: &ListedRows,
    table: &PriceTable,
) -> Result<tollgate::provider_names::NameReport, Trouble> {
    let prices = table.of(provider).map_err(defect)?;
    Ok(tollgate::provider_names::report(provider, rows, &prices))
}

/// A table in use was read whole, so its rows can be read.
fn defect(error: tollgate::InvalidTable) -> Trouble {
    Trouble::new(code::DEFECT, error.to_string())
}

fn day(at: Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// Where a table was found, for people.
fn place(found: &TableInUse) -> String {
    let path = found.path.as_ref();
    path.map_or_else(
        || "inside the program".to_owned(),
        |path| path.display().to_string(),
    )
}
