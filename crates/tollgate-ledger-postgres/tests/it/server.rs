use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_postgres::NoTls;
use tollgate_core::ApiKey;
use tollgate_ledger_postgres::PostgresConfig;

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
