//! Which table is in use: the user's own, else the newer of the fetched and the
//! embedded one.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::PriceTable;
use crate::cache;
use crate::config::CatalogConfig;
use crate::error::CatalogError;

/// A price table, and where it was found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TableInUse {
    /// The table.
    pub table: PriceTable,
    /// Its file; `None` for the one inside the program.
    pub path: Option<PathBuf>,
    /// Why a fetched table was passed over.
    pub passed_over: Option<String>,
}

impl PriceTable {
    /// The table that a catalog of this configuration uses: `prices_path` if
    /// there is one, else the newer of the fetched and the embedded table.
    /// Reads a file of some hundred kilobytes.
    ///
    /// # Errors
    /// [`CatalogError`] when `prices_path` cannot be read or is not valid. A
    /// bad fetched table is no error: it is passed over.
    pub fn in_use(config: &CatalogConfig) -> Result<TableInUse, CatalogError> {
        if let Some(path) = &config.prices_path {
            let table = Self::read(path)?;
            return Ok(TableInUse {
                table,
                path: Some(path.clone()),
                passed_over: None,
            });
        }
        let embedded = TableInUse {
            table: Self::embedded(),
            path: None,
            passed_over: None,
        };
        let Some(path) = config.fetched_prices().filter(|path| path.exists()) else {
            return Ok(embedded);
        };
        Ok(match Self::read(&path) {
            Ok(table) if table.date() >= embedded.table.date() => TableInUse {
                table,
                path: Some(path),
                passed_over: None,
            },
            // The program was updated since: its own table is the newer one.
            Ok(_) => embedded,
            Err(error) => TableInUse {
                passed_over: Some(format!("{error}; `tollgate prices refresh` replaces it")),
                ..embedded
            },
        })
    }

    /// Reads a table from a file, every row of it.
    ///
    /// # Errors
    /// [`CatalogError`] with the file and what is wrong.
    pub fn read(path: &Path) -> Result<Self, CatalogError> {
        let unreadable = |source| CatalogError::PricesUnreadable {
            path: path.to_owned(),
            source,
        };
        let bytes = fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(bytes)
            .map_err(|error| unreadable(io::Error::new(ErrorKind::InvalidData, error)))?;
        Self::parse(text).map_err(|problem| CatalogError::PricesInvalid {
            path: path.to_owned(),
            problem,
        })
    }

    /// Writes the table so that a reader finds the old file or the new one,
    /// never a half.
    ///
    /// # Errors
    /// When the folder or the file cannot be written; an old file stays as it was.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        cache::replace(path, |file| file.write_all(self.text.as_bytes()))
    }
}
