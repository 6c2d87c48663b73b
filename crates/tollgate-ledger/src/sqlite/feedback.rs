//! What was said of answers.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, TransactionBehavior, params};
use tollgate_core::{FeedbackRow, ModelId};

const ADD: &str = "INSERT INTO feedback (day, model, task, source, weight, sum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (day, model, task, source)
DO UPDATE SET weight = weight + excluded.weight, sum = sum + excluded.sum";

pub(super) fn add(connection: &mut Connection, rows: &[FeedbackRow]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut add = transaction.prepare_cached(ADD)?;
        for row in rows {
            add.execute(params![
                row.day,
                row.model.as_str(),
                row.task.as_str(),
                row.source.as_str(),
                row.weight,
                row.sum,
            ])?;
        }
    }
    transaction.commit()
}

/// A file that is read as it is may be older than the table.
const EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'feedback')";

const SINCE: &str = "SELECT day, model, task, source, weight, sum FROM feedback WHERE day >= ?1";

pub(super) fn since(connection: &Connection, day: i64) -> rusqlite::Result<Vec<FeedbackRow>> {
    if !connection.query_row(EXISTS, [], |row| row.get(0))? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(SINCE)?;
    let rows = statement.query_map([day], feedback_row)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    // Texts sort otherwise than tasks and sources.
    rows.sort();
    Ok(rows)
}

fn feedback_row(row: &Row<'_>) -> rusqlite::Result<FeedbackRow> {
    Ok(FeedbackRow {
        day: row.get(0)?,
        model: read(row, 1, |text| ModelId::new(text))?,
        task: read(row, 2, |text| text.parse())?,
        source: read(row, 3, |text| text.parse())?,
        weight: row.get(4)?,
        sum: row.get(5)?,
    })
}

pub(super) fn read<T, E: std::error::Error + Send + Sync + 'static>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}
