//! Windows of budgets, as the database takes them.

use deadpool_postgres::Transaction;
use serde_json::{Value, json};
use tollgate_core::{BudgetWindow, BudgetWindows, Timestamp};

use crate::Result;
use crate::rows::text;

/// Makes the windows that are missing and locks all: a condition that is never
/// met changes nothing of a row, but has it locked. They are locked as they are
/// given, one after the other, so who gives them in the same order as the
/// others may wait for them, but never in a circle.
const LOCK: &str = "INSERT INTO budget_window (budget, key, start_ms)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT (budget, key, start_ms) DO UPDATE SET spent_nanos = 0 WHERE false";

/// Different windows as columns, in an order that is the same for everybody.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    ids: Vec<(String, String, i64)>,
    pub(crate) budgets: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) starts: Vec<i64>,
}

impl Windows {
    /// Where one of the windows stands.
    pub(crate) fn place(&self, window: &BudgetWindow) -> usize {
        let place = self.ids.binary_search(&id(window));
        place.expect("a window that these were made of")
    }

    /// Locks the windows until the transaction ends.
    pub(crate) async fn lock(&self, transaction: &Transaction<'_>) -> Result<()> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let statement = transaction.prepare_cached(LOCK).await?;
        transaction
            .execute(&statement, &[&self.budgets, &self.keys, &self.starts])
            .await?;
        Ok(())
    }
}

impl<'a> FromIterator<&'a BudgetWindow> for Windows {
    fn from_iter<I: IntoIterator<Item = &'a BudgetWindow>>(windows: I) -> Self {
        let mut ids: Vec<_> = windows.into_iter().map(id).collect();
        ids.sort_unstable();
        ids.dedup();
        Self {
            budgets: ids.iter().map(|(budget, ..)| budget.clone()).collect(),
            keys: ids.iter().map(|(_, key, _)| key.clone()).collect(),
            starts: ids.iter().map(|(.., start)| *start).collect(),
            ids,
        }
    }
}

fn id(window: &BudgetWindow) -> (String, String, i64) {
    let start = window.start.millis();
    (text(&window.budget), text(&window.key), start)
}

/// How events keep windows.
pub(crate) fn to_json(windows: &[BudgetWindow]) -> Value {
    let window = |window| {
        let (budget, key, start_ms) = id(window);
        json!({ "budget": budget, "key": key, "start_ms": start_ms })
    };
    windows.iter().map(window).collect()
}

/// What [`to_json`] wrote.
pub(crate) fn from_json(text: &str) -> Result<BudgetWindows> {
    let windows: Vec<Value> = serde_json::from_str(text)?;
    windows.iter().map(window).collect()
}

fn window(value: &Value) -> Result<BudgetWindow> {
    let text = |name: &str| value[name].as_str().ok_or("a window without its names");
    let start = value["start_ms"].as_i64();
    Ok(BudgetWindow {
        budget: text("budget")?.into(),
        key: text("key")?.into(),
        start: Timestamp::from_millis(start.ok_or("a window without its start")?),
    })
}
