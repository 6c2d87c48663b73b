use std::io;
use std::path::PathBuf;

use tollgate_core::{Failure, FailureKind};

use crate::InvalidConfig;

/// Why a ledger cannot be opened. Whatever it says, nothing was written to the
/// file that was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The configuration cannot work.
    #[error("the ledger's configuration cannot work: {0}")]
    Config(#[from] InvalidConfig),
    /// `open` makes memory and SQLite ledgers only.
    #[error(
        "a postgres ledger is opened by the crate tollgate-ledger-postgres; \
         give its store to UsageTracker::start"
    )]
    NotLocal,
    /// Another process, or this one, writes to the file already.
    #[error(
        "the ledger {path:?} is in use by another process; stop that one, or give this one \
         its own ledger.path"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path:?} is not a Tollgate ledger; move it away or set another ledger.path")]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The file was a ledger and is damaged.
    #[error(
        "the ledger {path:?} is damaged ({detail}); move it away together with its -wal and -shm \
         files and restore a backup, or let `sqlite3 FILE .recover` save what can be read"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first complaint of the check.
        detail: String,
    },
    /// The file was written by a newer Tollgate.
    #[error(
        "the ledger {path:?} has schema {found}, this Tollgate knows schemas up to {known}; \
         use the newer Tollgate that wrote it, or set another ledger.path"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's schema.
        found: i64,
        /// The newest schema that is known.
        known: i64,
    },
    /// The file was written by an older Tollgate and cannot be brought up to
    /// date because it was opened for reading.
    #[error(
        "the ledger {path:?} has schema {found} and reading it needs {known}; \
         start the server once, it brings the file up to date"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// The file's schema.
        found: i64,
        /// The schema that is needed.
        known: i64,
    },
    /// There is no such file to read.
    #[error("there is no ledger at {path:?}; check ledger.path, or make a call first")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot open {path:?}; its directory must exist and be writable")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite refused.
    #[error("cannot open the ledger {path:?}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::new(FailureKind::Configuration, "the ledger cannot be opened")
            .with_hint(error.to_string())
            .with_source(error)
    }
}

impl From<InvalidConfig> for Failure {
    fn from(error: InvalidConfig) -> Self {
        OpenError::from(error).into()
    }
}
