//! The chain: all events in their order, each with its digest.

use rusqlite::{Connection, Row, Rows};

use crate::sqlite::cells::Cells;
use crate::sqlite::chain::{Digest, GENESIS, Head, digest};
use crate::sqlite::tables::{TABLES, Table};
use crate::{Difference, Verified};

pub(super) fn check(connection: &Connection, verified: &mut Verified) -> rusqlite::Result<()> {
    let head = Head::read(connection)?;
    verified.head = blake3::Hash::from_bytes(head.digest).to_hex().to_string();
    let (reached, problem) = walk(connection)?;
    verified.events = u64::try_from(reached.seq).unwrap_or(0);
    let problem = problem.or_else(|| ends_elsewhere(reached, head));
    if let Some(detail) = problem {
        let seq = verified.events + 1;
        verified.differs(Difference::Chain { seq, detail });
    }
    older(connection, verified)
}

/// Follows the chain to its end, or to what breaks it.
fn walk(connection: &Connection) -> rusqlite::Result<(Head, Option<String>)> {
    let mut statements = TABLES
        .iter()
        .map(|table| connection.prepare(&in_order(table)))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut events = TABLES
        .iter()
        .zip(&mut statements)
        .map(|(table, statement)| Events::new(table, statement.raw_query()))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut reached = Head {
        seq: 0,
        digest: GENESIS,
    };
    loop {
        let waiting = events.iter_mut().filter(|events| events.seq.is_some());
        let Some(next) = waiting.min_by_key(|events| events.seq) else {
            return Ok((reached, None));
        };
        if let Err(problem) = next.follow(&mut reached) {
            return Ok((reached, Some(problem)));
        }
        next.advance()?;
    }
}

fn in_order(table: &Table) -> String {
    format!(
        "SELECT seq, digest, {} FROM {} WHERE seq IS NOT NULL ORDER BY seq",
        table.columns.join(", "),
        table.name
    )
}

/// The events of one table, in the order of the chain.
struct Events<'a> {
    table: &'static Table,
    rows: Rows<'a>,
    /// Of the next event; `None` at the end.
    seq: Option<i64>,
    digest: Option<Digest>,
    cells: Cells,
}

impl<'a> Events<'a> {
    fn new(table: &'static Table, rows: Rows<'a>) -> rusqlite::Result<Self> {
        let mut events = Self {
            table,
            rows,
            seq: None,
            digest: None,
            cells: Cells::new(),
        };
        events.advance()?;
        Ok(events)
    }

    fn advance(&mut self) -> rusqlite::Result<()> {
        self.seq = None;
        let Some(row) = self.rows.next()? else {
            return Ok(());
        };
        self.seq = Some(row.get(0)?);
        // Whatever is no digest matches none.
        self.digest = row.get(1).ok();
        read(row, self.table, &mut self.cells)
    }

    /// Moves the head over the next event, or says what is wrong with it.
    fn follow(&self, head: &mut Head) -> Result<(), String> {
        let name = self.table.name;
        let expected = head.seq + 1;
        match self.seq {
            Some(seq) if seq == expected => {}
            seq => {
                let found = seq.unwrap_or_default();
                return Err(format!("the next one is number {found}, in table {name}"));
            }
        }
        let digest = digest(&head.digest, self.table, &self.cells);
        if self.digest != Some(digest) {
            return Err(format!("its row in table {name} was changed"));
        }
        *head = Head {
            seq: expected,
            digest,
        };
        Ok(())
    }
}

fn read(row: &Row<'_>, table: &Table, cells: &mut Cells) -> rusqlite::Result<()> {
    cells.clear();
    for column in 0..table.columns.len() {
        cells.put(row.get_ref(2 + column)?);
    }
    Ok(())
}

/// What is wrong when the events are over and the chain's end is elsewhere.
fn ends_elsewhere(reached: Head, head: Head) -> Option<String> {
    if reached.seq < head.seq {
        return Some(format!("there should be events up to number {}", head.seq));
    }
    if reached != head {
        return Some(format!(
            "the chain should have ended before, with number {} and its digest",
            head.seq
        ));
    }
    None
}

/// Nothing may be added to, or taken away from, what is older than the chain.
fn older(connection: &Connection, verified: &mut Verified) -> rusqlite::Result<()> {
    let counts: Vec<String> = TABLES
        .iter()
        .map(|table| format!("(SELECT count(*) FROM {} WHERE seq IS NULL)", table.name))
        .collect();
    let sql = format!("SELECT older, {} FROM chain", counts.join(" + "));
    let (expected, found): (i64, i64) =
        connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    verified.older = u64::try_from(found).unwrap_or(0);
    if expected != found {
        let detail = format!("{found} rows outside the chain, there were {expected} when it began");
        verified.differs(Difference::Chain { seq: 1, detail });
    }
    Ok(())
}
