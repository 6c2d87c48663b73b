use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_postgres::{Client, NoTls};
use tollgate_core::ApiKey;
use tollgate_ledger_postgres::{PostgresConfig, PostgresStore};

/// The server under test, and the schemas that a test made there.
pub(crate) struct Server {
    url: String,
    prefix: String,
    made: AtomicU32,
}

impl Server {
    /// `None`, and says so, when no server is named.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stdout,
        reason = "a test that needs a service asks for it, and takes a name that no earlier run has"
    )]
    pub(crate) fn find(test: &str) -> Option<Self> {
        let Ok(url) = std::env::var("TOLLGATE_TEST_POSTGRES") else {
            println!("skipped: {test} needs a server; set TOLLGATE_TEST_POSTGRES to its URL");
            return None;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Some(Self {
            url,
            prefix: format!("t{}_{}", std::process::id(), now.as_nanos()),
            made: AtomicU32::new(0),
        })
    }

    /// A configuration with a new schema.
    pub(crate) fn config(&self) -> PostgresConfig {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        PostgresConfig {
            schema: format!("{}_{n}", self.prefix),
            ..PostgresConfig::new(ApiKey::new(&self.url))
        }
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A connection of the test's own to the tables of a store.
    pub(crate) async fn watch(&self, config: &PostgresConfig) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let path = format!("SET search_path TO {}", config.schema);
        client.batch_execute(&path).await.unwrap();
        client
    }

    /// Runs a statement of the test's own.
    pub(crate) async fn execute(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    }

    /// Removes the schemas.
    pub(crate) async fn clean(self) {
        for n in 0..self.made.load(Ordering::Relaxed) {
            let sql = format!("DROP SCHEMA IF EXISTS {}_{n} CASCADE", self.prefix);
            self.execute(&sql).await;
        }
    }
}

/// A node of the ledger that `config` names.
pub(crate) async fn node(config: &PostgresConfig, name: &str) -> PostgresStore {
    let config = PostgresConfig {
        node: name.into(),
        ..config.clone()
    };
    PostgresStore::open(config).await.unwrap()
}

/// One whole number that the statement asks for.
pub(crate) async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Lets the time run out in which a node keeps its leases.
pub(crate) async fn expire(client: &Client, node: &str) {
    let sql = "UPDATE node SET expires_at = now() - interval '1 second' WHERE name = $1";
    assert_eq!(client.execute(sql, &[&node]).await.unwrap(), 1);
}

/// Returns when a connection of the node waits for a lock. The client
/// must not be in a transaction, which would always see the same.
pub(crate) async fn blocked(client: &Client, node: &str) {
    let sql = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'tollgate ' || $1 AND wait_event_type = 'Lock'";
    loop {
        let waiting: i64 = client.query_one(sql, &[&node]).await.unwrap().get(0);
        if waiting > 0 {
            return;
        }
    }
}
