//! Another configuration, all of it or none, while calls are running.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};
use tollgate_core::{Failure, FailureKind, LlmProvider};
use tollgate_ledger::{BudgetConfig, Per};
use tollgate_router::CostOptimizer;

use crate::builder::{check_budgets, configuration, is_compared, router_config};
use crate::compare::Hourly;
use crate::config::Config;
use crate::gateway::{Gateway, Parts};
use crate::judges::Judges;
use crate::keys;
use crate::lanes::{self, Begun, Current, Laid, Network};
use crate::learned;
use crate::policies::{self, ByName};

/// What parts are made of, beside a configuration: what the program brought.
pub(crate) struct Makings {
    pub(crate) network: Network,
    pub(crate) policies: ByName,
    pub(crate) judges: Judges,
    /// Sends all attempts, whatever is configured.
    pub(crate) provider: Option<Arc<dyn LlmProvider>>,
}

/// What a configuration alone decides.
pub(crate) struct Configured {
    pub(crate) laid: Arc<Laid>,
    pub(crate) optimizer: CostOptimizer,
    pub(crate) judges: Arc<Judges>,
}

/// What another configuration is taken over with.
pub(crate) struct Reloading {
    makings: Makings,
    current: Arc<Current>,
    /// One configuration at a time: of two at once, the parts of one would
    /// stand beside the lanes of the other.
    turn: Mutex<()>,
}

impl Reloading {
    /// Waits until nobody else changes the configuration or the lanes.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

impl Makings {
    /// Builds what a configuration decides, with the lanes that an earlier one
    /// has in common with it. Changes nothing yet.
    pub(crate) fn configured(
        &self,
        config: &Config,
        earlier: Option<&Laid>,
    ) -> Result<Configured, Failure> {
        let laid = Arc::new(Laid::new(config, &self.network, earlier)?);
        let policies = policies::all(config, &self.policies)?.into_iter().collect();
        let optimizer = CostOptimizer::new(router_config(config), policies)
            .map_err(|error| configuration("the routing cannot be set up", error))?;
        check_budgets(config, &optimizer)?;
        let optimizer = match learned::read(&config.learned)? {
            Some(learned) => optimizer.with_learned(learned),
            None => optimizer,
        };
        Ok(Configured {
            laid,
            optimizer,
            judges: Arc::new(Judges::of(config, &self.judges)),
        })
    }

    /// Who sends attempts.
    pub(crate) fn provider(
        &self,
        laid: &Arc<Laid>,
        current: &Arc<Current>,
    ) -> Arc<dyn LlmProvider> {
        match &self.provider {
            Some(own) => own.clone(),
            None => Arc::new(Begun {
                laid: laid.clone(),
                current: current.clone(),
            }),
        }
    }
}

impl Gateway {
    /// Takes over another configuration: all of it, or none when it does not
    /// work. Running calls go on with the one that they began with; ledger,
    /// catalog, health and limits are kept, and so are the connections and rate
    /// limits of lanes whose settings did not change. One that comes while
    /// another is taken over waits for it.
    ///
    /// What can change: `[openrouter]` but for the keys named below,
    /// `[providers]`, `[policies]`, `[budgets]`, and `[learned]`, whose
    /// file is read again. Everything else is built into
    /// what is kept. A budget that is new begins with what the ledger knows of
    /// its window; a limit that is changed counts what was spent; one that is
    /// gone refuses nobody any more, and calls that run in it are settled there.
    /// Budgets of callers' keys (`keys.NAME`) that a configuration leaves out
    /// stay in force; [`set_key_budgets`](Self::set_key_budgets) changes those.
    ///
    /// ```no_run
    /// # async fn reload(gateway: &tollgate::Gateway) -> Result<(), Box<dyn std::error::Error>> {
    /// gateway.reload(tollgate::Loader::new().with_file("tollgate.toml").load()?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Configuration`, when the configuration does not work, or when something
    /// in it differs that is only read at the start: `[ledger]`,
    /// `[record]`, `[feedback]`, `[failover]`, `[catalog]`, of `[openrouter]` `base_url`,
    /// `track_usage`, `compare_hourly` and `stops_billing_by_provider`, and the
    /// first budget per model while `failover.group_models` is on.
    /// `LedgerUnavailable`, when the ledger cannot tell what was spent of a
    /// budget that is new. The old configuration stays in use.
    ///
    /// # Cancellation
    /// Dropping the future before it has returned changes nothing.
    pub async fn reload(&self, mut config: Config) -> Result<(), Failure> {
        let _turn = self.reloading.turn().await;
        let old = self.parts();
        let kept = old
            .config
            .budgets
            .iter()
            .filter(|(name, _)| keys::is_budget(name));
        for (name, budget) in kept {
            let budgets = &mut config.budgets;
            budgets
                .entry(name.clone())
                .or_insert_with(|| budget.clone());
        }
        self.take_over(&old, config).await
    }

    /// Goes by these budgets of callers' keys, named `keys.NAME` as
    /// [`KeyBook::budgets`](tollgate_keys::KeyBook::budgets) names them, and by
    /// no others of keys; all else stays as it is. As in [`reload`](Self::reload),
    /// all of them are taken over or none.
    ///
    /// # Errors
    /// `Configuration` when one does not work; `LedgerUnavailable` as in `reload`.
    ///
    /// # Cancellation
    /// As in `reload`.
    pub async fn set_key_budgets(
        &self,
        budgets: impl IntoIterator<Item = (String, BudgetConfig)>,
    ) -> Result<(), Failure> {
        let _turn = self.reloading.turn().await;
        let old = self.parts();
        let mut config = old.config.clone();
        config.budgets.retain(|name, _| !keys::is_budget(name));
        config.budgets.extend(budgets);
        match config.budgets == old.config.budgets {
            true => Ok(()),
            false => self.take_over(&old, config).await,
        }
    }

    /// Whoever calls it has the [turn](Reloading::turn).
    async fn take_over(&self, old: &Parts, config: Config) -> Result<(), Failure> {
        let Reloading {
            makings, current, ..
        } = &*self.reloading;
        check_fixed(&old.config, &config)?;
        let earlier = current.get();
        let Configured {
            laid,
            optimizer,
            judges,
        } = makings.configured(&config, Some(&earlier))?;
        // The last thing that waits. Dropped, they leave the ledger as it is.
        let budgets = match old.background.ledger() {
            Some(ledger) => Some(ledger.open_budgets(&config.budgets).await?),
            None => None,
        };
        // Before the catalog names them, so that whoever finds a lane there can
        // use it.
        current.set(laid.clone());
        if let Some(catalog) = old.background.catalog()
            && let Err(error) = catalog.set_lanes(lanes::specs(&config, old.byok_fee.get()))
        {
            current.set(earlier);
            return Err(configuration("the lanes cannot be set up", error));
        }
        // From here on nothing fails.
        if let Some(budgets) = budgets {
            budgets.take_over(config.openrouter.optimization.max_cost_per_request);
        }
        let asks = makings.provider.is_none();
        let compared = |config: &Config| {
            let key = config.openrouter.api_key.clone();
            key.filter(|_| asks && is_compared(config))
        };
        if let Some(ledger) = old.background.ledger()
            && compared(&old.config) != compared(&config)
        {
            let start = |_| {
                let meter = laid.openrouter.clone();
                Hourly::start(meter, ledger.clone(), old.observer.clone())
            };
            old.background.keep_hourly(compared(&config).map(start));
        }
        let lookups = match laid.shares_openrouter_with(&earlier) {
            true => old.lookups.clone(),
            false => Arc::new(old.lookups.with(asks.then(|| laid.openrouter.clone()))),
        };
        let mut parts = Parts {
            admission: old.admission.clone(),
            catalog: old.catalog.clone(),
            optimizer,
            judges,
            ledger: old.ledger.clone(),
            failover: old.failover.clone(),
            after_commit: config.failover.after_commit,
            observer: old.observer.clone(),
            provider: makings.provider(&laid, current),
            checks: old.checks.clone(),
            settler: old.settler.clone(),
            clock: old.clock.clone(),
            background: old.background.clone(),
            lookups,
            feedback: old.feedback.clone(),
            learning: old.learning.clone(),
            sessions: old.sessions.clone(),
            warnings: Arc::default(),
            byok_fee: old.byok_fee.clone(),
            own_provider: old.own_provider,
            config,
        };
        parts.warnings = parts.find_warnings().into();
        self.parts.store(Arc::new(parts));
        self.watch_byok_fee();
        Ok(())
    }

    /// The configuration in use.
    pub fn config(&self) -> Config {
        self.parts.load().config.clone()
    }

    pub(crate) fn of(parts: Parts, makings: Makings, current: Arc<Current>) -> Self {
        Self {
            parts: Arc::new(ArcSwap::from_pointee(parts)),
            reloading: Arc::new(Reloading {
                makings,
                current,
                turn: Mutex::new(()),
            }),
        }
    }
}

/// Refuses what differs in tables that are only read at the start.
fn check_fixed(old: &Config, new: &Config) -> Result<(), Failure> {
    let (from, to) = (&old.openrouter, &new.openrouter);
    let differs = [
        ("ledger", old.ledger != new.ledger),
        (
            "budgets (the first one per model, beside failover.group_models)",
            new.failover.group_models && is_by_model(new) && !is_by_model(old),
        ),
        ("record", old.record != new.record),
        ("feedback", old.feedback != new.feedback),
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

/// Whether models must not travel in groups, of which nobody knows beforehand
/// which one spends.
pub(crate) fn is_by_model(config: &Config) -> bool {
    let mut budgets = config.budgets.values();
    budgets.any(|budget| budget.per == Per::Model)
}

#[cfg(test)]
mod tests;
