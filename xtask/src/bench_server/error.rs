use std::io;
use std::path::PathBuf;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A process, file or socket.
    #[error("cannot {what}")]
    Io { what: String, source: io::Error },
    /// A connection to one of the measured.
    #[error("the connection for the load broke")]
    Http(#[from] hyper::Error),
    /// An answer that is not the one that is measured.
    #[error("an answer has status {status}: {body}")]
    Status { status: u16, body: String },
    /// A process that does not answer.
    #[error("nothing answers at {address} within 10 s; its messages are above")]
    Silent { address: std::net::SocketAddr },
    /// A file of another system than Linux, or of another version of it.
    #[error("cannot find `{field}` in {}; CPU and memory are read on Linux alone", path.display())]
    Proc { path: PathBuf, field: &'static str },
}

impl BenchError {
    /// For `map_err`: an error of the system, with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }
}
