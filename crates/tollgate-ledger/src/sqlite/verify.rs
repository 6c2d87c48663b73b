//! Replays a file and compares what it says with what follows from its events.

mod accounts;
mod links;
mod running;
mod sums;

use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode};

use super::open;
use crate::{Difference, Verified};

type Replayed = Result<Verified, Box<dyn std::error::Error + Send + Sync>>;

/// All checks see the file at one moment.
pub(super) fn verify(connection: &mut Connection, path: &Path) -> Replayed {
    open::require_current(connection, path)?;
    let snapshot = connection.transaction()?;
    let mut verified = Verified::default();
    for check in [file, links::check, accounts::check, running::check] {
        match check(&snapshot, &mut verified) {
            Ok(()) => {}
            Err(error) if is_about_content(&error) => {
                let detail = error.to_string();
                verified.differs(Difference::File { detail });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(verified)
}

fn file(connection: &Connection, verified: &mut Verified) -> rusqlite::Result<()> {
    let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if verdict != "ok" {
        verified.differs(Difference::File { detail: verdict });
    }
    Ok(())
}

/// Whether the file was read, and holds what no event could have put there.
fn is_about_content(error: &Error) -> bool {
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::QueryReturnedNoRows
    ) || error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}
