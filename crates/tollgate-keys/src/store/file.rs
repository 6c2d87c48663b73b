use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{KeyStore, KeyStoreError};
use crate::config::KeyConfig;

/// First lines of the file.
const HEAD: &str = "\
# Keys of callers, written by `tollgate keys`, which rewrites it without comments.
# It holds hashes; the keys themselves were shown once, when they were made.

";

/// Keys in a TOML file of one machine, readable by its owner alone.
///
/// Each change writes a new file beside it, and puts that in its place when it
/// is on the disk: whoever reads sees the old one or the new one, whole. Changes
/// wait for each other, also those of other processes, by a lock on
/// `FILE.lock`.
#[derive(Debug, Clone)]
pub struct FileKeys {
    path: Arc<Path>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Tables {
    keys: BTreeMap<String, KeyConfig>,
}

impl FileKeys {
    /// Keys in that file, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path: PathBuf = path.into();
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs what waits for the disk where waiting is no harm.
    async fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Path) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, KeyStoreError> {
        let path = Arc::clone(&self.path);
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        let done = done.unwrap_or_else(|panic| Err(io::Error::other(panic).into()));
        done.map_err(|trouble| match trouble {
            Trouble::Told(error) => error,
            Trouble::Io(source) => KeyStoreError::Io {
                action,
                path: self.path.to_path_buf(),
                source,
            },
        })
    }
}

/// Either an error that says all, or one of the system's.
enum Trouble {
    Told(KeyStoreError),
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[async_trait]
impl KeyStore for FileKeys {
    async fn load(&self) -> Result<BTreeMap<String, KeyConfig>, KeyStoreError> {
        self.run("read", read).await
    }

    async fn create(&self, name: &str, key: &KeyConfig) -> Result<(), KeyStoreError> {
        let (name, key) = (name.to_owned(), key.clone());
        self.run("write", move |path| {
            change(path, |keys| match keys.contains_key(&name) {
                true => Err(KeyStoreError::Exists(name)),
                false => {
                    keys.insert(name, key);
                    Ok(())
                }
            })
        })
        .await
    }

    async fn revoke(&self, name: &str) -> Result<(), KeyStoreError> {
        let name = name.to_owned();
        self.run("write", move |path| {
            change(path, |keys| match keys.remove(&name) {
                Some(_) => Ok(()),
                None => Err(KeyStoreError::unknown(
                    &name,
                    keys.keys().map(String::as_str),
                )),
            })
        })
        .await
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, KeyConfig>, Trouble> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    if is_open_to_others(path)? {
        let path = path.to_owned();
        return Err(Trouble::Told(KeyStoreError::Open { path }));
    }
    let tables: Result<Tables, _> = toml::from_str(&text);
    // The error's own text would quote the line, which may hold a key.
    let tables = tables.map_err(|error| {
        let line = error.span().map(|span| 1 + newlines(&text, span.start));
        Trouble::Told(KeyStoreError::Damaged {
            path: path.to_owned(),
            line,
            message: error.message().to_owned(),
        })
    })?;
    Ok(tables.keys)
}

fn newlines(text: &str, end: usize) -> usize {
    text.bytes().take(end).filter(|byte| *byte == b'\n').count()
}

/// Reads, changes and writes, with nobody between.
fn change(
    path: &Path,
    change: impl FnOnce(&mut BTreeMap<String, KeyConfig>) -> Result<(), KeyStoreError>,
) -> Result<(), Trouble> {
    let lock = private().create(true).open(beside(path, "lock"))?;
    // Until the file is dropped.
    lock.lock()?;
    let mut keys = read(path)?;
    change(&mut keys).map_err(Trouble::Told)?;
    let text = toml::to_string(&Tables { keys }).map_err(io::Error::other)?;
    replace(path, &format!("{HEAD}{text}"))?;
    Ok(())
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = beside(path, "new");
    // Left by a process that was killed; its mode may be anything.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private().create_new(true).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    const WRITE: u32 = 0o022;
    Ok(fs::metadata(path)?.permissions().mode() & WRITE != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> io::Result<bool> {
    Ok(false)
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
