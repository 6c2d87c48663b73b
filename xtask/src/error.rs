use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a task did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program is missing or cannot be started.
    #[error("cannot start `{command}`; is it installed and on the PATH?")]
    Start {
        command: String,
        source: std::io::Error,
    },
    /// A program ran and said no.
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: ExitStatus },
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A program printed something other than the JSON that was expected.
    #[error("`{command}` did not print the expected JSON")]
    Json {
        command: String,
        source: serde_json::Error,
    },
    /// The workspace has findings; they were printed.
    #[error("{task} found {count} thing(s) to mend, listed above")]
    Findings { task: &'static str, count: usize },
    /// Generated files are not what the code gives.
    #[error("out of date: {}; run `cargo xtask schema` and commit the result", .files.join(", "))]
    Stale { files: Vec<String> },
    /// There is no client of that name.
    #[error("there is no such client; there are {known}")]
    NoSuchClient { known: String },
    /// Packages cannot be installed.
    #[error(
        "`{command}` failed; the package registry cannot be reached, or does not have a pinned version:\n{said}"
    )]
    Install { command: String, said: String },
    /// A server ended before it served.
    #[error("`{command}` does not serve:\n{said}")]
    NotServing { command: String, said: String },
    /// A page lacks the place for what is written to it.
    #[error("{} lacks the lines `<!-- {name}: begin -->` and `<!-- {name}: end -->`", path.display())]
    NoMark { path: PathBuf, name: String },
    /// What the gateway adds was not measured.
    #[error(transparent)]
    BenchServer(#[from] crate::bench_server::BenchError),
    /// The fixtures task said no.
    #[error("{0}")]
    Fixtures(String),
    /// The prices task said no.
    #[error("{0}")]
    Prices(String),
}

/// The error and what caused it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
