use std::time::Duration;

use tollgate_core::ApiKey;

/// How the database is reached and shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:5432/database`. It may hold a password
    /// and is never shown. Its `sslmode` is one of:
    ///
    /// - `disable`: no TLS;
    /// - `prefer`, and without one: TLS if the server offers it;
    /// - `require`: TLS, whoever the server is;
    /// - `verify-full`: TLS, and a certificate for the host's name that one of
    ///   the system's roots has signed.
    ///
    /// `sslrootcert=/path/of/roots.pem` takes the roots from a file instead,
    /// and has the certificate verified with `prefer` and `require` too.
    pub url: ApiKey,
    /// The schema of the tables: lower-case letters, digits and `_`, at most
    /// 63; it is made when it does not exist.
    pub schema: String,
    /// This node's name, unlike those of the other nodes.
    pub node: String,
    /// Most connections at a time, at least 1.
    pub connections: usize,
    /// How long after its dispatch another node's attempt counts as lost, once
    /// that node is gone. Must be longer than any call may take.
    pub lost_after: Duration,
    /// How long a node keeps its leases of budgets without renewing them, by
    /// the database's clock, in whole milliseconds.
    pub lease_for: Duration,
    /// What an append waits for.
    pub commit: Commit,
}

/// What an append waits for. Leases of budgets are always on the disk before
/// they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Commit {
    /// The events are on the server's disk.
    #[default]
    OnDisk,
    /// The server has the events, and puts them on its disk within a second: if
    /// it crashes before, they are lost.
    Soon,
}

impl PostgresConfig {
    /// The database at `url`: schema `tollgate`, node `main`, 4 connections,
    /// lost after an hour, leases for 90 seconds, events on the disk.
    pub fn new(url: ApiKey) -> Self {
        Self {
            url,
            schema: "tollgate".into(),
            node: "main".into(),
            connections: 4,
            lost_after: Duration::from_secs(3_600),
            lease_for: Duration::from_secs(90),
            commit: Commit::OnDisk,
        }
    }
}

impl Commit {
    /// The server's own setting.
    pub(crate) const fn synchronous_commit(self) -> &'static str {
        match self {
            Self::OnDisk => "on",
            Self::Soon => "off",
        }
    }
}

/// Whole milliseconds, as the database counts.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
