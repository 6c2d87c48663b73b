use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::Error;

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 3] = [".git", "target", "node_modules"];

/// All text files of the repository.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// In the order of their paths.
    pub(crate) files: Vec<TextFile>,
    /// Paths of everything else, also in order.
    others: Vec<PathBuf>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// Relative to the workspace root.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Tree {
    /// Reads everything below `root`, except what is [`SKIPPED`].
    pub(crate) fn read(root: &Path) -> Result<Self, Error> {
        let mut tree = Self::default();
        tree.enter(root, Path::new(""))?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        tree.others.sort();
        Ok(tree)
    }

    fn enter(&mut self, root: &Path, folder: &Path) -> Result<(), Error> {
        let path = root.join(folder);
        let cannot_read = |source| Error::Read {
            path: path.clone(),
            source,
        };
        for entry in fs::read_dir(&path).map_err(cannot_read)? {
            let entry = entry.map_err(cannot_read)?;
            let kind = entry.file_type().map_err(cannot_read)?;
            let inner = folder.join(entry.file_name());
            if kind.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                self.others.push(inner.clone());
                self.enter(root, &inner)?;
            } else if kind.is_file() {
                self.take(root, inner)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, root: &Path, path: PathBuf) -> Result<(), Error> {
        let whole = root.join(&path);
        let bytes = fs::read(&whole).map_err(|source| Error::Read {
            path: whole,
            source,
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => self.files.push(TextFile { path, text }),
            Err(_) => self.others.push(path),
        }
        Ok(())
    }

    /// The text file at a path.
    pub(crate) fn file(&self, path: &Path) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is a file or folder at a path.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.file(path).is_some() || self.others.iter().any(|other| other == path)
    }

    /// The files whose names end in `.extension`.
    pub(crate) fn with_extension(
        &self,
        extension: &'static str,
    ) -> impl Iterator<Item = &TextFile> {
        self.files
            .iter()
            .filter(move |file| file.path.extension().is_some_and(|end| end == extension))
    }
}

/// `path` without `.` and `..`; `None` when it leads out of the repository.
pub(crate) fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

#[cfg(test)]
impl Tree {
    /// A tree of those files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| TextFile {
                path: path.into(),
                text: (*text).to_owned(),
            })
            .collect();
        Self {
            files,
            others: Vec::new(),
        }
    }
}
