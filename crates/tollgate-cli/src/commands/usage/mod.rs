//! What was used and what it cost, in the form that was asked for.

mod chart;
pub(crate) mod csv;
mod focus;
pub(crate) mod period;
mod saved;
mod sheet;
mod text;

use std::time::Duration;

use tollgate::{Clock, Dimension, SystemClock, UsageQuery};

use self::saved::Saved;
use self::sheet::Sheet;
use crate::args::{Global, UsageArgs};
use crate::exit::{Trouble, code};
use crate::{config, ledgers, ui};

/// How far back a chart goes unless it is told.
const CHARTED: Duration = Duration::from_secs(30 * 86_400);

/// What a report is printed as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Chart,
    Csv,
    Focus,
    Json,
}

pub(crate) async fn run(args: UsageArgs, global: &Global) -> Result<(), Trouble> {
    let form = form(&args, global)?;
    let query = query(&args, form)?;
    let config = config::load(global)?;
    let saved = match &args.baseline {
        Some(policy) => Some(Saved::against(policy, &query, global).await?),
        None => None,
    };
    let sheet = Sheet::new(ledgers::usage(&config, &query).await?, query);
    match form {
        Form::Json => {
            let mut report = sheet.json();
            if let Some(saved) = &saved {
                report["baseline"] = saved.json();
            }
            ui::json(&report);
        }
        Form::Csv => ui::data(csv::sheet(&sheet)),
        Form::Focus => ui::data(focus::charges(&sheet)),
        _ if sheet.rows.is_empty() => {
            ui::note("nothing was used yet; `tollgate chat` and `tollgate serve` fill the ledger");
        }
        Form::Table => {
            ui::data(text::table(&sheet));
            if let Some(saved) = &saved {
                ui::data(saved.text(sheet.total.calls));
            }
        }
        Form::Chart => ui::data(chart::by_day(&sheet, ui::width())),
    }
    Ok(())
}

fn form(args: &UsageArgs, global: &Global) -> Result<Form, Trouble> {
    let asked = [
        (args.chart, Form::Chart),
        (args.csv, Form::Csv),
        (args.focus, Form::Focus),
        (global.json, Form::Json),
    ];
    let mut asked = asked.into_iter().filter(|(asked, _)| *asked);
    match (asked.next(), asked.next()) {
        (None, _) => Ok(Form::Table),
        (Some((_, form)), None) => Ok(form),
        _ => Err(Trouble::new(code::USAGE, "a report has one form")
            .with_hint("one of --chart, --csv, --focus and --json")),
    }
}

fn query(args: &UsageArgs, form: Form) -> Result<UsageQuery, Trouble> {
    let now = SystemClock.now();
    let mut query = period::period(args.since.as_deref(), args.until.as_deref(), now)?;
    let asked = breakdown(&args.by)?;
    query.by = match form {
        Form::Chart => vec![Dimension::Day],
        Form::Focus => focus::breakdown(&asked),
        _ if asked.is_empty() => vec![Dimension::Model],
        _ => asked,
    };
    if form == Form::Chart && query.since.is_none() {
        query.since = Some(period::before(query.until.unwrap_or(now), CHARTED));
    }
    Ok(query)
}

/// The dimensions of that names, each once.
fn breakdown(names: &[String]) -> Result<Vec<Dimension>, Trouble> {
    let mut by = Vec::new();
    for name in names {
        let dimension = dimension(name.trim())?;
        if !by.contains(&dimension) {
            by.push(dimension);
        }
    }
    Ok(by)
}

fn dimension(name: &str) -> Result<Dimension, Trouble> {
    Dimension::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Dimension::ALL.iter().map(|(_, name)| *name).collect();
        Trouble::new(code::USAGE, format!("there is no breakdown by {name:?}"))
            .with_hint(format!("one of {}, or tag.NAME", known.join(", ")))
    })
}
