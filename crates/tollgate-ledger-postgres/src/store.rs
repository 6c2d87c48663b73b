use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::{Client, NoTls};
use tollgate_core::{
    BudgetWindow, LedgerEvent, LedgerStore, OpenAttempt, StoreError, Timestamp, Uncertain,
    UsageQuery, UsageRow, Usd,
};

use crate::rows::Batch;
use crate::{OpenError, PostgresConfig, report, schema};

/// A ledger store in PostgreSQL, for several nodes.
///
/// Every statement runs in a task of its own to its end: a caller that goes
/// away leaves no open transaction in the pool.
///
/// [`open_attempts`](LedgerStore::open_attempts) lists the attempts of this
/// node, and those of other nodes that are older than
/// [`PostgresConfig::lost_after`]: what the others are doing right now is
/// theirs.
pub struct PostgresStore {
    shared: Arc<Shared>,
    /// Holds the node's name; the lock ends with the connection.
    _name: Client,
}

struct Shared {
    pool: Pool,
    config: PostgresConfig,
}

impl PostgresStore {
    /// Connects, makes or updates the tables, and takes the node's name.
    ///
    /// # Errors
    /// [`OpenError`], with what to do about it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn open(config: PostgresConfig) -> Result<Self, OpenError> {
        schema::check_name(&config.schema)?;
        let mut address: tokio_postgres::Config =
            config.url.reveal().parse().map_err(OpenError::Url)?;
        // Every connection finds the tables by their bare names.
        let options = address.get_options().unwrap_or_default();
        let options = format!("{options} -c search_path={}", config.schema);
        address.options(options);
        address.application_name(format!("tollgate {}", config.node));

        let mut name = connect(&address).await?;
        schema::take_name(&name, &config).await?;
        schema::migrate(&mut name, &config.schema).await?;
        let shared = Shared {
            pool: pool(address, config.connections)?,
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
            _name: name,
        })
    }

    /// Runs `work` with a connection, in a task that nobody cancels.
    async fn run<T, F, Fut>(&self, action: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Object, Arc<Shared>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, StoreError>> + Send,
    {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let client = shared
                .pool
                .get()
                .await
                .map_err(|source| StoreError::new(action, source))?;
            work(client, shared).await
        });
        task.await
            .map_err(|source| StoreError::new(action, source))?
    }
}

/// A connection outside the pool, driven until it is dropped.
async fn connect(address: &tokio_postgres::Config) -> Result<Client, OpenError> {
    let (client, connection) = address
        .connect(NoTls)
        .await
        .map_err(|source| OpenError::Connect(source.into()))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the ledger's connection that holds the node's name broke");
        }
    });
    Ok(client)
}

fn pool(address: tokio_postgres::Config, connections: usize) -> Result<Pool, OpenError> {
    let manager = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Pool::builder(Manager::from_config(address, NoTls, manager))
        .max_size(connections.max(1))
        .build()
        .map_err(|source| OpenError::Connect(source.into()))
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.shared.config.schema)
            .field("node", &self.shared.config.node)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl LedgerStore for PostgresStore {
    async fn append(&self, events: &[LedgerEvent]) -> Result<Vec<usize>, StoreError> {
        let batch = Batch::of(events, &self.shared.config.node);
        self.run("append events", |mut client, _| async move {
            batch
                .insert(&mut client)
                .await
                .map_err(|source| StoreError::new("append events", source))
        })
        .await?;
        Ok(Vec::new())
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.run("list open attempts", |client, shared| async move {
            report::open_attempts(&client, &shared.config).await
        })
        .await
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let query = query.clone();
        self.run("report usage", |client, _| async move {
            report::usage(&client, &query).await
        })
        .await
    }

    async fn uncertain(&self, _: Timestamp) -> Result<Vec<Uncertain>, StoreError> {
        Ok(Vec::new())
    }

    async fn spent(&self, _: &str, _: Timestamp) -> Result<Vec<(BudgetWindow, Usd)>, StoreError> {
        Ok(Vec::new())
    }
}
