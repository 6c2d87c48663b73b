use std::time::Duration;

use tollgate_core::ApiKey;

/// How the database is reached and shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:5432/database`. It may hold a password
    /// and is never shown.
    pub url: ApiKey,
    /// The schema of the tables: lower-case letters, digits and `_`, at most
    /// 63; it is made when it does not exist.
    pub schema: String,
    /// This node's name, unlike those of the other nodes.
    pub node: String,
    /// Most connections at a time, at least 1.
    pub connections: usize,
    /// How long after its dispatch another node's attempt counts as lost. Must
    /// be longer than any call may take.
    pub lost_after: Duration,
}

impl PostgresConfig {
    /// The database at `url`: schema `tollgate`, node `main`, 4 connections,
    /// lost after an hour.
    pub fn new(url: ApiKey) -> Self {
        Self {
            url,
            schema: "tollgate".into(),
            node: "main".into(),
            connections: 4,
            lost_after: Duration::from_secs(3_600),
        }
    }
}
