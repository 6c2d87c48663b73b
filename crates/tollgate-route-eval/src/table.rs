//! Tables of outcomes, from files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tollgate_router_learned::{OutcomeModel, Outcomes};

use crate::EvalError;

/// Outcomes with the name of their file.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name of the file, without its endings.
    pub name: String,
    /// What is in it.
    pub outcomes: Outcomes,
}

/// Reads a file of outcomes, plain or in gzip. Its models stand in `models.json`
/// beside it, under the name of the table.
///
/// # Errors
/// [`EvalError`] when a file cannot be read or is something else.
pub fn read_table(path: &Path) -> Result<Table, EvalError> {
    let name = table_name(path);
    let lines = read_plain(path)?;
    let models = read_models(&path.with_file_name("models.json"), &name)?;
    let outcomes = Outcomes::parse(models, &lines).map_err(|source| EvalError::Learn {
        table: name.clone(),
        source,
    })?;
    Ok(Table { name, outcomes })
}

/// The files of outcomes in a folder, by name.
///
/// # Errors
/// [`EvalError`] when the folder cannot be read or has none.
pub fn tables_in(folder: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let unreadable = |source| EvalError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let text = path.to_string_lossy();
        if text.ends_with(".jsonl") || text.ends_with(".jsonl.gz") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(EvalError::NoTables {
            path: folder.to_owned(),
        });
    }
    paths.sort();
    Ok(paths)
}

fn table_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    file.split('.').next().unwrap_or_default().to_owned()
}

fn read_models(path: &Path, table: &str) -> Result<Vec<OutcomeModel>, EvalError> {
    let text = read_plain(path)?;
    let mut lists: BTreeMap<String, Vec<OutcomeModel>> =
        serde_json::from_slice(&text).map_err(|source| EvalError::Models {
            path: path.to_owned(),
            source,
        })?;
    lists.remove(table).ok_or_else(|| EvalError::NoModels {
        path: path.to_owned(),
        table: table.to_owned(),
    })
}

/// The bytes of a file, unpacked when they are in gzip.
pub(crate) fn read_plain(path: &Path) -> Result<Vec<u8>, EvalError> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let unreadable = |source| EvalError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::read(path).map_err(unreadable)?;
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes.as_slice())
        .read_to_end(&mut plain)
        .map_err(unreadable)?;
    Ok(plain)
}
