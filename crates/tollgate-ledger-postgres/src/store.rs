use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;
use tollgate_core::{
    BudgetLeases, BudgetWindow, LeaseAsk, Leased, LedgerEvent, LedgerStore, OpenAttempt,
    StoreError, Timestamp, Uncertain, UsageQuery, UsageRow, Usd,
};

use crate::batch::Batch;
use crate::leases::Node;
use crate::{BoxError, OpenError, PostgresConfig, Result, attempts, report, schema, tls, verify};

/// How often work is begun again that the server broke off because of others.
const TRIES: u32 = 5;

/// A ledger store in PostgreSQL, for several nodes, which may share budgets.
///
/// Every statement runs in a task of its own to its end: a caller that goes
/// away leaves no open transaction in the pool. What the server breaks off to
/// resolve a deadlock is begun again, and so is what a lost connection carried;
/// while there is no connection to be had, the work fails.
///
/// [`open_attempts`](LedgerStore::open_attempts) lists the attempts of this
/// node, and those of other nodes that are older than
/// [`PostgresConfig::lost_after`] and whose leases have ended, if they had any:
/// what the others are doing right now is theirs. It may be asked regularly.
/// [`uncertain`](LedgerStore::uncertain) leaves those of nodes that lease to
/// these, in the same way.
///
/// What an adjustment changes is told by what counted before it in the
/// database, rather than by its node, which may not know what others did.
pub struct PostgresStore {
    shared: Arc<Shared>,
    /// Holds the node's name; the lock ends with the connection.
    _name: Client,
}

struct Shared {
    pool: Pool,
    config: PostgresConfig,
    node: Node,
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

        let mut name = connect(&address, tls.clone()).await?;
        schema::take_name(&name, &config).await?;
        schema::migrate(&mut name, &config.schema).await?;
        let shared = Shared {
            pool: pool(address, tls, config.connections)?,
            config,
            node: Node::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            _name: name,
        })
    }

    /// Recomputes what was spent in each window and what is held for attempts
    /// of nodes that are gone, all from the events. Returns what differs from
    /// the counters, a line each; nothing when they are right.
    ///
    /// It reads everything, in one view of the database, and changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.run("verify the ledger", |mut client, _| async move {
            verify::findings(&mut client).await
        })
        .await
    }

    /// Runs `work` with a connection, in a task that nobody cancels, and again
    /// when the server broke it off.
    async fn run<T, F, Fut>(&self, action: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(Object, Arc<Shared>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send,
    {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let mut tries = 1;
            loop {
                let client = shared.pool.get().await?;
                match work(client, Arc::clone(&shared)).await {
                    Err(error) if tries < TRIES && was_broken_off(&error) => tries += 1,
                    done => return done,
                }
            }
        });
        task.await
            .unwrap_or_else(|panic| Err(panic.into()))
            .map_err(|source| StoreError::new(action, source))
    }
}

/// Whether the work came to nothing only because of what others did, or of a
/// connection that had been lost. All work may be done twice.
fn was_broken_off(error: &BoxError) -> bool {
    let Some(error) = error.downcast_ref::<tokio_postgres::Error>() else {
        return false;
    };
    let undone = [
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::ADMIN_SHUTDOWN,
    ];
    error.is_closed() || error.code().is_some_and(|state| undone.contains(state))
}

/// A connection outside the pool, driven until it is dropped.
async fn connect(
    address: &tokio_postgres::Config,
    tls: MakeRustlsConnect,
) -> Result<Client, OpenError> {
    let (client, connection) = address
        .connect(tls)
        .await
        .map_err(|source| OpenError::Connect(source.into()))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the ledger's connection that holds the node's name broke");
        }
    });
    Ok(client)
}

fn pool(
    address: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    connections: usize,
) -> Result<Pool, OpenError> {
    let manager = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Pool::builder(Manager::from_config(address, tls, manager))
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
        let batch = Arc::new(Batch::of(events, &self.shared.config.node));
        self.run("append events", move |mut client, _| {
            let batch = Arc::clone(&batch);
            async move { batch.write(&mut client).await }
        })
        .await
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.run("list open attempts", |client, shared| async move {
            attempts::open(&client, &shared.config).await
        })
        .await
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let query = Arc::new(query.clone());
        self.run("report usage", move |client, _| {
            let query = Arc::clone(&query);
            async move { report::usage(&client, &query).await }
        })
        .await
    }

    async fn uncertain(&self, since: Timestamp) -> Result<Vec<Uncertain>, StoreError> {
        self.run("list uncertain costs", move |client, shared| async move {
            attempts::uncertain(&client, &shared.config, since).await
        })
        .await
    }

    async fn spent(
        &self,
        budget: &str,
        since: Timestamp,
    ) -> Result<Vec<(BudgetWindow, Usd)>, StoreError> {
        let budget: Arc<str> = budget.into();
        self.run("read what was spent", move |client, _| {
            let budget = Arc::clone(&budget);
            async move { report::spent(&client, &budget, since).await }
        })
        .await
    }
}

#[async_trait]
impl BudgetLeases for PostgresStore {
    async fn lease(&self, asks: &[LeaseAsk]) -> Result<Leased, StoreError> {
        let asks: Arc<[LeaseAsk]> = asks.into();
        self.run("lease budgets", move |mut client, shared| {
            let asks = Arc::clone(&asks);
            async move { shared.node.lease(&mut client, &shared.config, &asks).await }
        })
        .await
    }

    async fn renew(&self) -> Result<u64, StoreError> {
        self.run("renew leases", |client, shared| async move {
            shared.node.renew(&client, &shared.config).await
        })
        .await
    }

    async fn begin(&self) -> Result<u64, StoreError> {
        self.run("lease anew", |client, shared| async move {
            shared.node.begin(&client, &shared.config).await
        })
        .await
    }
}
