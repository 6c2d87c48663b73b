//! A batch of events on its way into the tables, counting what it counts.

mod sql;

use deadpool_postgres::{Object, Transaction};
use serde_json::Value;
use tokio_postgres::IsolationLevel;
use tollgate_core::{LedgerEvent, Usd};

use crate::Result;
use crate::rows;
use crate::windows::Windows;

/// Rows of a batch, by table. Each table's go as one JSON array, which the
/// server spreads over the table's columns by their names: one bound parameter
/// instead of an array for each of up to 38 columns.
#[derive(Debug)]
pub(crate) struct Batch {
    node: String,
    holds: Vec<Value>,
    dispatches: Vec<Dispatched>,
    named: Vec<Value>,
    ends: Vec<Value>,
    adjusts: Vec<Value>,
    carried: Vec<Value>,
    /// What the batch counts in.
    windows: Windows,
}

#[derive(Debug)]
struct Dispatched {
    /// Its place among the events.
    place: usize,
    epoch: i64,
    row: Value,
}

impl Batch {
    pub(crate) fn of(events: &[LedgerEvent], node: &str) -> Self {
        let mut batch = Self {
            node: rows::text(node),
            holds: Vec::new(),
            dispatches: Vec::new(),
            named: Vec::new(),
            ends: Vec::new(),
            adjusts: Vec::new(),
            carried: Vec::new(),
            windows: events.iter().flat_map(counted).collect(),
        };
        for (place, event) in events.iter().enumerate() {
            let row = rows::of(event, &batch.node);
            match event {
                LedgerEvent::Hold { .. } => batch.holds.push(row),
                LedgerEvent::Dispatch { epoch, .. } => batch.dispatches.push(Dispatched {
                    place,
                    epoch: rows::count(*epoch),
                    row,
                }),
                LedgerEvent::Named { .. } => batch.named.push(row),
                LedgerEvent::Settle { .. } | LedgerEvent::Release { .. } => batch.ends.push(row),
                LedgerEvent::Adjust { .. } => batch.adjusts.push(row),
                LedgerEvent::Carried { .. } => batch.carried.push(row),
            }
        }
        batch
    }

    /// Inserts and counts all in one transaction. Returns the places of the
    /// dispatches whose epoch has ended, which it leaves out.
    ///
    /// Locks are taken in one order everywhere: nodes, then windows.
    pub(crate) async fn write(&self, client: &mut Object) -> Result<Vec<usize>> {
        // Each statement has to see what others committed while it waited for
        // a lock, whatever the server's own default is.
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .start()
            .await?;
        let epoch = self.epoch(&transaction).await?;
        self.windows.lock(&transaction).await?;
        let (taken, refused): (Vec<_>, Vec<_>) = self
            .dispatches
            .iter()
            .partition(|one| one.epoch == 0 || Some(one.epoch) == epoch);
        insert(&transaction, sql::HOLD, array(&self.holds)).await?;
        let rows = array(taken.iter().map(|one| &one.row));
        insert(&transaction, sql::DISPATCH, rows).await?;
        insert(&transaction, sql::NAMED, array(&self.named)).await?;
        self.end(&transaction).await?;
        self.adjust(&transaction).await?;
        insert(&transaction, sql::CARRIED, array(&self.carried)).await?;
        transaction.commit().await?;
        Ok(refused.iter().map(|one| one.place).collect())
    }

    /// The epoch of this node's leases, which nobody ends before this
    /// transaction has: what is dispatched or ended in it is seen by who ends
    /// the leases, or sees that they have ended.
    async fn epoch(&self, transaction: &Transaction<'_>) -> Result<Option<i64>> {
        if self.dispatches.is_empty() && self.ends.is_empty() {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(sql::EPOCH).await?;
        let row = transaction.query_opt(&statement, &[&self.node]).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    async fn end(&self, transaction: &Transaction<'_>) -> Result<()> {
        let inserted = insert(transaction, sql::END, array(&self.ends)).await?;
        if inserted == rows::count(self.ends.len()) {
            return Ok(());
        }
        // Seldom: a batch that is repeated, or an end that comes too late.
        let ends = array(&self.ends);
        let late = adjusted(transaction, sql::LATE, &ends).await?;
        if late > 0 {
            tracing::warn!(
                attempts = late,
                "attempts ended after another node had given them up; what they cost replaces their worst case"
            );
        }
        let statement = transaction.prepare_cached(sql::UNSPENT).await?;
        for row in transaction.query(&statement, &[&ends]).await? {
            let (call, attempt): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let booked = Usd::from_nanos(row.try_get(2)?);
            tracing::warn!(%call, attempt, %booked,
                "an attempt cost nothing, and another node had given it up; it stays booked at its worst case until it is adjusted");
        }
        Ok(())
    }

    async fn adjust(&self, transaction: &Transaction<'_>) -> Result<()> {
        if !self.adjusts.is_empty() {
            adjusted(transaction, sql::ADJUST, &array(&self.adjusts)).await?;
        }
        Ok(())
    }
}

/// Inserts adjustments and counts those that are new. Returns how many are.
async fn adjusted(transaction: &Transaction<'_>, sql: &str, rows: &str) -> Result<usize> {
    let statement = transaction.prepare_cached(sql).await?;
    let rows = transaction.query(&statement, &[&rows]).await?;
    let numbers: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    if !numbers.is_empty() {
        let statement = transaction.prepare_cached(sql::CHANGE).await?;
        transaction.execute(&statement, &[&numbers]).await?;
    }
    Ok(numbers.len())
}

/// The windows whose counters an event changes. Those of a dispatch are for
/// its end to know.
fn counted(event: &LedgerEvent) -> &[tollgate_core::BudgetWindow] {
    match event {
        LedgerEvent::Settle { windows, .. } | LedgerEvent::Adjust { windows, .. } => windows,
        LedgerEvent::Carried { window, .. } => std::slice::from_ref(window),
        LedgerEvent::Hold { .. }
        | LedgerEvent::Dispatch { .. }
        | LedgerEvent::Named { .. }
        | LedgerEvent::Release { .. } => &[],
    }
}

/// Runs a statement that inserts an array of rows and says how many it did.
async fn insert(transaction: &Transaction<'_>, sql: &str, rows: String) -> Result<i64> {
    if rows == NONE {
        return Ok(0);
    }
    let statement = transaction.prepare_cached(sql).await?;
    let row = transaction.query_one(&statement, &[&rows]).await?;
    Ok(row.try_get(0)?)
}

/// An array without rows.
const NONE: &str = "[]";

fn array<'a>(rows: impl IntoIterator<Item = &'a Value>) -> String {
    let mut text = String::from("[");
    for row in rows {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&row.to_string());
    }
    text.push(']');
    text
}
