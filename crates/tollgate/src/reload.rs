//! Another configuration, all of it or none, while calls are running.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tollgate_core::{Failure, FailureKind, LlmProvider, RoutingPolicy};
use tollgate_router::CostOptimizer;
use tollgate_transport::{Lanes, OpenRouterProvider};

use crate::builder::{check_budgets, configuration, is_compared, policies, router_config};
use crate::compare::Hourly;
use crate::config::Config;
use crate::gateway::{Gateway, Parts};
use crate::lanes::{self, Current, Network};

/// What parts are made of, beside a configuration: what the program brought.
pub(crate) struct Makings {
    pub(crate) network: Network,
    pub(crate) policies: BTreeMap<String, Arc<dyn RoutingPolicy>>,
    /// Sends all attempts, whatever is configured.
    pub(crate) provider: Option<Arc<dyn LlmProvider>>,
    pub(crate) current: Arc<Current>,
}

/// What a configuration alone decides.
pub(crate) struct Configured {
    pub(crate) openrouter: OpenRouterProvider,
    pub(crate) lanes: Lanes,
    pub(crate) optimizer: CostOptimizer,
}

impl Makings {
    /// Builds what a configuration decides. Changes nothing yet.
    pub(crate) fn configured(&self, config: &Config) -> Result<Configured, Failure> {
        let openrouter = lanes::openrouter(&config.openrouter, &self.network)?;
        let lanes = lanes::all(&openrouter, config, &self.network)?;
        let policies = policies(config, self.policies.clone());
        let optimizer = CostOptimizer::new(router_config(config), policies)
            .map_err(|error| configuration("the routing cannot be set up", error))?;
        check_budgets(config, &optimizer)?;
        Ok(Configured {
            openrouter,
            lanes,
            optimizer,
        })
    }

    /// Who sends attempts.
    pub(crate) fn provider(&self, lanes: &Lanes) -> Arc<dyn LlmProvider> {
        match &self.provider {
            Some(own) => own.clone(),
            None => Arc::new(lanes.clone()),
        }
    }
}

impl Gateway {
    /// Takes over another configuration: all of it, or none when it does not
    /// work. Running calls go on with the one that they began with; ledger,
    /// catalog, health and limits are kept.
    ///
    /// What can change: `[openrouter]` but for the keys named below,
    /// `[providers]`, `[policies]`. Everything else is built into what is kept.
    ///
    /// ```no_run
    /// # async fn reload(gateway: &tollgate::Gateway) -> Result<(), Box<dyn std::error::Error>> {
    /// gateway.reload(tollgate::Loader::new().with_file("tollgate.toml").load()?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Configuration`, when the configuration does not work, or when something
    /// in it differs that is only read at the start: `[ledger]`, `[budgets]`,
    /// `[record]`, `[failover]`, `[catalog]`, and of `[openrouter]` `base_url`,
    /// `track_usage`, `compare_hourly` and `stops_billing_by_provider`. The old
    /// one stays in use.
    pub fn reload(&self, config: Config) -> Result<(), Failure> {
        let old = self.parts();
        check_fixed(&old.config, &config)?;
        let Configured {
            openrouter,
            lanes,
            optimizer,
        } = self.makings.configured(&config)?;
        if let Some(catalog) = old.background.catalog() {
            let specs = lanes::specs(&config);
            let set = catalog.set_lanes(specs);
            set.map_err(|error| configuration("the lanes cannot be set up", error))?;
        }
        // From here on nothing fails.
        self.makings.current.set(lanes.clone());
        let asks = self.makings.provider.is_none();
        let key = |config: &Config| config.openrouter.api_key.clone();
        if let Some(ledger) = old.background.ledger()
            && asks
            && is_compared(&config)
            && key(&old.config) != key(&config)
        {
            let hourly = Hourly::start(openrouter.clone(), ledger.clone(), old.observer.clone());
            old.background.keep_hourly(hourly);
        }
        let mut parts = Parts {
            admission: old.admission.clone(),
            catalog: old.catalog.clone(),
            optimizer,
            ledger: old.ledger.clone(),
            failover: old.failover.clone(),
            after_commit: config.failover.after_commit,
            observer: old.observer.clone(),
            provider: self.makings.provider(&lanes),
            checks: old.checks.clone(),
            settler: old.settler.clone(),
            clock: old.clock.clone(),
            background: old.background.clone(),
            lookups: Arc::new(old.lookups.with(asks.then_some(openrouter.clone()))),
            warnings: Arc::default(),
            config,
        };
        parts.warnings = parts.find_warnings().into();
        self.parts.store(Arc::new(parts));
        Ok(())
    }

    /// The configuration in use.
    pub fn config(&self) -> Config {
        self.parts.load().config.clone()
    }

    pub(crate) fn of(parts: Parts, makings: Makings) -> Self {
        Self {
            parts: Arc::new(ArcSwap::from_pointee(parts)),
            makings: Arc::new(makings),
        }
    }
}

/// Refuses what differs in tables that are only read at the start.
fn check_fixed(old: &Config, new: &Config) -> Result<(), Failure> {
    let (from, to) = (&old.openrouter, &new.openrouter);
    let differs = [
        ("ledger", old.ledger != new.ledger),
        ("budgets", old.budgets != new.budgets),
        ("record", old.record != new.record),
        ("failover", old.failover != new.failover),
        ("catalog", old.catalog != new.catalog),
        ("openrouter.base_url", from.base_url != to.base_url),
        ("openrouter.track_usage", from.track_usage != to.track_usage),
        (
            "openrouter.compare_hourly",
            from.compare_hourly != to.compare_hourly,
        ),
        (
            "openrouter.stops_billing_by_provider",
            from.stops_billing_by_provider != to.stops_billing_by_provider,
        ),
    ];
    let names = differs
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| *name);
    let names: Vec<&str> = names.collect();
    match names.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(
            FailureKind::Configuration,
            format!(
                "only a start takes over what has changed in {}",
                names.join(", ")
            ),
        )
        .with_hint("restart the gateway, or put it back; nothing was taken over")),
    }
}
