//! One event, one row.

use std::sync::Arc;

use rusqlite::types::Type;
use serde::Serialize;
use tollgate_core::{
    AttemptRecord, BudgetWindow, BudgetWindows, CallFacts, LedgerEvent, Timestamp, TokenUsage, Usd,
};

use super::cells::Cells;
use super::tables::{ADJUST, CARRIED, DISPATCH, HOLD, NAMED, TERMINAL, Table};

/// An event on its way into its table.
pub(super) struct Row {
    pub(super) table: &'static Table,
    pub(super) cells: Cells,
    /// What the event adds to budgets.
    pub(super) counts: Option<(BudgetWindows, Usd)>,
}

impl Row {
    pub(super) fn of(event: &LedgerEvent) -> Self {
        match event {
            LedgerEvent::Hold { facts, amount } => {
                let cells = Cells::new()
                    .id(facts.call)
                    .integer(amount.nanos())
                    .integer(facts.at.millis());
                Self::plain(&HOLD, facts_tail(cells, facts))
            }
            LedgerEvent::Dispatch {
                call,
                attempt,
                at,
                lane,
                billing,
                model,
                worst,
                windows,
                epoch,
            } => {
                let cells = Cells::new()
                    .id(*call)
                    .integer(*attempt)
                    .integer(at.millis())
                    .text(lane.as_str())
                    .text(billing.as_str())
                    .text(model.as_str())
                    .integer(worst.nanos());
                Self::plain(&DISPATCH, put_windows(cells, windows).count(*epoch))
            }
            LedgerEvent::Named {
                call,
                attempt,
                generation,
            } => {
                let cells = Cells::new().id(*call).integer(*attempt);
                Self::plain(&NAMED, cells.text(generation.as_str()))
            }
            LedgerEvent::Settle {
                facts,
                record,
                windows,
            } => {
                let spent = record.cost.map(|cost| (Arc::clone(windows), cost.amount()));
                let cells = terminal("settle", facts, record);
                Self::counting(&TERMINAL, put_windows(cells, windows), spent)
            }
            LedgerEvent::Release { facts, record } => {
                Self::plain(&TERMINAL, terminal("release", facts, record).null())
            }
            LedgerEvent::Adjust {
                call,
                attempt,
                at,
                cost,
                tokens,
                windows,
                change,
            } => {
                let cells = Cells::new()
                    .id(*call)
                    .integer(*attempt)
                    .integer(at.millis())
                    .integer(cost.credits.nanos())
                    .integer(cost.provider.nanos())
                    .text(cost.source.as_str());
                let cells = match tokens {
                    Some(tokens) => tokens.counts().into_iter().fold(cells, Cells::count),
                    None => TokenUsage::CLASSES
                        .iter()
                        .fold(cells, |cells, _| cells.null()),
                };
                let cells = put_windows(cells.integer(change.nanos()), windows);
                Self::counting(&ADJUST, cells, Some((Arc::clone(windows), *change)))
            }
            LedgerEvent::Carried { window, at, amount } => {
                let cells = Cells::new()
                    .text(&window.budget)
                    .text(&window.key)
                    .integer(window.start.millis())
                    .integer(at.millis())
                    .integer(amount.nanos());
                let windows: BudgetWindows = [window.clone()].into();
                Self::counting(&CARRIED, cells, Some((windows, *amount)))
            }
        }
    }

    fn plain(table: &'static Table, cells: Cells) -> Self {
        Self::counting(table, cells, None)
    }

    fn counting(table: &'static Table, cells: Cells, counts: Option<(BudgetWindows, Usd)>) -> Self {
        Self {
            table,
            cells,
            counts,
        }
    }
}

fn terminal(kind: &str, facts: &CallFacts, record: &AttemptRecord) -> Cells {
    let (ended, failure, status, message) = record.end.columns();
    let served = &record.served;
    let cells = Cells::new()
        .id(facts.call)
        .integer(record.number)
        .text(kind)
        .integer(facts.at.millis())
        .integer(facts.at.day());
    let cells = facts_tail(cells, facts)
        .text(record.lane.as_str())
        .text(record.billing.as_str())
        .text(record.requested.as_str())
        .optional(served.model.as_ref().map(|id| id.as_str()), Cells::text)
        .optional(served.provider.as_ref().map(|id| id.as_str()), Cells::text)
        .optional(
            served.generation.as_ref().map(|id| id.as_str()),
            Cells::text,
        )
        .count(record.started_ms)
        .optional(record.first_token_ms, Cells::count)
        .count(record.took_ms)
        .text(ended)
        .optional(failure, Cells::text)
        .optional(status, Cells::integer)
        .optional(message, Cells::text)
        .optional(record.cost.map(|cost| cost.credits.nanos()), Cells::integer)
        .optional(
            record.cost.map(|cost| cost.provider.nanos()),
            Cells::integer,
        )
        .optional(record.cost.map(|cost| cost.source.as_str()), Cells::text);
    record.tokens.counts().into_iter().fold(cells, Cells::count)
}

/// Caller, requested, task, policy and tags.
fn facts_tail(cells: Cells, facts: &CallFacts) -> Cells {
    let cells = cells
        .text(facts.caller.as_str())
        .text(&facts.requested)
        .text(facts.task.as_str())
        .text(&facts.policy);
    if facts.tags.is_empty() {
        return cells.text("[]");
    }
    cells.text(&json(&facts.tags))
}

// === windows ===

fn put_windows(cells: Cells, windows: &[BudgetWindow]) -> Cells {
    if windows.is_empty() {
        return cells.null();
    }
    let lines: Vec<(&str, &str, i64)> = windows
        .iter()
        .map(|window| (&*window.budget, &*window.key, window.start.millis()))
        .collect();
    cells.text(&json(&lines))
}

fn json(lists: &impl Serialize) -> String {
    serde_json::to_string(lists).expect("lists of texts and numbers are JSON")
}

/// The windows of a column.
pub(super) fn windows(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<BudgetWindows> {
    let Some(text) = row.get::<_, Option<String>>(column)? else {
        return Ok([].into());
    };
    let lines: Vec<(String, String, i64)> = serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })?;
    let window = |(budget, key, start): (String, String, i64)| BudgetWindow {
        budget: budget.into(),
        key: key.into(),
        start: Timestamp::from_millis(start),
    };
    Ok(lines.into_iter().map(window).collect())
}
