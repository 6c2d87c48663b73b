//! Where keys are kept that were made by command.

mod file;

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;

pub use self::file::FileKeys;
use crate::config::KeyConfig;

/// Keeps keys by name, in the shape of `[keys.NAME]` tables.
///
/// # Contract
/// - `create` and `revoke` are done wholly or not at all, and when they return,
///   what they did survives a crash.
/// - Of two that create the same name at once, one is refused.
/// - A future that is dropped leaves nothing half done.
#[async_trait]
pub trait KeyStore: Send + Sync + std::fmt::Debug {
    /// All keys, none when nothing was kept yet.
    async fn load(&self) -> Result<BTreeMap<String, KeyConfig>, KeyStoreError>;

    /// Keeps a key under a name that is free.
    async fn create(&self, name: &str, key: &KeyConfig) -> Result<(), KeyStoreError>;

    /// Removes a key.
    async fn revoke(&self, name: &str) -> Result<(), KeyStoreError>;
}

/// Why keys cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The name is in use.
    #[error("there is a key {0:?} already; revoke it first, or take another name")]
    Exists(String),
    /// There is no such key.
    #[error("there is no key {name:?}{}", likely(closest))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The name that was most likely meant.
        closest: Option<String>,
    },
    /// The file cannot be read or written.
    #[error(
        "cannot {action} the keys in {}; its folder must exist and be writable",
        path.display()
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others may write to the file, and so make keys of their own.
    #[error("others than its owner may write to {}; run `chmod 600` on it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what was written.
    #[error("{}{}: {message}; mend it, or restore a backup", path.display(), at(*line))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, when it is known.
        line: Option<usize>,
        /// What is wrong; it quotes nothing of the file.
        message: String,
    },
    /// The database cannot be read or written.
    #[error(transparent)]
    Database(#[from] tollgate_core::StoreError),
}

impl KeyStoreError {
    /// Says that there is no such key, and which name was most likely meant.
    pub fn unknown<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        /// As alike as two names must be to be taken for each other.
        const ALIKE: f64 = 0.8;
        let closest = known
            .into_iter()
            .map(|known| (strsim::jaro_winkler(name, known), known))
            .filter(|(likeness, _)| *likeness > ALIKE)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        Self::Unknown {
            name: name.to_owned(),
            closest: closest.map(|(_, known)| known.to_owned()),
        }
    }
}

fn likely(closest: &Option<String>) -> String {
    match closest {
        Some(name) => format!("; did you mean {name:?}?"),
        None => "; `tollgate keys list` shows all".to_owned(),
    }
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}
