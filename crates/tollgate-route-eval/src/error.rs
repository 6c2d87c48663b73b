use std::path::PathBuf;

use tollgate_router_learned::LearnError;

/// Why an evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The list of models is something else.
    #[error("{} is not a list of models by table", path.display())]
    Models {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The list of models has nothing for a table.
    #[error("{} names no models for the table {table:?}", path.display())]
    NoModels {
        /// The list.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// A table cannot be learned from.
    #[error("{table}")]
    Learn {
        /// The table.
        table: String,
        /// What is wrong with it.
        source: LearnError,
    },
    /// A table has no prompt on which two priced models answered.
    #[error(
        "{table} has no row on which two models with a known price answered; give prices in models.json"
    )]
    NothingToChoose {
        /// The table.
        table: String,
    },
    /// A model that is to be left out is in no table.
    #[error("there is no model {name:?} to leave out; models.json has their names")]
    NoSuchModel {
        /// The name.
        name: String,
    },
    /// A table of endpoints is something else.
    #[error("{}, line {line}: {what}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, or the column that is missing.
        what: String,
    },
    /// There is no table in a folder.
    #[error("there is no file of outcomes (*.jsonl, *.jsonl.gz) in {}", path.display())]
    NoTables {
        /// The folder.
        path: PathBuf,
    },
}
