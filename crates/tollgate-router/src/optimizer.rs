use std::cell::Cell;
use std::sync::Arc;

use tollgate_core::{
    Call, CallProfile, Candidate, CatalogView, DropCounts, Explanation, Failure, FailureKind,
    HealthView, ModelId, Plan, Ranking, RoutingPolicy, Target,
};

use crate::aim::Listed;
use crate::decide::{self, Decision, Scratch};
use crate::record::{Collected, Recorder};
use crate::{RouterConfig, RouterError, endpoints, explain, profile};
use tollgate_router_learned::Learned;

/// Profiles calls and plans which models serve them.
///
/// Pure: the same configuration, profile, catalog view and health view give
/// the same plan, on any machine and at any time. Cheap to share; nothing in
/// it changes. See the crate's documentation for an example.
#[derive(Debug, Clone)]
pub struct CostOptimizer {
    config: RouterConfig,
    pub(crate) default_target: Option<Target>,
    pub(crate) policies: Vec<NamedPolicy>,
    learned: Option<Arc<Learned>>,
}

/// A policy under the name by which calls and configuration choose it.
#[derive(Debug, Clone)]
pub(crate) struct NamedPolicy {
    pub(crate) name: Arc<str>,
    pub(crate) policy: Arc<dyn RoutingPolicy>,
}

thread_local! {
    /// Candidates of the last plan of this thread, so that planning allocates
    /// nothing that grows with the catalog.
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl CostOptimizer {
    /// An optimizer with these policies, each under its name.
    ///
    /// # Errors
    /// [`RouterError`] when the configured policy is none of them, two have the
    /// same name, or a figure of the configuration is out of range.
    pub fn new(
        config: RouterConfig,
        policies: Vec<(String, Arc<dyn RoutingPolicy>)>,
    ) -> Result<Self, RouterError> {
        config.check()?;
        let default_target = match &config.default_model {
            Some(model) => Some(model.as_str().parse()?),
            None => None,
        };
        let mut named: Vec<NamedPolicy> = Vec::with_capacity(policies.len());
        for (name, policy) in policies {
            if named.iter().any(|held| *held.name == *name) {
                return Err(RouterError::DuplicatePolicy(name));
            }
            named.push(NamedPolicy {
                name: name.into(),
                policy,
            });
        }
        let optimizer = Self {
            config,
            default_target,
            policies: named,
            learned: None,
        };
        let name = &optimizer.config.policy;
        if optimizer
            .policies
            .iter()
            .any(|policy| *policy.name == **name)
        {
            return Ok(optimizer);
        }
        Err(RouterError::UnknownPolicy {
            name: name.clone(),
            known: optimizer.policy_names(),
        })
    }

    /// Adds a policy; one of the same name is replaced.
    #[must_use]
    pub fn with_policy(mut self, name: impl Into<String>, policy: Arc<dyn RoutingPolicy>) -> Self {
        let name: Arc<str> = name.into().into();
        self.policies.retain(|held| held.name != name);
        self.policies.push(NamedPolicy { name, policy });
        self
    }

    /// Looks at prompts with a learned router: policies then rank by what it
    /// expects of the models on the very prompt, wherever its guard allows it.
    #[must_use]
    pub fn with_learned(mut self, learned: Arc<Learned>) -> Self {
        self.learned = Some(learned);
        self
    }

    /// The learned router that looks at prompts.
    pub fn learned(&self) -> Option<&Learned> {
        self.learned.as_deref()
    }

    /// Whether the prompt of a profile was read by the learned router in use;
    /// also where there is none and none has read it. A profile that another one
    /// has read is decided without a look at the prompt.
    pub fn has_looked(&self, profile: &CallProfile) -> bool {
        self.learned().map(Learned::id) == profile.reading.as_ref().map(|reading| reading.by)
    }

    /// How a policy ranks these candidates, which are taken to be possible, as
    /// those of a plan are; `None` when there is no policy of that name.
    pub fn rank(
        &self,
        policy: &str,
        profile: &CallProfile,
        candidates: &[Candidate],
    ) -> Option<Ranking> {
        let mut policies = self.policies.iter();
        let named = policies.find(|named| *named.name == *policy)?;
        Some(named.policy.rank(profile, candidates))
    }

    /// The configuration.
    pub fn config(&self) -> &RouterConfig {
        &self.config
    }

    /// The names by which policies can be chosen, in the order of registration.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|policy| &*policy.name)
    }

    /// The configured models that the catalog does not have, each once, for a
    /// warning when configuration or catalog change.
    pub fn unknown_models(&self, view: &CatalogView) -> Vec<ModelId> {
        let default_model = match &self.default_target {
            Some(Target::Model(model)) => Some(model),
            _ => None,
        };
        let lists = &self.config.lists;
        let ids = default_model
            .into_iter()
            .chain(&lists.chat)
            .chain(&lists.code)
            .chain(&lists.reasoning);
        let ids = ids.chain(&self.config.fallback_chain);
        let mut unknown: Vec<ModelId> = ids
            .filter(|id| Listed::find(id, view).is_none())
            .cloned()
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    /// What routing needs to know of a call: its task, the bounds of its
    /// prompt in tokens, what it needs. Reads the request in one pass and
    /// copies none of its text. A learned router reads at most 4 KB of it and
    /// keeps numbers alone.
    ///
    /// # Errors
    /// `InvalidRequest` when the messages cannot be read or the model name is
    /// no name.
    pub fn profile(&self, call: &Call) -> Result<CallProfile, Failure> {
        profile::profile(&self.config, self.learned(), call)
    }

    /// Which models serve a call, in which order.
    ///
    /// # Errors
    /// `NotFound` when the caller names an unknown model, `InvalidRequest` for
    /// an unknown policy, `Configuration` when a configured list holds nothing
    /// that the catalog has, `ContextLength` or `NoCandidate` when nothing can
    /// serve the call; the hint says what would have to change.
    pub fn plan(
        &self,
        profile: CallProfile,
        view: &CatalogView,
        health: &HealthView,
    ) -> Result<Plan, Failure> {
        let (decided, dropped) = self.decided::<DropCounts>(&profile, view, health);
        let Decision {
            planned,
            policy,
            warnings,
            ..
        } = decided?;
        let plan = Plan::new(planned, policy, Arc::new(profile), view.version());
        let mut plan = plan
            .ok_or_else(|| Failure::new(FailureKind::Internal, "a decision without candidates"))?;
        plan.dropped = dropped;
        plan.warnings = warnings;
        Ok(plan)
    }

    /// The same decision in words and figures, with every offer that was left
    /// out. Where [`CostOptimizer::plan`] fails, the explanation has no
    /// candidates and ends its warnings with the failure.
    pub fn explain(
        &self,
        profile: &CallProfile,
        view: &CatalogView,
        health: &HealthView,
    ) -> Explanation {
        let (decided, dropped) = self.decided::<Collected>(profile, view, health);
        explain::explain(self, profile, view, decided, dropped)
    }

    /// Which models, then which of their endpoints.
    fn decided<R: Recorder + Default>(
        &self,
        profile: &CallProfile,
        view: &CatalogView,
        health: &HealthView,
    ) -> (Result<Decision, Failure>, R) {
        let (mut decided, recorder) =
            with_scratch(|scratch| decide::decide(self, profile, view, health, scratch));
        if let Ok(decision) = &mut decided {
            endpoints::prefer(self, profile, view, decision);
        }
        (decided, recorder)
    }
}

/// Lends the thread's scratch. It is taken out while in use, so that a policy
/// that plans within a plan finds an empty one rather than a lock.
fn with_scratch<T>(plan: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let result = plan(&mut scratch);
    SCRATCH.set(Some(scratch));
    result
}
