//! What recorded calls would have cost under another policy.

mod csv;
mod text;

use std::path::Path;

use serde_json::json;
use tokio::time::Instant;
use tollgate::{Clock, Gateway, Records, Replay, ReplayReport, SystemClock, UsageQuery};

use super::usage::period;
use crate::args::{Global, ReplayArgs};
use crate::exit::{Trouble, code};
use crate::{config, ui};

/// Calls between two looks at the progress line.
const STEP: u64 = 500;

/// What the calls of a period come to under a policy.
pub(crate) struct Replayed {
    pub(crate) report: ReplayReport,
    /// Lines of the records that were none.
    pub(crate) unreadable: u64,
}

pub(crate) async fn run(args: ReplayArgs, global: &Global) -> Result<(), Trouble> {
    let period = period::period(
        args.since.as_deref(),
        args.until.as_deref(),
        SystemClock.now(),
    )?;
    let folder = match args.records {
        Some(folder) => folder,
        None => config::load(global)?.record.path,
    };
    let gateway = config::onlooker(global).await?;
    let mut replay = gateway.replay(&args.policy)?;
    if args.named {
        replay = replay.with_named();
    }
    if args.csv {
        ui::data(csv::HEAD);
    }
    let started = Instant::now();
    let replayed = replay_all(replay, &folder, &period, args.csv)?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    warn(&replayed);
    if global.json {
        ui::json(&json!({
            "currency": "USD",
            "since": period.since.map(|at| at.to_string()),
            "until": period.until.map(|at| at.to_string()),
            "unreadable": replayed.unreadable,
            "took_ms": took_ms,
            "report": replayed.report,
        }));
    } else if replayed.report.calls == 0 {
        ui::note(nothing(&folder));
    } else if !args.csv {
        ui::data(text::report(&replayed.report));
        ui::note(format!(
            "{} calls decided anew in {took_ms} ms",
            replayed.report.calls
        ));
    }
    Ok(())
}

/// Replays the calls that a configuration has recorded in a period.
pub(crate) fn recorded(
    gateway: &Gateway,
    policy: &str,
    folder: &Path,
    period: &UsageQuery,
) -> Result<Replayed, Trouble> {
    let replayed = replay_all(gateway.replay(policy)?, folder, period, false)?;
    warn(&replayed);
    Ok(replayed)
}

/// What to do when nothing is recorded.
pub(crate) fn nothing(folder: &Path) -> String {
    format!(
        "nothing is recorded of that time in {}; calls are recorded from when on \
         `record.enabled = true` stands in the configuration",
        folder.display()
    )
}

fn replay_all(
    mut replay: Replay,
    folder: &Path,
    period: &UsageQuery,
    prints: bool,
) -> Result<Replayed, Trouble> {
    let unreadable = |error: std::io::Error| {
        let folder = folder.display();
        Trouble::new(
            code::LEDGER,
            format!("the records in {folder} cannot be read: {error}"),
        )
    };
    let mut records = Records::open(folder, period.since, period.until).map_err(unreadable)?;
    let progress = ui::Progress::new();
    let mut calls = 0_u64;
    for record in records.by_ref() {
        let record = record.map_err(unreadable)?;
        let verdict = replay.add(&record);
        if prints {
            ui::data(csv::line(&record, &verdict));
        }
        calls += 1;
        if calls.is_multiple_of(STEP) {
            progress.show(format!("{calls} calls …"));
        }
    }
    progress.clear();
    Ok(Replayed {
        report: replay.report(),
        unreadable: records.unreadable(),
    })
}

fn warn(replayed: &Replayed) {
    if replayed.unreadable > 0 {
        ui::warning(&format!(
            "{} lines of the records could not be read, and are in no figure",
            replayed.unreadable
        ));
    }
}
