//! What a call asks for: models by name, or a policy over a list.

use tollgate_core::{
    Billing, CallProfile, CatalogView, Failure, FailureKind, ModelId, ModelIndex, OfferIndex,
    Scope, Target, TaskSource,
};

use crate::optimizer::{CostOptimizer, NamedPolicy};

/// What to make a plan of.
#[derive(Debug)]
pub(crate) enum Aim<'a> {
    /// These models in this order, whatever a policy would say.
    Named(Vec<Listed<'a>>),
    /// What the policy makes of a list, or of all the catalog.
    Ranked {
        policy: &'a NamedPolicy,
        list: Option<Vec<Listed<'a>>>,
    },
}

impl<'a> Aim<'a> {
    /// Reads the target of a call.
    ///
    /// # Errors
    /// `NotFound` for a model that the caller names and nobody has,
    /// `InvalidRequest` for a policy that was not registered, `Configuration`
    /// when a list holds nothing but unknown models.
    pub(crate) fn of(
        optimizer: &'a CostOptimizer,
        profile: &'a CallProfile,
        view: &CatalogView,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        let policy = match target(optimizer, profile, view, warnings) {
            Some(Target::Model(model)) => {
                if let Some(policy) = profile.policy.as_deref() {
                    optimizer.policy(Some(policy))?;
                    warnings.push(format!(
                        "the call names its model, so the policy {policy} chooses among its endpoints alone"
                    ));
                }
                return named(profile, model, view, warnings);
            }
            Some(Target::Policy { policy, .. }) => policy.as_deref(),
            None => None,
        };
        let policy = optimizer.policy(profile.policy.as_deref().or(policy))?;
        let ids = optimizer.config().lists.of(profile.task);
        if ids.is_empty() {
            return Ok(Self::Ranked { policy, list: None });
        }
        let list = listed(ids, view, warnings);
        if list.is_empty() {
            return Err(Failure::new(FailureKind::Configuration, "no model of the configured list is in the catalog")
                .with("list", profile.task)
                .with_hint("see `tollgate models` for the models there are, or leave the list empty to let all compete"));
        }
        Ok(Self::Ranked {
            policy,
            list: Some(list),
        })
    }
}

/// What a call is aimed at: what it names, else the configured default; `None`
/// leaves it to the configured policy. A hint of policy or task is a wish that
/// a default would ignore, and a default that the catalog lost serves nobody.
pub(crate) fn target<'a>(
    optimizer: &'a CostOptimizer,
    profile: &'a CallProfile,
    view: &CatalogView,
    warnings: &mut Vec<String>,
) -> Option<&'a Target> {
    if profile.target.is_some() {
        return profile.target.as_ref();
    }
    if profile.policy.is_some() || profile.task_source == TaskSource::Given {
        return None;
    }
    let default = optimizer.default_target.as_ref()?;
    if let Target::Model(model) = default
        && Listed::find(model, view).is_none()
    {
        warnings.push(format!(
            "default_model {model} is not in the catalog: the call is routed as tollgate/auto"
        ));
        return None;
    }
    Some(default)
}

fn named<'a>(
    profile: &'a CallProfile,
    model: &'a ModelId,
    view: &CatalogView,
    warnings: &mut Vec<String>,
) -> Result<Aim<'a>, Failure> {
    let first = Listed::find(model, view).ok_or_else(|| unknown_model(model))?;
    let mut models = Vec::with_capacity(1 + profile.fallbacks.len());
    models.push(first);
    let fallbacks = listed(&profile.fallbacks, view, warnings);
    models.extend(fallbacks.into_iter().map(|fallback| Listed {
        number: fallback.number + 1,
        ..fallback
    }));
    Ok(Aim::Named(models))
}

/// The models of a list that the catalog has; a warning for each other one.
pub(crate) fn listed<'a>(
    ids: &'a [ModelId],
    view: &CatalogView,
    warnings: &mut Vec<String>,
) -> Vec<Listed<'a>> {
    let mut found = Vec::with_capacity(ids.len());
    for (number, id) in (0_u32..).zip(ids) {
        match Listed::find(id, view) {
            Some(listed) => found.push(Listed { number, ..listed }),
            None => warnings.push(not_in_catalog(id)),
        }
    }
    found
}

/// One model of a list, found in the catalog.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    /// Its place in the list as it was written, from 0.
    pub(crate) number: u32,
    model: ModelIndex,
    suffix: Option<(&'a ModelId, &'static Suffix)>,
}

impl<'a> Listed<'a> {
    /// Finds a model by its id or canonical name, or by its base when it
    /// carries a suffix that asks for a way of routing.
    pub(crate) fn find(id: &'a ModelId, view: &CatalogView) -> Option<Self> {
        if let Some(model) = view.find(id.as_str()) {
            return Some(Self {
                number: 0,
                model,
                suffix: None,
            });
        }
        let variant = id.variant()?;
        let suffix = SUFFIXES.iter().find(|suffix| suffix.name == variant)?;
        let base = id.as_str().strip_suffix(variant)?.strip_suffix(':')?;
        let model = view.find(base)?;
        Some(Self {
            number: 0,
            model,
            suffix: Some((id, suffix)),
        })
    }

    /// The offers that serve the model as it was written.
    pub(crate) fn offers<'v>(
        self,
        view: &'v CatalogView,
    ) -> impl Iterator<Item = OfferIndex> + use<'v> {
        let everywhere = self
            .suffix
            .is_none_or(|(_, suffix)| suffix.direct == Direct::SameModel);
        view.offers_of(self.model).filter(move |offer| {
            everywhere || view.lane(view.offer(*offer).lane).billing != Billing::Direct
        })
    }

    /// The model's name on the lane of an offer: as it was written where
    /// suffixes are known, and without the suffix on direct lanes.
    pub(crate) fn upstream_id(self, offer: OfferIndex, view: &CatalogView) -> ModelId {
        let lane = view.lane(view.offer(offer).lane);
        match self.suffix {
            Some((written, _)) if lane.billing != Billing::Direct => written.clone(),
            _ => view.upstream_id(offer).clone(),
        }
    }
}

/// A suffix that OpenRouter takes on any model, though no model is listed with it.
#[derive(Debug)]
struct Suffix {
    name: &'static str,
    direct: Direct,
}

/// What a direct lane can do about a suffix that only OpenRouter knows.
#[derive(Debug, PartialEq, Eq)]
enum Direct {
    /// The suffix chooses among providers; on a direct lane there is no choice.
    SameModel,
    /// The suffix changes the answer; a direct lane cannot serve it.
    CannotServe,
}

const SUFFIXES: &[Suffix] = &[
    Suffix {
        name: "nitro",
        direct: Direct::SameModel,
    },
    Suffix {
        name: "floor",
        direct: Direct::SameModel,
    },
    Suffix {
        name: "exacto",
        direct: Direct::SameModel,
    },
    Suffix {
        name: "online",
        direct: Direct::CannotServe,
    },
    Suffix {
        name: "thinking",
        direct: Direct::CannotServe,
    },
];

impl CostOptimizer {
    /// The policy of that name, or the configured one.
    fn policy(&self, name: Option<&str>) -> Result<&NamedPolicy, Failure> {
        let name = name.unwrap_or(&self.config().policy);
        self.policies
            .iter()
            .find(|policy| &*policy.name == name)
            .ok_or_else(|| {
                let shown: String = name.chars().take(80).collect();
                Failure::new(FailureKind::InvalidRequest, "no such routing policy")
                    .with("policy", shown)
                    .with_hint(format!("policies are {}", self.policy_names()))
            })
    }

    /// The registered names, comma-separated.
    pub(crate) fn policy_names(&self) -> String {
        let names: Vec<&str> = self.policies.iter().map(|policy| &*policy.name).collect();
        names.join(", ")
    }
}

pub(crate) fn not_in_catalog(id: &ModelId) -> String {
    format!("{id} is not in the catalog")
}

fn unknown_model(model: &ModelId) -> Failure {
    Failure::new(FailureKind::NotFound, "no such model")
        .with("model", model)
        .with_hint("see `tollgate models` for the models there are, or name a virtual one such as `tollgate/auto`")
        .with_scope(Scope::None)
        .stop()
}
