use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use tollgate_core::{
    AfterCommit, Call, CallProfile, CallerKeys, Catalog, CatalogView, Clock, Explanation, Failover,
    Failure, FailureKind, HealthView, LaneCheck, LaneId, Ledger, LlmProvider, Observer, Plan,
    Standing, TokenBounds,
};
use tollgate_router::CostOptimizer;

use crate::background::Background;
use crate::byok::Fee;
use crate::config::Config;
use crate::error::Error;
use crate::feedback::FeedbackBook;
use crate::judges::Judges;
use crate::lanes::roads::{self, Road};
use crate::learning::Learning;
use crate::lookups::Lookups;
use crate::order::{Admission, Order};
use crate::pending::Settler;
use crate::record::{Recorder, Recording};
use crate::reload::Reloading;
use crate::sessions::Sessions;
use crate::suggest::suggested;

/// One gateway to all models: picks, sends, fails over and accounts.
///
/// It is cheap to clone and made to be shared; every part can be swapped with
/// [`GatewayBuilder`](crate::GatewayBuilder).
#[derive(Clone)]
pub struct Gateway {
    pub(crate) parts: Arc<ArcSwap<Parts>>,
    /// What another configuration is made into parts with.
    pub(crate) reloading: Arc<Reloading>,
}

/// A gateway that tasks of its own do not keep alive.
pub(crate) struct WeakGateway(Weak<ArcSwap<Parts>>, Weak<Reloading>);

impl WeakGateway {
    pub(crate) fn upgrade(&self) -> Option<Gateway> {
        Some(Gateway {
            parts: self.0.upgrade()?,
            reloading: self.1.upgrade()?,
        })
    }
}

/// The steps of a request, each behind its trait. A call keeps those that it
/// began with, whatever is configured since.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) admission: Arc<Admission>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) optimizer: CostOptimizer,
    pub(crate) judges: Arc<Judges>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) failover: Arc<dyn Failover>,
    pub(crate) after_commit: AfterCommit,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) provider: Arc<dyn LlmProvider>,
    pub(crate) checks: Option<Arc<dyn LaneCheck>>,
    pub(crate) settler: Settler,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) background: Arc<Background>,
    pub(crate) lookups: Arc<Lookups>,
    pub(crate) feedback: Arc<FeedbackBook>,
    pub(crate) learning: Arc<Learning>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) warnings: Arc<[String]>,
    pub(crate) byok_fee: Arc<Fee>,
    /// Whether the program brought who sends.
    pub(crate) own_provider: bool,
}

impl Gateway {
    /// Explains the decision for a chat without sending anything: the same
    /// decision as [`chat`](Self::chat), with a reason for every model. When no
    /// model can serve it, the explanation has no candidates.
    ///
    /// # Errors
    /// As `chat`, for what makes a decision impossible, such as an unknown
    /// policy or model.
    pub fn plan(&self, order: impl Into<Order>) -> Result<Explanation, Error> {
        let parts = self.parts();
        let Parts {
            catalog,
            optimizer,
            ledger,
            failover,
            sessions,
            judges,
            ..
        } = &*parts;
        let call = parts.admit(order)?;
        let (view, health) = (catalog.view(), failover.health());
        let mut profile = optimizer.profile(&call)?;
        sessions.recognise(&call, &mut profile, &view);
        let profile = ledger.advise(&call, &profile)?.apply(profile);
        let mut explanation = optimizer.explain(&profile, &view, &health);
        let places = explanation.candidates.iter().map(|one| one.place);
        let unjudged = judges.warning(&explanation.policy, places);
        explanation.warnings.extend(unjudged);
        match optimizer.plan(profile, &view, &health) {
            Ok(_) => Ok(explanation),
            Err(failure) if is_about_the_models(&failure) => Ok(explanation),
            Err(failure) => Err(suggested(failure, call.request.surface(), &view).into()),
        }
    }

    /// The plan itself, for programs that walk it on their own.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn decide(&self, order: impl Into<Order>) -> Result<(Call, Plan), Error> {
        let parts = self.parts();
        let call = parts.admit(order)?;
        let (view, health) = (parts.catalog.view(), parts.failover.health());
        let mut profile = parts.optimizer.profile(&call)?;
        parts.sessions.recognise(&call, &mut profile, &view);
        let mut plan = parts.plan(&call, profile, &view, &health)?;
        parts.warn_unjudged(&mut plan);
        Ok((call, plan))
    }

    /// The tokens of a prompt, as they are estimated for routing. Asks nobody.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), for a request that cannot be read.
    pub fn prompt_tokens(&self, order: impl Into<Order>) -> Result<TokenBounds, Error> {
        let parts = self.parts();
        let call = parts.admit(order)?;
        Ok(parts.optimizer.profile(&call)?.prompt)
    }

    /// The catalog.
    pub fn catalog(&self) -> Arc<dyn Catalog> {
        self.parts.load().catalog.clone()
    }

    /// The catalog with search and refresh; `None` when the program brought its own.
    pub fn models(&self) -> Option<tollgate_catalog::ModelCatalog> {
        self.parts.load().background.catalog().cloned()
    }

    /// How recording goes in this process; `None` when it is off.
    pub fn recording(&self) -> Option<Recording> {
        let parts = self.parts.load();
        parts.background.recorder().map(Recorder::recording)
    }

    /// Health of what has carried traffic.
    pub fn health(&self) -> HealthView {
        self.parts.load().failover.health()
    }

    /// Asks the upstream of a lane whether it can be used, with at most one
    /// request that costs nothing. What it says changes nobody's health.
    ///
    /// # Errors
    /// What an attempt would fail with, such as `Auth`. `Configuration` when the
    /// lane cannot be asked, as those of a provider of the program's own.
    pub async fn check(&self, lane: &LaneId) -> Result<Standing, Failure> {
        match &self.parts().checks {
            Some(checks) => checks.check(lane).await,
            None => Err(Failure::new(
                FailureKind::Configuration,
                "a provider of the program's own is not asked whether its lanes can be used",
            )
            .with("lane", lane)),
        }
    }

    /// Waits until everything that ended is booked and stored, then stops the
    /// background tasks. Running answers are not waited for.
    pub async fn shutdown(self) {
        let parts = self.parts();
        parts.settler.flush().await;
        parts.background.shutdown().await;
    }

    /// The parts as they are configured now.
    pub(crate) fn parts(&self) -> Arc<Parts> {
        self.parts.load_full()
    }

    pub(crate) fn downgrade(&self) -> WeakGateway {
        WeakGateway(Arc::downgrade(&self.parts), Arc::downgrade(&self.reloading))
    }
}

impl Parts {
    /// The plan of a call, within what budgets leave for it.
    pub(crate) fn plan(
        &self,
        call: &Call,
        profile: CallProfile,
        view: &CatalogView,
        health: &HealthView,
    ) -> Result<Plan, Failure> {
        let advice = self.ledger.advise(call, &profile)?;
        let plan = self.optimizer.plan(advice.apply(profile), view, health);
        plan.map_err(|failure| suggested(advice.explain(failure), call.request.surface(), view))
    }

    /// Says in a plan that nobody judges a model that is on trial.
    pub(crate) fn warn_unjudged(&self, plan: &mut Plan) {
        let places = plan.candidates().map(|planned| planned.place);
        let unjudged = self.judges.warning(&plan.policy, places);
        plan.warnings.extend(unjudged);
    }

    pub(crate) fn admit(&self, order: impl Into<Order>) -> Result<Call, Failure> {
        let timeout = self.config.openrouter.timeout();
        let mut call = self.admission.admit(order.into(), timeout, &*self.clock)?;
        if !call.keys.is_empty() {
            call.keys = self.keys_of_lanes(&call.keys)?;
        }
        Ok(call)
    }

    /// A caller's keys by the lanes that take them. Header names have no case,
    /// so neither has a provider's name here.
    fn keys_of_lanes(&self, keys: &CallerKeys) -> Result<CallerKeys, Failure> {
        let taking = self.taking_keys();
        let mut found = CallerKeys::default();
        for (provider, key) in keys.iter() {
            let same = |lane: &&LaneId| lane.as_str().eq_ignore_ascii_case(provider.as_str());
            let Some(lane) = taking.iter().find(same) else {
                return Err(takes_no_keys(provider, &taking));
            };
            found = found.with(lane.clone(), key.clone());
        }
        Ok(found)
    }

    /// The lanes that a caller's key is sent on. A provider of the program's own
    /// would send its own key, and a server that needs none would look at none:
    /// both would serve for nothing.
    fn taking_keys(&self) -> Vec<LaneId> {
        if self.own_provider {
            return Vec::new();
        }
        let taken = |road: Road<'_>, said: Option<bool>| {
            let takes = said.unwrap_or(road.key.is_some());
            takes.then(|| road.lane().ok()).flatten()
        };
        let openrouter = taken(roads::first(&self.config.openrouter), None);
        let direct = self.config.providers.iter().filter_map(|(name, provider)| {
            taken(
                *roads::direct(name, provider).first()?,
                provider.takes_callers_keys,
            )
        });
        openrouter.into_iter().chain(direct).collect()
    }
}

fn takes_no_keys(provider: &LaneId, taking: &[LaneId]) -> Failure {
    let known: Vec<_> = taking.iter().map(LaneId::as_str).collect();
    Failure::new(
        FailureKind::InvalidRequest,
        "this gateway takes no keys of callers for the provider",
    )
    .with("provider", provider)
    .with_hint(match known.is_empty() {
        true => "leave the key out: there is no provider that it takes keys for".to_owned(),
        false => format!("it takes keys for: {}", known.join(", ")),
    })
}

/// Whether the explanation of each model says it all.
fn is_about_the_models(failure: &Failure) -> bool {
    matches!(
        failure.kind(),
        FailureKind::NoCandidate | FailureKind::ContextLength
    )
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}
