//! The last good list on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
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
    /// Not there for the upstream of the embedded snapshot.
    upstream: Option<String>,
    held: BTreeMap<String, Held>,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

/// A list that was cached.
pub(crate) struct Cached {
    pub(crate) listing: Listing,
    pub(crate) fetched_at: Timestamp,
    /// Whose it is; see [`ModelSource::upstream`](crate::ModelSource::upstream).
    pub(crate) upstream: Option<String>,
}

/// Reads the cache; `None` when there is no file yet.
pub(crate) fn read(path: &Path) -> Result<Option<Cached>, CacheProblem> {
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
    Ok(Some(Cached {
        listing: Listing::of(rows, found.held, 0)?,
        fetched_at: found.fetched_at,
        upstream: found.upstream,
    }))
}

/// Writes the cache.
pub(crate) fn write(
    path: &Path,
    listing: &Listing,
    fetched_at: Timestamp,
    upstream: Option<&str>,
) -> io::Result<()> {
    let content = Written {
        fetched_at,
        upstream,
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
    let (temporary, file) = beside(path)?;
    let written = fill(file, write).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one worth telling.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_folder(path)
}

/// A new file beside that one. Whoever shares the path gets another: ids of
/// processes would not keep gateways in containers apart, which all have the
/// same. What a killed process left is passed over.
fn beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0_u64;
    loop {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{number}.tmp"));
        let temporary = path.with_file_name(name);
        match File::create_new(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

fn fill(file: File, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    write(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()
}

/// A new name in a folder is on the disk when the folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_the_same_file_meanwhile_neither_spoils_it_nor_is_spoilt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.json");
        let found = || fs::read_to_string(&path).unwrap();
        // A process that was killed in the middle left this one.
        fs::write(folder.path().join("catalog.json.0.tmp"), "{").unwrap();
        replace(&path, |file| {
            file.write_all(b"the first, ")?;
            file.flush()?;
            replace(&path, |other| other.write_all(b"the other"))?;
            assert_eq!(found(), "the other");
            file.write_all(b"whole")
        })
        .unwrap();
        assert_eq!(found(), "the first, whole");
        let refused = replace(&path, |_| Err(io::Error::other("the disk is full")));
        refused.unwrap_err();
        assert_eq!(found(), "the first, whole");
        let left = fs::read_dir(folder.path()).unwrap();
        assert_eq!(left.count(), 2, "nothing is left beside");
    }
}
