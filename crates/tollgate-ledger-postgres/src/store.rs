use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Object, Pool};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;
use tollgate_core::{
    BoxFuture, BudgetLeases, BudgetWindow, CallerId, FeedbackRow, HabitRow, LeaseAsk, Leased,
    LedgerEvent, LedgerStore, OpenAttempt, Receipt, StoreError, Timestamp, Uncertain, UsageQuery,
    UsageRow, Usd, WindowSums,
};
use tollgate_keys::{
    EndedSlice, KeyConfig, KeyStore, KeyStoreError, LimitStore, SliceAsk, SliceGrant,
};

use crate::batch::Batch;
use crate::connect::{Address, LONG, SOON, silence, within};
use crate::leases::Node;
use crate::name::{self, Name};
use crate::{
    BoxError, OpenError, PostgresConfig, Result, attempts, feedback, habits, keys, limits, past,
    report, schema, verify,
};

use Retry::{WhenLost, WhenUndone};

/// How often work is begun again that the server broke off because of others.
const TRIES: u32 = 5;

/// A ledger store in PostgreSQL, for several nodes, which may share budgets.
///
/// Every statement runs in a task of its own to its end: a caller that goes
/// away leaves no open transaction in the pool. What the server breaks off to
/// resolve a deadlock is begun again. So is what a lost connection carried, but
/// for what must not be done twice: leasing budgets and revoking keys fail then.
/// While there is no connection to be had, all work fails. So it does when the
/// server has not answered for five seconds, or for ten minutes where all of the
/// ledger may have to be read: in `report`, `spent_beside`, `uncertain` and
/// `verify`.
///
/// A node that lost its name, with the connection that took it, takes it again.
/// When another process has it meanwhile, appending, leasing and listing open
/// attempts fail until that one ends.
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
}

struct Shared {
    pool: Pool,
    config: PostgresConfig,
    /// None of a store that only reads.
    name: Option<Arc<Name>>,
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
        let address = Address::read(&config)?;
        let mut client = name::take(&address, &config).await?;
        within(LONG, schema::migrate(&mut client, &config.schema)).await?;
        let name = Name::keep(address.clone(), config.clone(), client);
        Self::over(address, config, Some(name))
    }

    /// Connects to read, also while the node runs: it takes no name and leaves
    /// the tables as they are. Appending and leasing fail.
    ///
    /// # Errors
    /// [`OpenError`], with what to do about it: also when there are no tables,
    /// or when they have an older schema.
    pub async fn open_to_read(config: PostgresConfig) -> Result<Self, OpenError> {
        let address = Address::read(&config)?.read_only();
        within(SOON, async {
            let client = address.connect().await?;
            schema::check_version(&client, &config.schema).await
        })
        .await?;
        Self::over(address, config, None)
    }

    /// Connects for what nodes share beside the ledger, keys and their limits,
    /// also while the node runs: it makes or updates the tables and takes no
    /// name. Appending events and leasing budgets fail.
    ///
    /// # Errors
    /// [`OpenError`], with what to do about it.
    pub async fn open_beside(config: PostgresConfig) -> Result<Self, OpenError> {
        let address = Address::read(&config)?;
        let mut client = within(SOON, address.connect()).await?;
        within(LONG, schema::migrate(&mut client, &config.schema)).await?;
        Self::over(address, config, None)
    }

    fn over(
        address: Address,
        config: PostgresConfig,
        name: Option<Arc<Name>>,
    ) -> Result<Self, OpenError> {
        let shared = Shared {
            pool: address.pool(config.connections)?,
            config,
            name,
            node: Node::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Recomputes what was spent in each window and which attempts run, all from
    /// the events. Returns what differs from the counters, a line each; nothing
    /// when they are right. What the next renewal of leases will put right is
    /// no difference.
    ///
    /// It reads everything, in one view of the database, and changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.run("verify the ledger", LONG, WhenLost, |client, _| {
            Box::pin(verify::findings(client))
        })
        .await
    }

    /// Runs `work` with a connection, in a task that nobody cancels, and again
    /// when it was broken off.
    async fn run<T, F>(
        &self,
        action: &'static str,
        limit: Duration,
        retry: Retry,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Object, &'a Shared) -> BoxFuture<'a, Result<T>>
            + Send
            + Sync
            + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let deadline = Instant::now() + limit;
            let mut tries = 1;
            loop {
                match shared.once(limit, deadline, &work).await {
                    Err(error) if tries < TRIES && retry.is_for(&error) => tries += 1,
                    done => return done,
                }
            }
        });
        task.await
            .unwrap_or_else(|panic| Err(panic.into()))
            .map_err(|source| StoreError::new(action, source))
    }
}

impl Shared {
    /// Does `work` before the deadline of all tries, which is `limit` after the
    /// first began, or fails.
    async fn once<T, F>(&self, limit: Duration, deadline: Instant, work: &F) -> Result<T>
    where
        F: for<'a> Fn(&'a mut Object, &'a Self) -> BoxFuture<'a, Result<T>>,
    {
        let patience = deadline.min(Instant::now() + SOON);
        let client = timeout_at(patience, self.pool.get()).await;
        let mut client = client.map_err(|_| silence(SOON))??;
        let done = timeout_at(deadline, work(&mut client, self)).await;
        done.unwrap_or_else(|_| {
            // The next one to have it would wait for this one's answers.
            drop(Object::take(client));
            Err(silence(limit).into())
        })
    }

    /// Returns when this process may speak for its node.
    async fn owns_its_name(&self) -> Result<()> {
        let name = self.name.as_ref();
        let name = name.ok_or("the ledger was opened for reading; a node opens it for writing")?;
        Ok(name.hold().await?)
    }
}

/// What is begun again because of others, or of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// Only what the server took back, to resolve a deadlock or a conflict.
    /// For work that counts anew each time that it is done.
    WhenUndone,
    /// Also what a lost connection carried, of which nobody knows whether it
    /// was done. For work of which twice is as good as once.
    WhenLost,
}

impl Retry {
    fn is_for(self, error: &BoxError) -> bool {
        let Some(error) = error.downcast_ref::<tokio_postgres::Error>() else {
            return false;
        };
        let is_one_of = |states: &[SqlState]| error.code().is_some_and(|one| states.contains(one));
        let was_undone = is_one_of(&[
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ]);
        // A server that is shut down while a commit waits for its standby says
        // so too, and has committed.
        let was_lost = error.is_closed() || is_one_of(&[SqlState::ADMIN_SHUTDOWN]);
        was_undone || self == WhenLost && was_lost
    }
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
        self.run("append events", SOON, WhenLost, move |client, shared| {
            let batch = Arc::clone(&batch);
            Box::pin(async move {
                shared.owns_its_name().await?;
                batch.write(client).await
            })
        })
        .await
    }

    async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.run("list open attempts", SOON, WhenLost, |client, shared| {
            Box::pin(async move {
                // Without its name, those that are this node's are another's.
                if shared.name.is_some() {
                    shared.owns_its_name().await?;
                }
                attempts::open(client, &shared.config).await
            })
        })
        .await
    }

    async fn report(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let query = Arc::new(query.clone());
        self.run("report usage", LONG, WhenLost, move |client, _| {
            let query = Arc::clone(&query);
            Box::pin(async move { report::usage(client, &query).await })
        })
        .await
    }

    async fn uncertain(&self, since: Timestamp) -> Result<Vec<Uncertain>, StoreError> {
        self.run(
            "list uncertain costs",
            LONG,
            WhenLost,
            move |client, shared| Box::pin(attempts::uncertain(client, &shared.config, since)),
        )
        .await
    }

    async fn spent(
        &self,
        budget: &str,
        since: Timestamp,
    ) -> Result<Vec<(BudgetWindow, Usd)>, StoreError> {
        let budget: Arc<str> = budget.into();
        self.run("read what was spent", SOON, WhenLost, move |client, _| {
            let budget = Arc::clone(&budget);
            Box::pin(async move { report::spent(client, &budget, since).await })
        })
        .await
    }

    async fn spent_beside(
        &self,
        query: &UsageQuery,
        budget: &str,
        since: Timestamp,
    ) -> Result<(Vec<UsageRow>, Vec<WindowSums>), StoreError> {
        let asked: Arc<(UsageQuery, Arc<str>)> = Arc::new((query.clone(), budget.into()));
        self.run(
            "compare budgets with reports",
            LONG,
            WhenLost,
            move |client, _| {
                let asked = Arc::clone(&asked);
                Box::pin(async move { report::beside(client, &asked.0, &asked.1, since).await })
            },
        )
        .await
    }

    async fn past_call(&self, caller: &CallerId, id: &str) -> Result<Option<Receipt>, StoreError> {
        let asked = Arc::new((caller.clone(), id.to_owned()));
        self.run("look up a call", SOON, WhenLost, move |client, _| {
            let asked = Arc::clone(&asked);
            Box::pin(async move { past::find(client, &asked.0, &asked.1).await })
        })
        .await
    }

    async fn add_feedback(&self, rows: &[FeedbackRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Arc<[FeedbackRow]> = rows.into();
        // Twice is not as good as once, but who is told that it failed offers
        // the rows again, and then they count twice just so.
        self.run("add feedback", SOON, WhenLost, move |client, _| {
            let rows = Arc::clone(&rows);
            Box::pin(async move { feedback::add(client, &rows).await })
        })
        .await
    }

    async fn feedback(&self, since: Timestamp) -> Result<Vec<FeedbackRow>, StoreError> {
        self.run("read feedback", SOON, WhenLost, move |client, _| {
            Box::pin(feedback::since(client, since.day()))
        })
        .await
    }

    async fn add_habits(&self, rows: &[HabitRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Arc<[HabitRow]> = rows.into();
        // As with feedback.
        self.run("add habits", SOON, WhenLost, move |client, _| {
            let rows = Arc::clone(&rows);
            Box::pin(async move { habits::add(client, &rows).await })
        })
        .await
    }

    async fn habits(&self, since: Timestamp) -> Result<Vec<HabitRow>, StoreError> {
        self.run("read habits", SOON, WhenLost, move |client, _| {
            Box::pin(habits::since(client, since.day()))
        })
        .await
    }
}

#[async_trait]
impl BudgetLeases for PostgresStore {
    async fn lease(&self, asks: &[LeaseAsk]) -> Result<Leased, StoreError> {
        let asks: Arc<[LeaseAsk]> = asks.into();
        // What is given back twice is leased to two nodes. Who is told that an
        // ask was lost begins a new epoch, which ends whatever came of it.
        self.run("lease budgets", SOON, WhenUndone, move |client, shared| {
            let asks = Arc::clone(&asks);
            Box::pin(async move {
                shared.owns_its_name().await?;
                shared.node.lease(client, &shared.config, &asks).await
            })
        })
        .await
    }

    async fn renew(&self) -> Result<u64, StoreError> {
        self.run("renew leases", SOON, WhenLost, |client, shared| {
            Box::pin(async move {
                shared.owns_its_name().await?;
                shared.node.renew(client, &shared.config).await
            })
        })
        .await
    }

    async fn begin(&self) -> Result<u64, StoreError> {
        self.run("lease anew", SOON, WhenLost, |client, shared| {
            Box::pin(async move {
                shared.owns_its_name().await?;
                shared.node.begin(client, &shared.config).await
            })
        })
        .await
    }
}

#[async_trait]
impl LimitStore for PostgresStore {
    async fn lease(
        &self,
        ended: &[EndedSlice],
        asks: &[SliceAsk],
    ) -> Result<Vec<SliceGrant>, StoreError> {
        let (ended, asks): (Arc<[EndedSlice]>, Arc<[SliceAsk]>) = (ended.into(), asks.into());
        // What a slice used is set, not added, and a slice whose grant was lost
        // is used by nobody, whoever asks again.
        self.run("lease limits of keys", SOON, WhenLost, move |client, _| {
            let (ended, asks) = (Arc::clone(&ended), Arc::clone(&asks));
            Box::pin(async move { limits::lease(client, &ended, &asks).await })
        })
        .await
    }
}

#[async_trait]
impl KeyStore for PostgresStore {
    async fn load(&self) -> Result<BTreeMap<String, KeyConfig>, KeyStoreError> {
        let keys = self.run("read the keys", SOON, WhenLost, |client, _| {
            Box::pin(keys::load(client))
        });
        Ok(keys.await?)
    }

    async fn create(&self, name: &str, key: &KeyConfig) -> Result<(), KeyStoreError> {
        const ACTION: &str = "keep a key";
        let config = serde_json::to_string(key).map_err(|error| StoreError::new(ACTION, error))?;
        let row: Arc<(String, String)> = Arc::new((name.to_owned(), config));
        let is_new = self.run(ACTION, SOON, WhenLost, move |client, _| {
            let row = Arc::clone(&row);
            Box::pin(async move { keys::create(client, &row.0, &row.1).await })
        });
        match is_new.await? {
            true => Ok(()),
            false => Err(KeyStoreError::Exists(name.to_owned())),
        }
    }

    async fn revoke(&self, name: &str) -> Result<(), KeyStoreError> {
        let key: Arc<str> = name.into();
        // The second time would say that there was no such key.
        let others = self.run("revoke a key", SOON, WhenUndone, move |client, _| {
            let key = Arc::clone(&key);
            Box::pin(async move { keys::revoke(client, &key).await })
        });
        match others.await? {
            None => Ok(()),
            Some(others) => {
                let others = others.iter().map(String::as_str);
                Err(KeyStoreError::unknown(name, others))
            }
        }
    }
}
