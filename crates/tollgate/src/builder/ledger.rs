//! The ledger, from its configuration: opened, taken up where an earlier process
//! left it, and looked after.

use std::sync::Arc;

use tollgate_core::{Clock, CostLookup, Failure, FailureKind, Ledger, LedgerStore, Observer};
use tollgate_ledger::{Durability, LedgerConfig, OnSoft, Recovered, StoreKind, UsageTracker};
use tollgate_ledger_postgres::{Commit, PostgresConfig, PostgresStore};
use tollgate_router::CostOptimizer;
use tollgate_transport::OpenRouterProvider;

use super::configuration;
use crate::background::Background;
use crate::compare::Hourly;
use crate::config::{Config, OpenRouter};
use crate::reconcile::Reconciler;
use crate::record::{Recorded, Recorder};

/// What the ledger is made of, beside the configuration.
pub(super) struct Setup {
    /// Keeps the events, in place of the configured store.
    pub(super) store: Option<Arc<dyn LedgerStore>>,
    /// Whose account the ledger is compared with; `None` where the program sends
    /// by itself.
    pub(super) meter: Option<OpenRouterProvider>,
    /// Who is asked what generations cost.
    pub(super) lookup: Option<Arc<dyn CostLookup>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
}

impl Setup {
    /// The ledger, and who asks what its attempts cost.
    pub(super) async fn open(
        self,
        config: &Config,
        background: &mut Background,
    ) -> Result<(Arc<dyn Ledger>, Option<Reconciler>), Failure> {
        let shares = config.ledger.store == StoreKind::Postgres && self.store.is_none();
        let parts = (self.clock, self.observer.clone());
        let tracker = match background.looks_only() || !config.openrouter.track_usage {
            true => UsageTracker::totals_only(&ledger_config(config), parts.0, parts.1),
            false => open_ledger(config, self.store, parts).await?,
        };
        let tracker = Arc::new(tracker);
        background.keep_ledger(tracker.clone());
        let recovered = recover(&tracker).await?;
        if let Some(meter) = self.meter.filter(|_| is_compared(config)) {
            let hourly = Hourly::start(meter, tracker.clone(), self.observer);
            background.keep_hourly(Some(hourly));
        }
        let reconciler = self
            .lookup
            .map(|lookup| Reconciler::start(lookup, tracker.clone()));
        if shares {
            background.sweep(&tracker, reconciler.as_ref());
        }
        if let Some(reconciler) = &reconciler {
            reconciler.take_up(recovered.uncertain);
            background.keep_reconciler(reconciler.clone());
        }
        Ok((tracker, reconciler))
    }
}

async fn open_ledger(
    config: &Config,
    store: Option<Arc<dyn LedgerStore>>,
    (clock, observer): (Arc<dyn Clock>, Arc<dyn Observer>),
) -> Result<UsageTracker, Failure> {
    let ledger = ledger_config(config);
    if let Some(store) = store {
        return Ok(UsageTracker::start(store, &ledger, clock, observer));
    }
    if ledger.store == StoreKind::Postgres {
        let store = PostgresStore::open(postgres(&ledger)?)
            .await
            .map_err(|error| configuration("the ledger cannot be opened", error))?;
        let store = Arc::new(store);
        let leases = store.clone();
        return Ok(UsageTracker::start_shared(
            store, leases, &ledger, clock, observer,
        ));
    }
    Ok(UsageTracker::open(&ledger, clock, observer).await?)
}

/// The ledger's own table, with what other tables say about it.
fn ledger_config(config: &Config) -> LedgerConfig {
    let mut ledger = config.ledger.clone();
    ledger.budgets.clone_from(&config.budgets);
    ledger.max_cost_per_request = config.openrouter.optimization.max_cost_per_request;
    ledger
}

/// Takes up what an earlier process left.
async fn recover(tracker: &UsageTracker) -> Result<Recovered, Failure> {
    let recovered = tracker.recover().await?;
    let (ended, uncertain) = (recovered.ended.len(), recovered.uncertain.len());
    if ended > 0 {
        tracing::warn!(
            attempts = ended,
            "attempts of an earlier process were booked at worst case"
        );
    }
    if uncertain > 0 {
        tracing::info!(
            attempts = uncertain,
            "asking again what attempts of an earlier process cost"
        );
    }
    Ok(recovered)
}

/// Where the `postgres` store of a configuration is.
pub(crate) fn postgres(config: &LedgerConfig) -> Result<PostgresConfig, Failure> {
    let url = config.url.clone().ok_or_else(|| {
        Failure::new(FailureKind::Configuration, "ledger.url is missing")
            .with_hint("a postgres ledger needs an address")
    })?;
    Ok(PostgresConfig {
        schema: config.schema.clone(),
        node: config.node.clone(),
        commit: match config.durability {
            Durability::Relaxed => Commit::Soon,
            Durability::Default | Durability::Strict => Commit::OnDisk,
        },
        ..PostgresConfig::new(url)
    })
}

/// Whether the key's spending is this gateway's alone, as far as anyone knows.
pub(crate) fn is_compared(config: &Config) -> bool {
    let OpenRouter {
        api_key,
        api_keys,
        compare_hourly,
        ..
    } = &config.openrouter;
    let has_key = api_key.as_ref().is_some_and(|key| !key.is_empty());
    let is_only = api_keys.is_empty();
    *compare_hourly && has_key && is_only && config.ledger.store != StoreKind::Postgres
}

/// The ledger, with a record of what it settles if calls are to be recorded.
pub(super) fn recorded(
    ledger: Arc<dyn Ledger>,
    config: &Config,
    clock: &Arc<dyn Clock>,
    background: &mut Background,
) -> Result<Arc<dyn Ledger>, Failure> {
    if background.looks_only() || !config.record.enabled {
        return Ok(ledger);
    }
    let recorder = Recorder::start(config.record.clone(), clock.clone())?;
    background.keep_recorder(recorder.clone());
    Ok(Arc::new(Recorded::new(ledger, recorder)))
}

/// Whether the policies that budgets name are there.
pub(crate) fn check_budgets(config: &Config, optimizer: &CostOptimizer) -> Result<(), Failure> {
    for (name, budget) in &config.budgets {
        let OnSoft::Policy(policy) = &budget.on_soft else {
            continue;
        };
        if !optimizer.policies().any(|known| known == policy) {
            let known: Vec<_> = optimizer.policies().collect();
            return Err(Failure::new(
                FailureKind::Configuration,
                format!("budgets.{name}.on_soft names the policy {policy:?}, which is not there"),
            )
            .with_hint(format!("one of {}", known.join(", "))));
        }
    }
    Ok(())
}

/// Budgets need a ledger that outlives the process.
pub(super) fn forgetful_budgets(config: &Config) -> Option<String> {
    let remedy = match (config.openrouter.track_usage, config.ledger.store) {
        (false, _) => "openrouter.track_usage to true",
        (true, StoreKind::Memory) => "ledger.store to \"sqlite\" or \"postgres\"",
        (true, _) => return None,
    };
    let said = "budgets begin anew at each start, as the ledger is kept in memory";
    (!config.budgets.is_empty()).then(|| format!("{said}; set {remedy}"))
}
