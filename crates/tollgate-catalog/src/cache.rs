//! The last good list on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use tollgate_core::Timestamp;
use tollgate_wire::ParseError;

use crate::Refusal;
use crate::listing::{Held, Listing, Row};

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
    #[serde(serialize_with = "one_by_one")]
    data: &'a Listing,
}

fn one_by_one<S: Serializer>(listing: &Listing, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(listing.rows())
}

#[derive(Deserialize)]
struct Found<'a> {
    fetched_at: Timestamp,
    held: BTreeMap<String, Held>,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

/// Reads the cache; `None` when there is no file yet.
pub(crate) fn read(path: &Path) -> Result<Option<(Listing, Timestamp)>, CacheProblem> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found: Found<'_> = serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::Unreadable(ParseError::from(error)))?;
    let rows = found.data.into_iter().map(Row::read);
    let rows = rows
        .collect::<Result<_, _>>()
        .map_err(Refusal::Unreadable)?;
    let listing = Listing::of(rows, found.held, 0)?;
    Ok(Some((listing, found.fetched_at)))
}

/// Writes the cache.
pub(crate) fn write(path: &Path, listing: &Listing, fetched_at: Timestamp) -> io::Result<()> {
    let content = Written {
        fetched_at,
        held: &listing.held,
        data: listing,
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
