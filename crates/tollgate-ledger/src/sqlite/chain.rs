//! The chain of events: each event's digest covers the one before it, so that
//! no event can be changed, moved, added or taken away in the middle unseen.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use tollgate_core::Usd;

use super::cells::Cells;
use super::rows::Row;
use super::tables::{ADJUST, CARRIED, NEXT_ADJUST, Table};

pub(super) type Digest = [u8; 32];

/// The digest before the first event.
pub(super) const GENESIS: Digest = [0; 32];

/// BLAKE3 of the digest before, the table's tag, and the cells.
pub(super) fn digest(before: &Digest, table: &Table, cells: &Cells) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(&[table.tag]);
    hasher.update(cells.as_bytes());
    hasher.finalize().into()
}

/// The end of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) seq: i64,
    pub(super) digest: Digest,
}

impl Head {
    /// Reads it anew: after a transaction that failed, nothing in memory has to
    /// be taken back.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached("SELECT seq, digest FROM chain")?
            .query_row([], |row| {
                Ok(Self {
                    seq: row.get(0)?,
                    digest: row.get(1)?,
                })
            })
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached("UPDATE chain SET seq = ?1, digest = ?2")?
            .execute(params![self.seq, self.digest])?;
        Ok(())
    }

    /// Adds an event to its table and to the chain. False when it was there
    /// already; then nothing changes.
    pub(super) fn link(
        &mut self,
        connection: &Connection,
        row: &mut Row,
    ) -> rusqlite::Result<bool> {
        if std::ptr::eq(row.table, &raw const ADJUST) && !number(connection, &mut row.cells)?
            || std::ptr::eq(row.table, &raw const CARRIED) && !adds(connection, row)?
        {
            return Ok(false);
        }
        let next = Self {
            seq: self.seq + 1,
            digest: digest(&self.digest, row.table, &row.cells),
        };
        let mut statement = connection.prepare_cached(row.table.insert())?;
        row.cells.bind(&mut statement)?;
        let columns = row.table.columns.len();
        statement.raw_bind_parameter(columns + 1, next.seq)?;
        statement.raw_bind_parameter(columns + 2, next.digest)?;
        let inserted = statement.raw_execute()? == 1;
        if inserted {
            *self = next;
        }
        Ok(inserted)
    }
}

/// Has a carried sum count what it is more than those before; false when it is
/// no more.
fn adds(connection: &Connection, row: &mut Row) -> rusqlite::Result<bool> {
    const LARGEST: &str = "SELECT coalesce(max(amount_nanos), 0) FROM carried
        WHERE budget = ?1 AND key = ?2 AND start_ms = ?3";
    let mut statement = connection.prepare_cached(LARGEST)?;
    row.cells.bind_first(3, &mut statement)?;
    let largest: Option<i64> = statement
        .raw_query()
        .next()?
        .map(|row| row.get(0))
        .transpose()?;
    let Some((_, amount)) = &mut row.counts else {
        return Ok(false);
    };
    *amount -= Usd::from_nanos(largest.unwrap_or(0));
    Ok(*amount > Usd::ZERO)
}

/// Adds the number of an adjustment; false when it is there already.
fn number(connection: &Connection, cells: &mut Cells) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(&NEXT_ADJUST)?;
    cells.bind(&mut statement)?;
    let next: Option<i64> = statement
        .raw_query()
        .next()?
        .map(|row| row.get(0))
        .transpose()?;
    cells.put(next.map_or(ValueRef::Null, ValueRef::Integer));
    Ok(next.is_some())
}
