//! Without a management key: the sums of the key since midnight, since Monday
//! and since the first of the month, beside the ledger's of the same time.

use serde::Serialize;
use tollgate::{
    Account, Clock, Config, Figures, OPENROUTER_LANE, SystemClock, Timestamp, Tolerance,
    UsageQuery, Usd,
};

use super::{DAY_SECS, books, day, verdict};
use crate::args::{Global, ReconcileArgs};
use crate::exit::{Trouble, code};
use crate::ui::{self, dollars, signed_dollars};

/// One window.
#[derive(Debug, Serialize)]
struct Window {
    name: &'static str,
    since: String,
    ours: Usd,
    unresolved: Usd,
    theirs: Usd,
    difference: Usd,
    agrees: bool,
}

pub(super) async fn run(
    args: &ReconcileArgs,
    config: &Config,
    account: &Account,
    global: &Global,
) -> Result<(), Trouble> {
    if args.since.is_some() || args.until.is_some() || args.api_key_hash.is_some() {
        return Err(Trouble::new(
            code::CONFIGURATION,
            "there is no management key, so only the sums of the key can be compared",
        )
        .with_hint("set openrouter.management_key to compare days and models"));
    }
    let spend = account.key().await?;
    let today = SystemClock.now().day();
    let starts = [
        ("today", today, spend.day),
        ("since Monday", monday(today), spend.week),
        ("this month", first_of_month(today), spend.month),
    ];
    let mut windows = Vec::new();
    for (name, since, theirs) in starts {
        let ours = since_day(config, since).await?;
        windows.push(Window::new(name, since, &ours, theirs, args.tolerance));
    }
    let agrees = windows.iter().all(|window| window.agrees);
    if global.json {
        ui::json(&serde_json::json!({
            "currency": "USD",
            "tolerance": args.tolerance,
            "windows": windows,
            "agrees": agrees,
        }));
    } else {
        print(&windows);
    }
    verdict(agrees)
}

impl Window {
    /// What is unresolved may have cost up to its worst case.
    fn new(name: &'static str, since: i64, ours: &Figures, theirs: Usd, tolerance: Usd) -> Self {
        let difference = theirs - ours.credits;
        let beyond = match difference.is_negative() {
            true => difference,
            false => (difference - ours.unresolved).max(Usd::ZERO),
        };
        Self {
            name,
            since: day(since),
            ours: ours.credits,
            unresolved: ours.unresolved,
            theirs,
            difference,
            agrees: Tolerance(tolerance).allows(beyond, theirs),
        }
    }
}

fn print(windows: &[Window]) {
    let mut table = ui::table(&["", "since", "ledger", "openrouter", "difference", ""]);
    for window in windows {
        let verdict = match (window.difference, window.agrees) {
            (Usd::ZERO, _) => "equal",
            (_, true) => "within the tolerance",
            (_, false) => "differs",
        };
        table.add_row([
            window.name.to_owned(),
            window.since.clone(),
            dollars(window.ours),
            dollars(window.theirs),
            signed_dollars(window.difference),
            verdict.to_owned(),
        ]);
    }
    ui::data(table);
    ui::note(
        "by the sums of the key, which may have other users; with openrouter.management_key set,\n\
         days and models are compared, with the probable cause of each difference",
    );
}

async fn since_day(config: &Config, since: i64) -> Result<Figures, Trouble> {
    let period = UsageQuery {
        since: Some(Timestamp::from_secs(since * DAY_SECS)),
        ..UsageQuery::default()
    };
    let book = books::of_lane(config, OPENROUTER_LANE, &period).await?;
    Ok(book.total())
}

fn monday(today: i64) -> i64 {
    today - i64::from(Timestamp::from_secs(today * DAY_SECS).weekday())
}

fn first_of_month(today: i64) -> i64 {
    let (_, _, day) = Timestamp::from_secs(today * DAY_SECS).date();
    today - i64::from(day) + 1
}
