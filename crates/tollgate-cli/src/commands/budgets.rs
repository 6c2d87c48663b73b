//! What is left of the budgets.

use owo_colors::OwoColorize;
use tollgate::{BudgetUse, Per, Usd};

use crate::args::Global;
use crate::config;
use crate::exit::{Trouble, code};
use crate::ui::{self, dollars};

/// Columns of the bar that shows what is spent.
const BAR: usize = 20;

pub(crate) async fn run(global: &Global) -> Result<(), Trouble> {
    let config = config::load(global)?;
    let uses = tollgate::budgets(&config).await;
    let uses = uses.map_err(|error| Trouble::new(code::LEDGER, error.to_string()))?;
    if global.json {
        ui::json(&uses);
        return Ok(());
    }
    if config.budgets.is_empty() {
        ui::note("no budgets are configured; a table [budgets.NAME] with a limit makes one");
        return Ok(());
    }
    if uses.is_empty() {
        ui::note("nothing was spent of any budget yet");
        return Ok(());
    }
    let mut table = ui::table(&[
        "budget",
        "window",
        "spent",
        "",
        "left",
        "limit",
        "opens again",
    ]);
    for one in &uses {
        table.add_row(row(one));
    }
    ui::data(table);
    ui::note("what calls under way hold is not counted here".dimmed());
    Ok(())
}

fn row(one: &BudgetUse) -> [String; 7] {
    let name = match (&one.per, one.key.as_str()) {
        (Per::All, _) => one.budget.clone(),
        (per, "") => format!("{} (no {per})", one.budget),
        (_, key) => format!("{} {key}", one.budget),
    };
    let opens = one
        .until
        .map_or_else(|| "never".to_owned(), |until| until.to_string());
    [
        name,
        one.window.as_str().to_owned(),
        dollars(one.spent),
        bar(one),
        dollars(one.left()),
        dollars(one.limit),
        opens,
    ]
}

/// How much of the limit is spent.
fn bar(one: &BudgetUse) -> String {
    let share = share(one.spent, one.limit);
    let filled = (share * BAR).div_ceil(100).min(BAR);
    let bar = format!(
        "{}{} {share:>3} %",
        "█".repeat(filled),
        "░".repeat(BAR - filled)
    );
    match () {
        () if one.spent >= one.limit => bar.red().to_string(),
        () if one.spent >= one.soft => bar.yellow().to_string(),
        () => bar.green().to_string(),
    }
}

/// Whole percent, rounded down.
fn share(spent: Usd, limit: Usd) -> usize {
    let (spent, limit) = (
        i128::from(spent.nanos().max(0)),
        i128::from(limit.nanos().max(1)),
    );
    usize::try_from(spent * 100 / limit).unwrap_or(usize::MAX / BAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_percents() {
        let usd = |text: &str| text.parse().expect("an amount");
        assert_eq!(share(usd("0"), usd("10")), 0);
        assert_eq!(share(usd("9.999999999"), usd("10")), 99);
        assert_eq!(share(usd("25"), usd("10")), 250);
    }
}
