use std::path::PathBuf;

use tollgate_core::{Failure, FailureKind};

use crate::BoxError;

/// Why the database cannot be used. Messages never hold the address, which may
/// hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address cannot be read.
    #[error(
        "ledger.url is no PostgreSQL address; write postgres://user:password@host:5432/database"
    )]
    Url(#[source] tokio_postgres::Error),
    /// The schema's name cannot be used.
    #[error(
        "ledger.schema is {0:?}; it must start with a lower-case letter or _, hold only \
         lower-case letters, digits and _, and have at most 63 of them"
    )]
    SchemaName(String),
    /// No connection.
    #[error(
        "cannot connect to the ledger's database; check that the server runs, that ledger.url is \
         right, and that the server can do what its sslmode asks for"
    )]
    Connect(#[source] BoxError),
    /// The address asks for TLS in an unknown way.
    #[error("ledger.url has sslmode={0}; it is one of disable, prefer, require and verify-full")]
    SslMode(String),
    /// The file of root certificates cannot be used.
    #[error(
        "cannot take root certificates from {}, which ledger.url names as sslrootcert; it must \
         be a readable PEM file with at least one certificate",
        path.display()
    )]
    RootCert {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BoxError,
    },
    /// The system's root certificates cannot be used.
    #[error(
        "cannot take the system's root certificates; install them, often as the package \
         ca-certificates, or name a file of them by sslrootcert in ledger.url"
    )]
    Roots(#[source] rustls::Error),
    /// Another process has this node's name.
    #[error(
        "the node {0:?} is running already; give each node its own ledger.node, or stop the other one"
    )]
    NodeTaken(String),
    /// The tables were made by a newer Tollgate.
    #[error(
        "the ledger's tables have schema {found}, this Tollgate knows schemas up to {known}; \
         use the newer Tollgate, or set another ledger.schema"
    )]
    Newer {
        /// The tables' schema.
        found: i64,
        /// The newest schema that is known.
        known: i64,
    },
    /// There are no tables to read.
    #[error(
        "there is no ledger in the schema {0:?}; check ledger.schema and ledger.url, or start the \
         node once, which makes it"
    )]
    Missing(String),
    /// The tables to be read were made by an older Tollgate.
    #[error(
        "the ledger's tables have schema {found}, this Tollgate reads schema {known}; start the \
         node once with this Tollgate, which brings them up to date"
    )]
    Older {
        /// The tables' schema.
        found: i64,
        /// The schema that can be read.
        known: i64,
    },
    /// The tables cannot be made or read.
    #[error(
        "cannot prepare the ledger's tables; the user needs the right to create a schema, or to \
         use the existing one"
    )]
    Prepare(#[source] tokio_postgres::Error),
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::new(FailureKind::Configuration, "the ledger cannot be opened")
            .with_hint(error.to_string())
            .with_source(error)
    }
}
