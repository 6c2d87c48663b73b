use std::sync::Arc;
use std::time::Duration;

use tollgate_catalog::{
    Feedback, LearnedHabits, LengthPriors, ModelCatalog, RecentModels, did_you_mean,
};
use tollgate_core::{
    AnswerJudge, Catalog, CatalogSource, Clock, CostLookup, Failover, Failure, FailureKind,
    LaneCheck, LaneId, Ledger, LedgerStore, LlmProvider, Observer, RoutingPolicy,
};
use tollgate_failover::FailoverManager;
use tollgate_ledger::{Durability, LedgerConfig, OnSoft, Recovered, StoreKind, UsageTracker};
use tollgate_ledger_postgres::{Commit, PostgresConfig, PostgresStore};
use tollgate_router::{CostOptimizer, RouterConfig, TaskLists};
use tollgate_transport::HttpSend;

use crate::background::Background;
use crate::booking::Booker;
use crate::byok::{Fee, Watch};
use crate::clock::SystemClock;
use crate::compare::Hourly;
use crate::config::{Config, OpenRouter};
use crate::feedback::FeedbackBook;
use crate::gateway::{Gateway, Parts};
use crate::judges::Judges;
use crate::lanes::{self, Around, Current, Network, NetworkModels, OwnLanes};
use crate::learned;
use crate::learning::Learning;
use crate::left::Stops;
use crate::lookups::Lookups;
use crate::observe::Everyone;
use crate::order::Admission;
use crate::pending::Settler;
use crate::policies::ByName;
use crate::recent::Recent;
use crate::reconcile::Reconciler;
use crate::record::{Recorded, Recorder};
use crate::reload::{Configured, Makings, is_by_model};

/// Puts a gateway together; each part can be swapped for one's own.
///
/// ```no_run
/// # async fn build(my_policy: std::sync::Arc<dyn tollgate::RoutingPolicy>) -> Result<(), Box<dyn std::error::Error>> {
/// use tollgate::{Gateway, Loader};
/// let gateway = Gateway::builder(Loader::new().with_file("tollgate.toml").load()?)
///     .policy("mine", my_policy) // select it by `mode = "mine"`, per request or per call
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct GatewayBuilder {
    config: Config,
    policies: ByName,
    judges: Judges,
    observers: Vec<Arc<dyn Observer>>,
    catalog: Option<Arc<dyn Catalog>>,
    ledger: Option<Arc<dyn Ledger>>,
    failover: Option<Arc<dyn Failover>>,
    provider: Option<Arc<dyn LlmProvider>>,
    own_lanes: OwnLanes,
    store: Option<Arc<dyn LedgerStore>>,
    lookup: Option<Arc<dyn CostLookup>>,
    http: Option<Arc<dyn HttpSend>>,
    around: Option<Around>,
    clock: Arc<dyn Clock>,
    seed: Option<u64>,
}

impl Gateway {
    /// A gateway as the configuration describes it.
    ///
    /// # Errors
    /// [`Failure`] of kind `Configuration` with what does not work and how to
    /// mend it.
    pub async fn from_config(config: Config) -> Result<Self, Failure> {
        Self::builder(config).build().await
    }

    /// A gateway whose parts can be swapped.
    pub fn builder(config: Config) -> GatewayBuilder {
        GatewayBuilder {
            config,
            policies: ByName::new(),
            judges: Judges::default(),
            observers: Vec::new(),
            catalog: None,
            ledger: None,
            failover: None,
            provider: None,
            own_lanes: OwnLanes::default(),
            store: None,
            lookup: None,
            http: None,
            around: None,
            clock: Arc::new(SystemClock),
            seed: None,
        }
    }
}

impl GatewayBuilder {
    /// Registers a policy under a name, by which configuration, requests and
    /// calls select it. One of the names `cheapest`, `balanced` and `quality`
    /// replaces that policy.
    pub fn policy(mut self, name: impl Into<String>, policy: Arc<dyn RoutingPolicy>) -> Self {
        self.policies.insert(name.into(), policy);
        self
    }

    /// Has the answers that a policy puts [on trial](tollgate_core::Ranking::with_trial) judged
    /// by this before anybody is shown them; may be called again, also for
    /// `cascade`. An answer will do when all its policy's judges accept it; that
    /// of the configuration is asked first.
    pub fn judge(mut self, policy: impl Into<String>, judge: Arc<dyn AnswerJudge>) -> Self {
        self.judges.add(policy.into(), judge);
        self
    }

    /// Adds someone who hears of events; may be called again.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Uses this catalog.
    pub fn catalog(mut self, catalog: Arc<dyn Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Uses this ledger.
    pub fn ledger(mut self, ledger: Arc<dyn Ledger>) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// Walks plans with this.
    pub fn failover(mut self, failover: Arc<dyn Failover>) -> Self {
        self.failover = Some(failover);
        self
    }

    /// Sends attempts, whatever lane they name, with this.
    pub fn provider(mut self, provider: Arc<dyn LlmProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Sends the attempts of one lane with this; other lanes stay as they are.
    ///
    /// The lane is one of the configuration, which says of it what it says of
    /// any: models, prices, account, and rate limits, which stay in front of the
    /// provider. The provider has a key of its own; calls that bring another
    /// are refused there. Nobody is asked what generations of the lane have cost,
    /// or whether its key works again: there a call finds out.
    ///
    /// With a [`provider`](Self::provider) for all lanes this one is not used.
    ///
    /// ```
    /// # async fn build(mine: std::sync::Arc<dyn tollgate::LlmProvider>) -> Result<(), Box<dyn std::error::Error>> {
    /// use tollgate::{Gateway, LaneId, Loader};
    /// let gateway = Gateway::builder(Loader::new().with_file("tollgate.toml").load()?)
    ///     .lane(LaneId::new("anthropic-2")?, mine) // [providers.anthropic] with two keys
    ///     .build()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lane(mut self, lane: LaneId, provider: Arc<dyn LlmProvider>) -> Self {
        self.own_lanes.insert(lane, provider);
        self
    }

    /// Keeps the ledger's events in this store.
    pub fn store(mut self, store: Arc<dyn LedgerStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Asks here what generations cost when the answer did not say; with a
    /// provider of one's own, nobody is asked otherwise.
    pub fn lookup(mut self, lookup: Arc<dyn CostLookup>) -> Self {
        self.lookup = Some(lookup);
        self
    }

    /// Carries the requests of all lanes and of the catalog over this, not over connections of
    /// the gateway's own: for a network in memory, or for a client of the program.
    pub fn http(mut self, http: Arc<dyn HttpSend>) -> Self {
        self.http = Some(http);
        self
    }

    /// Puts something around whatever carries the requests of each lane, such as what adds a
    /// header to them.
    pub fn around_http(
        mut self,
        around: impl Fn(Arc<dyn HttpSend>) -> Arc<dyn HttpSend> + Send + Sync + 'static,
    ) -> Self {
        self.around = Some(Arc::new(around));
        self
    }

    /// Uses this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Seeds everything that is random: jitter and call ids.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Keeps usage in memory and records no calls, whatever the configuration
    /// says: for tools that only look.
    pub fn without_store(mut self) -> Self {
        self.config.openrouter.track_usage = false;
        self.config.record.enabled = false;
        self
    }

    /// Builds the gateway: opens the ledger, loads the catalog, starts the
    /// background tasks.
    ///
    /// # Errors
    /// [`Failure`] of kind `Configuration` with what does not work and how to
    /// mend it.
    pub async fn build(self) -> Result<Gateway, Failure> {
        let Self { config, clock, .. } = self;
        let seed = self.seed.unwrap_or_else(random_seed);
        let recent = Arc::new(Recent::default());
        let mut observers = self.observers;
        observers.push(recent.clone());
        let most = config.catalog.endpoint_models;
        let used = Arc::new(RecentModels::new(most.try_into().unwrap_or(usize::MAX)));
        observers.push(used.clone());
        let observer: Arc<dyn Observer> = Arc::new(Everyone(observers));
        let mut background = Background::default();

        let asks = self.provider.is_none();
        let network = Network {
            clock: clock.clone(),
            http: self.http,
            around: self.around,
            own: self.own_lanes,
        };
        let makings = Makings {
            network,
            policies: self.policies,
            judges: self.judges,
            provider: self.provider,
        };
        let Configured {
            laid,
            optimizer,
            judges,
        } = makings.configured(&config, None)?;
        let openrouter = laid.openrouter.clone();
        let current = Arc::new(Current::new(laid.clone()));
        let checks = asks.then(|| current.clone() as Arc<dyn LaneCheck>);

        // First, since it is what another process can hold.
        let (ledger, reconciler): (Arc<dyn Ledger>, _) = match self.ledger {
            Some(ledger) => (ledger, None),
            None => {
                let shares = config.ledger.store == StoreKind::Postgres && self.store.is_none();
                let parts = (clock.clone(), observer.clone());
                let tracker = Arc::new(open_ledger(&config, self.store, parts).await?);
                background.keep_ledger(tracker.clone());
                let recovered = recover(&tracker).await?;
                if asks && is_compared(&config) {
                    let meter = openrouter.clone();
                    let hourly = Hourly::start(meter, tracker.clone(), observer.clone());
                    background.keep_hourly(Some(hourly));
                }
                // A provider of the program's own knows generations that
                // OpenRouter has never heard of.
                let lookup = self.lookup.or_else(|| asks.then(|| current.clone() as _));
                let reconciler = lookup.map(|lookup| Reconciler::start(lookup, tracker.clone()));
                if shares {
                    background.sweep(&tracker, reconciler.as_ref());
                }
                if let Some(reconciler) = &reconciler {
                    reconciler.take_up(recovered.uncertain);
                    background.keep_reconciler(reconciler.clone());
                }
                (tracker, reconciler)
            }
        };
        let ledger = recorded(ledger, &config, &clock, &mut background)?;

        let byok_fee = Arc::new(Fee::default());
        let catalog = match self.catalog {
            Some(catalog) => catalog,
            None => {
                let source = NetworkModels::of(&current, &config);
                let catalog = ModelCatalog::open(
                    config.catalog.clone(),
                    lanes::specs(&config, byok_fee.get()),
                    source,
                    clock.clone(),
                    observer.clone(),
                )
                .map_err(|error| configuration("the catalog cannot be opened", error))?;
                first_list(&catalog).await;
                background.keep_fresh(&catalog, seed);
                let source = NetworkModels::endpoints_of(&current);
                background.keep_refresh(catalog.start_endpoint_refresh(source, used));
                Arc::new(catalog)
            }
        };

        let learning = Learning::open(
            (
                Feedback::new(config.feedback.prior_weight),
                LearnedHabits::new(length_priors(optimizer.config())),
            ),
            background.ledger().cloned(),
            background.catalog().cloned(),
            clock.now(),
        );
        let learning = Arc::new(learning.await?);
        background.keep_learning(learning.clone());
        let feedback = FeedbackBook::new(config.feedback.clone(), learning.clone());

        let lookups = Arc::new(Lookups::new(asks.then_some(openrouter), recent));
        let failover = match self.failover {
            Some(failover) => failover,
            None => Arc::new(walker(&config, seed, &observer, &checks)),
        };

        let mut parts = Parts {
            admission: Arc::new(Admission::new(seed)),
            catalog,
            optimizer,
            judges,
            settler: Settler::start(
                Booker::new(ledger.clone(), reconciler, observer.clone()),
                Stops::of(&config.openrouter),
            ),
            ledger,
            failover,
            after_commit: config.failover.after_commit,
            observer,
            provider: makings.provider(&laid, &current),
            checks,
            clock,
            background: Arc::new(background),
            lookups,
            feedback: Arc::new(feedback),
            learning,
            sessions: Arc::default(),
            warnings: Arc::default(),
            byok_fee,
            own_provider: !asks,
            config,
        };
        parts.warnings = parts.find_warnings().into();
        let gateway = Gateway::of(parts, makings, current);
        gateway.watch_byok_fee();
        Ok(gateway)
    }
}

impl Gateway {
    pub(crate) fn watch_byok_fee(&self) {
        let watch = Watch::start(self);
        self.parts().background.keep_byok_fee(watch);
    }

    /// Names of the policies that can be selected.
    pub fn policies(&self) -> Vec<String> {
        let parts = self.parts.load();
        parts.optimizer.policies().map(str::to_owned).collect()
    }

    /// Things the operator should know, found when the gateway was built or was
    /// configured anew: a retired model in a list, with the closest live ones.
    pub fn warnings(&self) -> Arc<[String]> {
        self.parts.load().warnings.clone()
    }
}

impl Parts {
    pub(crate) fn find_warnings(&self) -> Vec<String> {
        let mut warnings = self.unknown_models();
        warnings.extend(self.unknown_to_the_catalog());
        warnings.extend(forgetful_budgets(&self.config));
        warnings
    }

    fn unknown_to_the_catalog(&self) -> Option<String> {
        learned::warning(self.optimizer.learned()?, &self.catalog.view())
    }

    fn unknown_models(&self) -> Vec<String> {
        let view = self.catalog.view();
        self.optimizer
            .unknown_models(&view)
            .into_iter()
            .map(|model| {
                let live = did_you_mean(&view, model.as_str(), 3);
                let live: Vec<_> = live
                    .iter()
                    .map(|place| view.model(*place).id.as_str())
                    .collect();
                match live.is_empty() {
                    true => format!("{model} is not in the catalog"),
                    false => format!(
                        "{model} is not in the catalog; closest: {}",
                        live.join(", ")
                    ),
                }
            })
            .collect()
    }
}

pub(crate) fn router_config(config: &Config) -> RouterConfig {
    let routing = &config.openrouter.routing;
    let optimization = &config.openrouter.optimization;
    RouterConfig {
        policy: optimization.mode.clone(),
        default_model: config.openrouter.default_model.clone(),
        lists: TaskLists {
            chat: routing.chat_models.clone(),
            code: routing.code_models.clone(),
            reasoning: routing.reasoning_models.clone(),
        },
        fallback_chain: optimization.fallback_chain.clone(),
        fallback: config.openrouter.enable_fallback,
        max_cost_per_request: optimization.max_cost_per_request,
        prefer_free_tier: optimization.prefer_free_tier,
        endpoint_preferences: routing.endpoint_preferences,
        ..RouterConfig::default()
    }
}

/// What the router assumes of answers of which nothing was seen.
fn length_priors(config: &RouterConfig) -> LengthPriors {
    let output = &config.output;
    LengthPriors {
        medians: [output.chat, output.code, output.reasoning],
        sigma: output.sigma,
    }
}

async fn open_ledger(
    config: &Config,
    store: Option<Arc<dyn LedgerStore>>,
    (clock, observer): (Arc<dyn Clock>, Arc<dyn Observer>),
) -> Result<UsageTracker, Failure> {
    let ledger = ledger_config(config);
    if !config.openrouter.track_usage {
        return Ok(UsageTracker::totals_only(&ledger, clock, observer));
    }
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
fn recorded(
    ledger: Arc<dyn Ledger>,
    config: &Config,
    clock: &Arc<dyn Clock>,
    background: &mut Background,
) -> Result<Arc<dyn Ledger>, Failure> {
    if !config.record.enabled {
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
fn forgetful_budgets(config: &Config) -> Option<String> {
    let forgets = !config.openrouter.track_usage || config.ledger.store == StoreKind::Memory;
    (forgets && !config.budgets.is_empty()).then(|| {
        "budgets begin anew at each start, as the ledger is kept in memory; set ledger.store to \
         \"sqlite\" or \"postgres\""
            .to_owned()
    })
}

/// Who walks plans. Lanes that can be asked are asked before calls have to find
/// out whether a key or an account works again.
fn walker(
    config: &Config,
    seed: u64,
    observer: &Arc<dyn Observer>,
    checks: &Option<Arc<dyn LaneCheck>>,
) -> FailoverManager {
    let by_model = is_by_model(config);
    let (mut config, observer) = (config.failover.clone(), observer.clone());
    config.group_models &= !by_model;
    match checks {
        Some(check) => FailoverManager::with_check(config, seed, observer, check.clone()),
        None => FailoverManager::new(config, seed, observer),
    }
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

/// The ledger's own table, with what other tables say about it.
fn ledger_config(config: &Config) -> LedgerConfig {
    let mut ledger = config.ledger.clone();
    ledger.budgets.clone_from(&config.budgets);
    ledger.max_cost_per_request = config.openrouter.optimization.max_cost_per_request;
    ledger
}

/// The embedded snapshot is stale by nature: with nothing better at hand, the
/// network is asked before the first call. A failure is told to the observer,
/// and the snapshot serves.
async fn first_list(catalog: &ModelCatalog) {
    const PATIENCE: Duration = Duration::from_secs(5);
    if catalog.view().source() == CatalogSource::Embedded {
        let _ = tokio::time::timeout(PATIENCE, catalog.refresh()).await;
    }
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

pub(crate) fn configuration(
    what: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Failure {
    Failure::new(FailureKind::Configuration, what)
        .with_hint(error.to_string())
        .with_source(error)
}

/// Different from process to process: the standard library's hash keys are
/// random for each.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}

impl std::fmt::Debug for GatewayBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayBuilder")
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}
