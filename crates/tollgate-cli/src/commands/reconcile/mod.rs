//! The ledger beside what was charged: by day and model with a management key
//! or an export, else by the sums of the key.

mod books;
mod export;
mod sums;
mod text;

use serde_json::json;
use tollgate::{
    Account, Book, Clock, Comparison, Config, Gateway, SystemClock, Timestamp, Tolerance,
    UsageQuery, compare,
};

use super::usage::period;
use crate::args::{Global, ReconcileArgs};
use crate::exit::{Trouble, code};
use crate::{config, ui};

const DAY_SECS: i64 = 86_400;
/// How far `GET /activity` goes back.
const DAYS_BACK: i64 = 30;

pub(crate) async fn run(args: ReconcileArgs, global: &Global) -> Result<(), Trouble> {
    let config = config::load(global)?;
    let account = Account::of(&config)?;
    if args.csv.is_none() && !account.is_managed() {
        return sums::run(&args, &config, &account, global).await;
    }
    let now = SystemClock.now();
    let days = days(&args, now)?;
    let gateway = config::onlooker(global).await?;
    let theirs = theirs(&args, &account, &gateway).await?;
    let comparison = side_by_side(&args, &config, &gateway, theirs, days, now).await?;
    if global.json {
        ui::json(&json!({
            "currency": "USD",
            "since": day(days.0),
            "until": day(days.1),
            "lane": args.lane,
            "tolerance": args.tolerance,
            "comparison": text::json(&comparison),
        }));
    } else {
        let period = format!("{} to {}", day(days.0), day(days.1 - 1));
        ui::data(text::comparison(&comparison, &args.lane, &period));
    }
    verdict(comparison.agrees)
}

/// Whole UTC days, the last one not included. What was asked for is widened to
/// days, since the other side counts in days.
fn days(args: &ReconcileArgs, now: Timestamp) -> Result<(i64, i64), Trouble> {
    let period = period::period(args.since.as_deref(), args.until.as_deref(), now)?;
    let end = |until: Timestamp| (until.secs() + DAY_SECS - 1).div_euclid(DAY_SECS);
    let until = period.until.map_or(now.day() + 1, end);
    let since = period.since.map_or(now.day() - DAYS_BACK, Timestamp::day);
    Ok((since, until))
}

async fn theirs(
    args: &ReconcileArgs,
    account: &Account,
    gateway: &Gateway,
) -> Result<Book, Trouble> {
    let book = match &args.csv {
        Some(file) => export::read(file, &args.map)?,
        None => account.activity(args.api_key_hash.as_deref()).await?,
    };
    Ok(books::renamed(&book, &gateway.catalog().view()))
}

async fn side_by_side(
    args: &ReconcileArgs,
    config: &Config,
    gateway: &Gateway,
    mut theirs: Book,
    (since, until): (i64, i64),
    now: Timestamp,
) -> Result<Comparison, Trouble> {
    let period = UsageQuery {
        since: Some(Timestamp::from_secs(since * DAY_SECS)),
        until: Some(Timestamp::from_secs(until * DAY_SECS)),
        ..UsageQuery::default()
    };
    let mut ours = books::of_lane(config, &args.lane, &period).await?;
    ours = books::renamed(&ours, &gateway.catalog().view());
    theirs.retain_days(|day| (since..until).contains(&day));
    Ok(compare(
        &ours,
        &theirs,
        Tolerance(args.tolerance),
        now.day(),
    ))
}

fn verdict(agrees: bool) -> Result<(), Trouble> {
    if agrees {
        return Ok(());
    }
    Err(Trouble::new(
        code::RECONCILE,
        "the books differ by more than the tolerance",
    ))
}

fn day(day: i64) -> String {
    tollgate::Dimension::day(day)
}
