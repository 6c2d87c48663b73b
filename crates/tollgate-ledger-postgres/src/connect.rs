//! The way to the server, and how long it may take to answer.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{OpenError, PostgresConfig, Result, schema, tls};

/// Longest time for a connection, and for work that calls wait for.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Longest time for work that may read or rewrite the whole ledger.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A server, and what its connections are to be like.
#[derive(Clone)]
pub(crate) struct Address {
    address: tokio_postgres::Config,
    tls: MakeRustlsConnect,
}

impl Address {
    pub(crate) fn read(config: &PostgresConfig) -> Result<Self, OpenError> {
        schema::check_name(&config.schema)?;
        let (mut address, tls) = tls::read(config.url.reveal())?;
        // Every connection finds the tables by their bare names.
        let options = format!(
            "{} -c search_path={} -c synchronous_commit={}",
            address.get_options().unwrap_or_default(),
            config.schema,
            config.commit.synchronous_commit()
        );
        address.options(options);
        address.application_name(format!("tollgate {}", config.node));
        if address.get_connect_timeout().is_none() {
            address.connect_timeout(SOON);
        }
        if address.get_tcp_user_timeout().is_none() {
            address.tcp_user_timeout(SOON);
        }
        // The connection with the node's name is idle, which firewalls forget.
        address.keepalives_idle(Duration::from_secs(15));
        address.keepalives_interval(SOON);
        Ok(Self { address, tls })
    }

    /// Has the server refuse whatever would change something.
    pub(crate) fn read_only(mut self) -> Self {
        let options = self.address.get_options().unwrap_or_default();
        let options = format!("{options} -c default_transaction_read_only=on");
        self.address.options(options);
        self
    }

    /// A connection outside the pool, driven until it is dropped.
    pub(crate) async fn connect(&self) -> Result<Client, OpenError> {
        let (client, connection) = self
            .address
            .connect(self.tls.clone())
            .await
            .map_err(|source| OpenError::Connect(source.into()))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "the ledger's connection that holds the node's name broke");
            }
        });
        Ok(client)
    }

    pub(crate) fn pool(self, connections: usize) -> Result<Pool, OpenError> {
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        Pool::builder(Manager::from_config(self.address, self.tls, manager))
            .max_size(connections.max(1))
            .build()
            .map_err(|source| OpenError::Connect(source.into()))
    }
}

/// Opens something, unless the server is silent for too long.
pub(crate) async fn within<T>(
    limit: Duration,
    opening: impl Future<Output = Result<T, OpenError>>,
) -> Result<T, OpenError> {
    let opened = timeout(limit, opening).await;
    opened.unwrap_or_else(|_| Err(OpenError::Connect(silence(limit).into())))
}

/// What is said of a server that did not answer.
pub(crate) fn silence(limit: Duration) -> String {
    format!("the database did not answer within {} s", limit.as_secs())
}
