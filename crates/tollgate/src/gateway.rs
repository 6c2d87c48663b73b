use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tollgate_core::{
    AfterCommit, Call, Catalog, Clock, Explanation, Failover, Failure, FailureKind, HealthView,
    LaneCheck, LaneId, Ledger, LlmProvider, Observer, Plan, Standing, TokenBounds, Trip,
};
use tollgate_router::CostOptimizer;
use tracing::Instrument;

use crate::answer::Answer;
use crate::background::Background;
use crate::byok::Fee;
use crate::config::{Config, OPENROUTER_LANE};
use crate::error::Error;
use crate::feedback::FeedbackBook;
use crate::lookups::Lookups;
use crate::order::{Admission, Order};
use crate::pending::{Pending, Settler};
use crate::record::{Recorder, Recording};
use crate::rejoin::Onward;
use crate::reload::Reloading;
use crate::span::CallSpan;

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
    pub(crate) warnings: Arc<[String]>,
    pub(crate) byok_fee: Arc<Fee>,
}

impl Gateway {
    /// Sends a chat, or a request of any other [`Surface`](crate::Surface), and
    /// returns its answer at the commit point: when the first
    /// token is there (streamed), or the whole answer (not streamed). Until
    /// then a failing target is replaced by the next without a trace in the
    /// answer; after it, a broken answer ends with a failure, or goes on
    /// elsewhere as `failover.after_commit` says.
    ///
    /// # Errors
    /// [`Error`] with the failure, what to do about it, and the receipt of
    /// whatever was attempted.
    ///
    /// # Cancellation
    /// Dropping the future or the answer closes the upstream connection; what
    /// the call may have cost is booked by the ledger's own task.
    pub async fn chat(&self, order: impl Into<Order>) -> Result<Answer, Error> {
        let parts = self.parts();
        let Parts {
            catalog,
            optimizer,
            ledger,
            failover,
            provider,
            ..
        } = &*parts;
        let started = Instant::now();

        let span = CallSpan::open();
        let call = span.admit(|| parts.admit(order))?;
        span.admitted(&call);
        parts.note_prompt(&call);
        let (view, health) = (catalog.view(), failover.health());
        let profile = span.profile(|| optimizer.profile(&call))?;
        span.profiled(&profile);
        let mut plan = span.plan(|| {
            let advice = ledger.advise(&call, &profile)?;
            let plan = optimizer.plan(advice.apply(profile), &view, &health);
            plan.map_err(|failure| advice.explain(failure))
        })?;
        parts.explore(&call, &mut plan);
        span.planned(&plan);
        let hold = span.hold(|| ledger.hold(&call, &plan))?;

        let within = span.call();
        let mut pending = Pending::new(parts.settler.clone(), hold, span, started);
        let trip = Trip::new(&call, &plan, pending.hold(), &**ledger, &**provider);
        match failover.run(trip).instrument(within).await {
            Ok(won) => {
                let onward = Onward::new(parts.clone(), call, plan);
                Ok(Answer::new(onward, won, pending))
            }
            Err(exhausted) => Err(pending.fail(exhausted)),
        }
    }

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
            ..
        } = &*parts;
        let call = parts.admit(order)?;
        let profile = optimizer.profile(&call)?;
        let profile = ledger.advise(&call, &profile)?.apply(profile);
        let (view, health) = (catalog.view(), failover.health());
        let explanation = optimizer.explain(&profile, &view, &health);
        match optimizer.plan(profile, &view, &health) {
            Ok(_) => Ok(explanation),
            Err(failure) if is_about_the_models(&failure) => Ok(explanation),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The plan itself, for programs that walk it on their own.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn decide(&self, order: impl Into<Order>) -> Result<(Call, Plan), Error> {
        let parts = self.parts();
        let call = parts.admit(order)?;
        let profile = parts.optimizer.profile(&call)?;
        let advice = parts.ledger.advise(&call, &profile)?;
        let profile = advice.apply(profile);
        let (view, health) = (parts.catalog.view(), parts.failover.health());
        let plan = parts.optimizer.plan(profile, &view, &health);
        Ok((call, plan.map_err(|failure| advice.explain(failure))?))
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
    fn admit(&self, order: impl Into<Order>) -> Result<Call, Failure> {
        let timeout = self.config.openrouter.timeout();
        let call = self.admission.admit(order.into(), timeout, &*self.clock)?;
        for lane in call.keys.lanes() {
            self.check_key_of(lane)?;
        }
        Ok(call)
    }

    /// Refuses a caller's key for a provider that there is no lane to.
    fn check_key_of(&self, provider: &LaneId) -> Result<(), Failure> {
        let view = self.catalog.view();
        if view.lanes().iter().any(|lane| lane.id == *provider) {
            return Ok(());
        }
        let direct = self.config.providers.keys().map(String::as_str);
        let known: Vec<_> = std::iter::once(OPENROUTER_LANE).chain(direct).collect();
        Err(Failure::new(
            FailureKind::InvalidRequest,
            "the call brings a key for a provider that is not configured",
        )
        .with("provider", provider)
        .with_hint(format!("keys can be brought for: {}", known.join(", "))))
    }
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
