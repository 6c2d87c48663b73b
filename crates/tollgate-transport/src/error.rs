use std::error::Error;
use std::path::PathBuf;

use tollgate_core::{Failure, FailureKind};

/// Why a provider could not be set up. Nothing has been sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The address of the upstream cannot be used.
    #[error("base_url {url:?} {problem}")]
    BaseUrl {
        /// The address, without user and password.
        url: String,
        /// What is wrong with it, and what would be right.
        problem: &'static str,
    },
    /// A timer of zero would end every request at its start.
    #[error("timers.{name} is 0; give milliseconds, or leave it out")]
    Timer {
        /// The timer.
        name: &'static str,
    },
    /// A value cannot travel in a header. The value is not shown: it may be a key.
    #[error("{name} holds characters that no HTTP header can carry; look for line ends and quotes")]
    Header {
        /// The configuration key or header at fault.
        name: String,
    },
    /// The additional root certificates cannot be read.
    #[error("the certificates in {path:?} cannot be read; tls_roots is a PEM file", path = .path.display().to_string())]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::new(FailureKind::Configuration, error.to_string()).with_source(error)
    }
}
