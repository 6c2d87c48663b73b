use std::time::Duration;

use serde_json::json;
use tollgate::{Clock, Dimension, SystemClock, Timestamp, UsageQuery};

use crate::args::{Global, UsageArgs};
use crate::exit::{Trouble, code};
use crate::{config, ledgers, render, ui};

pub(crate) async fn run(args: UsageArgs, global: &Global) -> Result<(), Trouble> {
    let by = args
        .by
        .iter()
        .map(|name| dimension(name))
        .collect::<Result<Vec<_>, _>>()?;
    let since = args.since.as_deref().map(moment).transpose()?;
    let query = UsageQuery {
        since,
        until: None,
        by,
    };
    let config = config::load(global)?;
    let rows = ledgers::usage(&config, &query).await?;
    if global.json {
        let names: Vec<_> = query.by.iter().map(|one| one.as_str()).collect();
        ui::json(&json!({ "by": names, "rows": rows }));
    } else if rows.is_empty() {
        ui::note("nothing was used yet; `tollgate chat` and `tollgate serve` fill the ledger");
    } else {
        ui::data(render::usage(&query.by, &rows));
    }
    Ok(())
}

fn dimension(name: &str) -> Result<Dimension, Trouble> {
    Dimension::from_name(name.trim()).ok_or_else(|| {
        let known: Vec<_> = Dimension::ALL.iter().map(|(_, name)| *name).collect();
        Trouble::new(code::USAGE, format!("there is no breakdown by {name:?}"))
            .with_hint(format!("one of {}", known.join(", ")))
    })
}

/// A date (`2026-11-01`), or a span before now (`90m`, `24h`, `7d`).
fn moment(text: &str) -> Result<Timestamp, Trouble> {
    if let Some(date) = Timestamp::parse_date(text) {
        return Ok(date);
    }
    let unit = text.chars().last().unwrap_or_default();
    let seconds = match unit {
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => 0,
    };
    let count = text
        .strip_suffix(unit)
        .and_then(|number| number.parse::<u64>().ok());
    match count {
        Some(count) if seconds > 0 => {
            let span = Duration::from_secs(count.saturating_mul(seconds));
            let now = SystemClock.now();
            let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            Ok(Timestamp::from_millis(now.millis().saturating_sub(millis)))
        }
        _ => Err(
            Trouble::new(code::USAGE, format!("{text:?} is no date and no time span"))
                .with_hint("write 2026-11-01, 24h or 7d"),
        ),
    }
}
