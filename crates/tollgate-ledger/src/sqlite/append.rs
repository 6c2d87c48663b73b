//! A batch of events, all or nothing, with everything that follows from it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tollgate_core::{BudgetWindow, Usd};

use super::chain::Head;
use super::open::Opened;
use super::rows::Row;
use super::running;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// # Errors
/// Also while what was appended before does not reach the disk.
pub(super) fn append(opened: &mut Opened, rows: Vec<Row>) -> Result<(), Cause> {
    opened.demand()?;
    Ok(write(&mut opened.connection, rows)?)
}

fn write(connection: &mut Connection, rows: Vec<Row>) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = Head::read(&transaction)?;
    let mut head = before;
    let mut counters = Counters::default();
    for mut row in rows {
        if head.link(&transaction, &mut row)? {
            running::note(&transaction, &row)?;
            counters.add(row);
        }
    }
    if head == before {
        return Ok(());
    }
    counters.write(&transaction)?;
    head.write(&transaction)?;
    transaction.commit()
}

/// What a batch adds to each window, so that a window is written once however
/// many events count in it.
#[derive(Default)]
struct Counters(BTreeMap<BudgetWindow, i128>);

impl Counters {
    fn add(&mut self, row: Row) {
        let Some((windows, amount)) = row.counts else {
            return;
        };
        for window in &*windows {
            match self.0.get_mut(window) {
                Some(sum) => *sum += i128::from(amount.nanos()),
                None => {
                    self.0.insert(window.clone(), amount.nanos().into());
                }
            }
        }
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut read = connection.prepare_cached(
            "SELECT spent_nanos FROM budget_spent WHERE budget = ?1 AND key = ?2 AND start_ms = ?3",
        )?;
        let mut write = connection.prepare_cached(
            "INSERT INTO budget_spent (budget, key, start_ms, spent_nanos) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET spent_nanos = excluded.spent_nanos",
        )?;
        for (window, change) in &self.0 {
            let (budget, key, start) = (&*window.budget, &*window.key, window.start.millis());
            let spent: Option<i64> = read
                .query_row(params![budget, key, start], |row| row.get(0))
                .optional()?;
            // Added here and not by SQLite, which fails beyond 64 bits.
            let spent = Usd::from_nanos_i128(i128::from(spent.unwrap_or(0)) + change);
            write.execute(params![budget, key, start, spent.nanos()])?;
        }
        Ok(())
    }
}
