//! The workspace as cargo sees it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::program;

/// What `cargo metadata --no-deps` says, as far as tasks need it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Workspace {
    /// Our crates.
    pub(crate) packages: Vec<Package>,
    /// Where builds go.
    #[serde(default)]
    pub(crate) target_directory: PathBuf,
}

/// One of our crates.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) readme: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What one of our crates depends on directly.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal dependency.
    pub(crate) kind: Option<Kind>,
}

/// A dependency that is not a normal one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Dev,
    Build,
}

impl Workspace {
    /// Asks cargo; needs no network.
    pub(crate) fn load(root: &Path) -> Result<Self, Error> {
        let words = [
            "cargo",
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version=1",
        ];
        let json = program::read(root, &words)?;
        serde_json::from_slice(&json).map_err(|source| Error::Json {
            command: words.join(" "),
            source,
        })
    }

    /// Whether a package is one of our crates.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}

impl Package {
    /// The crate's folder, relative to the workspace root.
    pub(crate) fn folder<'a>(&'a self, root: &Path) -> &'a Path {
        let folder = self.manifest_path.parent().unwrap_or(&self.manifest_path);
        folder.strip_prefix(root).unwrap_or(folder)
    }
}

impl Dependency {
    /// Whether only tests, examples and benchmarks see it.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.kind == Some(Kind::Dev)
    }
}

/// The folder of the root manifest.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}
