//! What can go wrong with the simulator itself (not what it simulates).

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a simulator could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; is the port in use? port 0 takes a free one")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The catalog is not the body of a `GET /api/v1/models`.
    #[error("the catalog cannot be used: {reason}; it must be the body of GET /api/v1/models")]
    Catalog {
        /// The model and field at fault.
        reason: String,
    },
    /// The scenario is not valid.
    #[error("the scenario cannot be used: {reason}")]
    Scenario {
        /// The place and what to do about it.
        reason: String,
    },
}

impl Error {
    pub(crate) fn catalog(reason: impl Into<String>) -> Self {
        Self::Catalog {
            reason: reason.into(),
        }
    }

    pub(crate) fn scenario(reason: impl Into<String>) -> Self {
        Self::Scenario {
            reason: reason.into(),
        }
    }
}
