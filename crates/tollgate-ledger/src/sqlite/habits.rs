//! What answers used.

use rusqlite::{Connection, Row, TransactionBehavior, params};
use tollgate_core::{HabitRow, HabitSums, ModelId};

use super::feedback::read;

const ADD: &str = "INSERT INTO habits
    (day, model, task, answers, log_tokens, log_tokens_squared, prompts, log_factors)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (day, model, task) DO UPDATE SET
    answers = answers + excluded.answers,
    log_tokens = log_tokens + excluded.log_tokens,
    log_tokens_squared = log_tokens_squared + excluded.log_tokens_squared,
    prompts = prompts + excluded.prompts,
    log_factors = log_factors + excluded.log_factors";

pub(super) fn add(connection: &mut Connection, rows: &[HabitRow]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut add = transaction.prepare_cached(ADD)?;
        for row in rows {
            let sums = row.sums;
            add.execute(params![
                row.day,
                row.model.as_str(),
                row.task.as_str(),
                sums.answers,
                sums.log_tokens,
                sums.log_tokens_squared,
                sums.prompts,
                sums.log_factors,
            ])?;
        }
    }
    transaction.commit()
}

/// A file that is read as it is may be older than the table.
const EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'habits')";

const SINCE: &str =
    "SELECT day, model, task, answers, log_tokens, log_tokens_squared, prompts, log_factors
FROM habits WHERE day >= ?1";

pub(super) fn since(connection: &Connection, day: i64) -> rusqlite::Result<Vec<HabitRow>> {
    if !connection.query_row(EXISTS, [], |row| row.get(0))? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(SINCE)?;
    let rows = statement.query_map([day], habit_row)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    // Texts sort otherwise than tasks.
    rows.sort();
    Ok(rows)
}

fn habit_row(row: &Row<'_>) -> rusqlite::Result<HabitRow> {
    Ok(HabitRow {
        day: row.get(0)?,
        model: read(row, 1, |text| ModelId::new(text))?,
        task: read(row, 2, |text| text.parse())?,
        sums: HabitSums {
            answers: row.get(3)?,
            log_tokens: row.get(4)?,
            log_tokens_squared: row.get(5)?,
            prompts: row.get(6)?,
            log_factors: row.get(7)?,
        },
    })
}
