//! Who runs is who was dispatched and has not ended.

use rusqlite::Connection;

use crate::sqlite::attempts::call;
use crate::{Difference, Verified};

const WRONG: &str = "SELECT d.call, d.attempt, 'it runs, and does not count as running'
FROM dispatch AS d
WHERE NOT EXISTS (SELECT 1 FROM terminal AS t WHERE t.call = d.call AND t.attempt = d.attempt)
    AND NOT EXISTS (SELECT 1 FROM running AS r WHERE r.call = d.call AND r.attempt = d.attempt)
UNION ALL
SELECT r.call, r.attempt, 'it counts as running, and does not run'
FROM running AS r
WHERE EXISTS (SELECT 1 FROM terminal AS t WHERE t.call = r.call AND t.attempt = r.attempt)
    OR NOT EXISTS (SELECT 1 FROM dispatch AS d WHERE d.call = r.call AND d.attempt = r.attempt)
ORDER BY 1, 2";

pub(super) fn check(connection: &Connection, verified: &mut Verified) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(WRONG)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        verified.differs(Difference::Attempt {
            call: call(row, 0)?,
            attempt: row.get(1)?,
            detail: row.get(2)?,
        });
    }
    Ok(())
}
