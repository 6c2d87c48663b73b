//! The last good list on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;
use tollgate_wire::{Model, ParseError};

use crate::Refusal;
use crate::listing::{Held, Listing};

/// Why a cache file is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheProblem {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Content(#[from] Refusal),
}

#[derive(Serialize)]
struct Written<'a> {
    fetched_at: Timestamp,
    held: &'a BTreeMap<String, Held>,
    data: &'a [Model],
}

#[derive(Deserialize)]
struct Found {
    fetched_at: Timestamp,
    held: BTreeMap<String, Held>,
    data: Vec<Model>,
}

/// Reads the cache; `None` when there is no file yet.
pub(crate) fn read(path: &Path) -> Result<Option<(Listing, Timestamp)>, CacheProblem> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found: Found = serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::Unreadable(ParseError::from(error)))?;
    let listing = Listing::of(found.data, found.held, 0)?;
    Ok(Some((listing, found.fetched_at)))
}

/// Writes the cache.
pub(crate) fn write(path: &Path, listing: &Listing, fetched_at: Timestamp) -> io::Result<()> {
    let content = Written {
        fetched_at,
        held: &listing.held,
        data: &listing.models,
    };
    replace(path, |file| Ok(serde_json::to_writer(file, &content)?))
}

/// Writes a file so that a reader finds the old one or the new one, never a half.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Two processes may share the path; the name of the temporary file keeps them apart.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = fill(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one worth telling.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn fill(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()
}
