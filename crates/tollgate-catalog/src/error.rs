use std::path::PathBuf;

use tollgate_core::{Failure, FailureKind, LaneId};
use tollgate_wire::ParseError;

use crate::table::InvalidTable;

/// What only the catalog can report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// A value of the configuration is out of its range.
    #[error("catalog.{key} = {value} is out of range")]
    OutOfRange {
        /// The key in `[catalog]`.
        key: &'static str,
        /// The value given.
        value: String,
        /// What is valid.
        range: &'static str,
    },
    /// The scores file cannot be opened.
    #[error("cannot read the scores file {}", path.display())]
    ScoresUnreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The scores file holds something that is no score.
    #[error("the scores file {} is not valid: {problem}", path.display())]
    ScoresInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// A file of published scores that cannot be imported.
    #[error("cannot import scores from {}: {problem}", path.display())]
    ImportInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// The price table cannot be opened.
    #[error("cannot read the price table {}", path.display())]
    PricesUnreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The price table is none.
    #[error("the price table {} is not valid: {problem}", path.display())]
    PricesInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: InvalidTable,
    },
    /// There is no lane, so no model could ever be reached.
    #[error("the catalog has no lane")]
    NoLane,
    /// Two lanes have the same name.
    #[error("two lanes are named {0}")]
    DuplicateLane(LaneId),
    /// The snapshot inside the program cannot be read: a defect of the build.
    #[error("the embedded snapshot cannot be used")]
    Embedded(#[source] Refusal),
    /// The endpoints inside the program cannot be read: a defect of the build.
    #[error("the embedded endpoints cannot be used")]
    EmbeddedEndpoints(#[source] ParseError),
    /// A refresh brought a list that looks wrong.
    #[error("the new model list looks wrong and was not taken: {0}")]
    Refused(Refusal),
}

/// Why a list of models was kept out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not JSON, or JSON of another shape; a cut transfer ends here.
    #[error("it cannot be read: {0}")]
    Unreadable(ParseError),
    /// No usable row.
    #[error("it holds no model ({rejected} rows cannot be read)")]
    Empty {
        /// Rows that cannot be read.
        rejected: usize,
    },
    /// It names a next page, so it is not the whole list.
    #[error("it is one page of several ({rows} models here)")]
    Partial {
        /// Models on the page.
        rows: usize,
    },
    /// Far fewer models than before.
    #[error("it has {after} models where {before} were known")]
    Shrunk {
        /// Models known before.
        before: usize,
        /// Models in the new list.
        after: usize,
    },
    /// Too many prices jumped at once.
    #[error("{suspects} of {common} prices jumped")]
    PricesJumped {
        /// Models whose price changed beyond belief.
        suspects: usize,
        /// Models with a price before that are still listed.
        common: usize,
    },
}

impl CatalogError {
    /// What the reader can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::OutOfRange { key, range, .. } => format!("set catalog.{key} to {range}"),
            Self::ScoresUnreadable { .. } => "check catalog.scores_path, or remove it".into(),
            Self::ScoresInvalid { .. } => {
                "a score is a number from 0 to 1, or { value, error }, per chat, code, reasoning"
                    .into()
            }
            Self::ImportInvalid { .. } => {
                "docs/model-selection.md shows the forms that can be imported".into()
            }
            Self::PricesUnreadable { .. } => "check catalog.prices_path, or remove it".into(),
            Self::PricesInvalid { .. } => {
                "mend the file, or fetch it anew with `tollgate prices refresh`".into()
            }
            Self::NoLane => "configure [openrouter] or a [providers.NAME]".into(),
            Self::DuplicateLane(lane) => format!("rename one of the lanes {lane}"),
            Self::Embedded(_) | Self::EmbeddedEndpoints(_) => {
                "rebuild the program from a clean checkout".into()
            }
            Self::Refused(refusal) => refusal.hint().into(),
        }
    }
}

impl Refusal {
    fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::Empty { .. } => {
                "the list in use stays; check catalog source and base_url"
            }
            Self::Partial { .. } => "fetch the list without offset and limit",
            Self::Shrunk { .. } => {
                "if it is right, raise catalog.max_shrink or remove the cache file"
            }
            Self::PricesJumped { .. } => {
                "if it is right, raise catalog.max_jumps or remove the cache file"
            }
        }
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        let kind = match &error {
            CatalogError::Refused(_) => FailureKind::BadReply,
            CatalogError::Embedded(_) | CatalogError::EmbeddedEndpoints(_) => FailureKind::Internal,
            _ => FailureKind::Configuration,
        };
        Self::new(kind, error.to_string())
            .with_hint(error.hint())
            .with_source(error)
    }
}
