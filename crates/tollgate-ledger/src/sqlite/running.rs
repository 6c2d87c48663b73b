//! The list of attempts that were dispatched and have not ended.

use rusqlite::Connection;

use super::rows::Row;
use super::tables::{DISPATCH, TERMINAL};

/// An attempt whose end came first does not run.
const START: &str = "INSERT INTO running SELECT ?1, ?2
WHERE NOT EXISTS (SELECT 1 FROM terminal WHERE call = ?1 AND attempt = ?2)";

const END: &str = "DELETE FROM running WHERE call = ?1 AND attempt = ?2";

/// The call and the number of an attempt, which come first in both tables.
const ATTEMPT: usize = 2;

/// Takes note of an event that was just added.
pub(super) fn note(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let sql = if std::ptr::eq(row.table, &raw const DISPATCH) {
        START
    } else if std::ptr::eq(row.table, &raw const TERMINAL) {
        END
    } else {
        return Ok(());
    };
    let mut statement = connection.prepare_cached(sql)?;
    row.cells.bind_first(ATTEMPT, &mut statement)?;
    statement.raw_execute()?;
    Ok(())
}
