//! A comparison for people and for programs.

use comfy_table::CellAlignment;
use owo_colors::OwoColorize;
use serde_json::{Value, json};
use tollgate::{Comparison, Drift, Usd};

use super::day;
use crate::ui::{self, dollars, signed_dollars};

/// Most drifts that are shown.
const SHOWN: usize = 30;

pub(super) fn comparison(comparison: &Comparison, lane: &str, period: &str) -> String {
    let head = format!(
        "{} the lane {lane}, UTC days {period}\n\n  ledger      {:>16}\n  charged     {:>16}\n  \
         difference  {:>16}",
        "reconcile".bold(),
        dollars(comparison.ours.cost()),
        dollars(comparison.theirs.cost()),
        signed_dollars(comparison.difference),
    );
    let verdict = match (comparison.agrees, comparison.drifts.is_empty()) {
        (true, true) => "the books are equal".green().to_string(),
        (true, false) => "the books agree within the tolerance".green().to_string(),
        (false, _) => "the books differ".red().to_string(),
    };
    let drifts = match comparison.drifts.is_empty() {
        true => String::new(),
        false => format!("\n\n{}", table(&comparison.drifts)),
    };
    format!("{head}{drifts}\n\n{verdict}")
}

fn table(drifts: &[Drift]) -> String {
    let mut table = ui::table(&[
        "day",
        "model, and probable cause",
        "ledger",
        "charged",
        "difference",
    ]);
    let (shown, others) = drifts.split_at(drifts.len().min(SHOWN));
    for drift in shown {
        let cost = |figures: &Option<tollgate::Figures>| {
            figures.map_or("-".to_owned(), |figures| dollars(figures.cost()))
        };
        let model = drift.entry.model.replace(char::is_control, "\u{FFFD}");
        let probably = match drift.counts {
            true => drift.cause.as_str().to_owned(),
            false => format!("{} (passes)", drift.cause.as_str()),
        };
        table.add_row([
            day(drift.entry.day),
            format!("{model}\n  {probably}"),
            cost(&drift.ours),
            cost(&drift.theirs),
            signed_dollars(drift.difference),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let rest: Usd = others.iter().map(|drift| drift.difference).sum();
    match others.len() {
        0 => table.to_string(),
        count => format!(
            "{table}\nand {count} smaller ones, {}",
            signed_dollars(rest)
        ),
    }
}

/// As `--json` prints it: days as dates.
pub(super) fn json(comparison: &Comparison) -> Value {
    let drift = |drift: &Drift| {
        let mut value = json!(drift);
        value["day"] = json!(day(drift.entry.day));
        value["why"] = json!(drift.cause.as_str());
        value
    };
    let drifts: Vec<_> = comparison.drifts.iter().map(drift).collect();
    let mut value = json!(comparison);
    value["drifts"] = json!(drifts);
    value
}
