mod catalog;
mod ledger;
mod warnings;

use std::sync::Arc;

use tollgate_catalog::{Feedback, LearnedHabits, LengthPriors, RecentModels};
use tollgate_core::{
    AnswerJudge, Catalog, Clock, CostLookup, Failover, Failure, FailureKind, LaneCheck, LaneId,
    Ledger, LedgerStore, LlmProvider, Observer, RoutingPolicy,
};
use tollgate_failover::FailoverManager;
use tollgate_router::{RouterConfig, TaskLists};
use tollgate_transport::HttpSend;

use crate::background::Background;
use crate::booking::Booker;
use crate::byok::{Fee, Watch};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::feedback::FeedbackBook;
use crate::gateway::{Gateway, Parts};
use crate::judges::Judges;
use crate::lanes::{Around, Current, Network, OwnLanes};
use crate::learning::Learning;
use crate::left::Stops;
use crate::lookups::Lookups;
use crate::observe::Everyone;
use crate::order::Admission;
use crate::pending::Settler;
use crate::policies::ByName;
use crate::recent::Recent;
use crate::reload::{Configured, Makings, is_by_model};

pub(crate) use self::ledger::{check_budgets, is_compared, postgres};

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
    looks_only: bool,
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
            looks_only: false,
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
    /// says: for tools that only look. The configuration stays what it is, and so
    /// do the warnings about it.
    pub fn without_store(mut self) -> Self {
        self.looks_only = true;
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
        if self.looks_only {
            background.look_only();
        }

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
        let openrouter = asks.then(|| laid.openrouter.clone());
        let current = Arc::new(Current::new(laid.clone()));
        let checks = asks.then(|| current.clone() as Arc<dyn LaneCheck>);

        // First, since it is what another process can hold.
        let (ledger, reconciler) = match self.ledger {
            Some(ledger) => (ledger, None),
            None => {
                let setup = ledger::Setup {
                    store: self.store,
                    meter: openrouter.clone(),
                    // A provider of the program's own knows generations that
                    // OpenRouter has never heard of.
                    lookup: self.lookup.or_else(|| asks.then(|| current.clone() as _)),
                    clock: clock.clone(),
                    observer: observer.clone(),
                };
                setup.open(&config, &mut background).await?
            }
        };
        let ledger = ledger::recorded(ledger, &config, &clock, &mut background)?;

        let byok_fee = Arc::new(Fee::default());
        let catalog = match self.catalog {
            Some(catalog) => catalog,
            None => {
                let setup = catalog::Setup {
                    current: &current,
                    byok_fee: &byok_fee,
                    used,
                    seed,
                    clock: clock.clone(),
                    observer: observer.clone(),
                };
                setup.open(&config, &mut background).await?
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

        let lookups = Arc::new(Lookups::new(openrouter, recent));
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
