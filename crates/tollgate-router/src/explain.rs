//! From a decision to its explanation.

use tollgate_core::{
    CallProfile, CatalogStamp, CatalogView, Dropped, ExplainedCandidate, Explanation, Failure,
    Place, Planned, Target, Usd,
};

use crate::decide::{Decision, NO_POLICY};
use crate::optimizer::CostOptimizer;
use crate::record::Collected;

pub(crate) fn explain(
    optimizer: &CostOptimizer,
    profile: &CallProfile,
    view: &CatalogView,
    decided: Result<Decision, Failure>,
    dropped: Collected,
) -> Explanation {
    let target = profile
        .target
        .as_ref()
        .or(optimizer.default_target.as_ref());
    let decision = decided.unwrap_or_else(|failure| Decision {
        planned: Vec::new(),
        policy: asked_policy(optimizer, profile, target).into(),
        warnings: vec![in_words(&failure)],
    });
    let policy: String = (*decision.policy).into();
    let explained = |(place, planned): (usize, &Planned)| {
        explained(planned, place + 1, &policy, profile.ceiling)
    };
    Explanation {
        target: target.map_or_else(|| "tollgate/auto".into(), Target::to_string),
        candidates: decision.planned.iter().enumerate().map(explained).collect(),
        policy,
        task: profile.task,
        task_source: profile.task_source,
        prompt: profile.prompt,
        needs: profile.needs,
        ceiling: profile.ceiling,
        catalog: CatalogStamp {
            version: view.version(),
            source: view.source(),
            as_of: view.as_of(),
            models: view.models().len(),
        },
        dropped: dropped
            .0
            .into_iter()
            .map(|(offer, reason)| {
                let offer = view.offer(offer);
                Dropped {
                    model: view.model(offer.model).id.clone(),
                    lane: view.lane(offer.lane).id.clone(),
                    reason,
                }
            })
            .collect(),
        warnings: decision.warnings,
    }
}

fn asked_policy(
    optimizer: &CostOptimizer,
    profile: &CallProfile,
    target: Option<&Target>,
) -> String {
    let of_target = match target {
        Some(Target::Model(_)) => return NO_POLICY.into(),
        Some(Target::Policy { policy, .. }) => policy.as_ref(),
        None => None,
    };
    profile
        .policy
        .as_ref()
        .or(of_target)
        .unwrap_or(&optimizer.config().policy)
        .clone()
}

fn in_words(failure: &Failure) -> String {
    match failure.hint() {
        Some(hint) => format!("{failure}: {hint}"),
        None => failure.to_string(),
    }
}

fn explained(
    planned: &Planned,
    rank: usize,
    policy: &str,
    ceiling: Option<Usd>,
) -> ExplainedCandidate {
    let candidate = &planned.candidate;
    let terms: Vec<_> = planned
        .terms
        .iter()
        .copied()
        .filter(|(name, _)| !name.is_empty())
        .collect();
    let mut why = match planned.place {
        Place::Named => "named by the call".to_owned(),
        Place::Ranked => format!("choice {rank} of {policy}"),
        Place::Chain => "from the fallback chain".to_owned(),
    };
    if let Some(clamp) = candidate.clamp {
        let reason = match ceiling {
            Some(_) => "so that it stays within the limit",
            None => "as nothing else limits them",
        };
        why.push_str(&format!(", at most {clamp} output tokens {reason}"));
    }
    ExplainedCandidate {
        model: planned.model.clone(),
        lane: planned.lane.id.clone(),
        billing: planned.lane.billing,
        place: planned.place,
        expected: candidate.expected,
        worst: candidate.worst,
        clamp: candidate.clamp,
        quality: candidate.quality,
        latency_ms: candidate.latency_ms,
        latency_known: candidate.latency_known,
        score: planned.score,
        terms,
        why,
    }
}
