//! From a decision to its explanation.

use tollgate_core::{
    CallProfile, CatalogStamp, CatalogView, Dropped, ExplainedCandidate, Explanation, Failure,
    OutputSource, Planned, Target,
};

use crate::aim;
use crate::decide::{Decision, NO_POLICY};
use crate::learned;
use crate::optimizer::CostOptimizer;
use crate::record::{Collected, Standing};
use crate::why;

pub(crate) fn explain(
    optimizer: &CostOptimizer,
    profile: &CallProfile,
    view: &CatalogView,
    decided: Result<Decision, Failure>,
    heard: Collected,
) -> Explanation {
    // Its warning is among those of the decision.
    let target = aim::target(optimizer, profile, view, &mut Vec::new());
    let decision = decided.unwrap_or_else(|failure| Decision {
        planned: Vec::new(),
        policy: asked_policy(optimizer, profile, target).into(),
        warnings: vec![in_words(&failure)],
        verdict: None,
    });
    let Collected {
        standings,
        mut dropped,
    } = heard;
    dropped.sort_by_key(|(offer, _)| *offer);
    let candidates = decision.planned.iter().zip(standings);
    Explanation {
        target: target.map_or_else(|| "tollgate/auto".into(), Target::to_string),
        candidates: candidates
            .map(|(planned, standing)| explained(profile, view, planned, standing))
            .collect(),
        policy: (*decision.policy).into(),
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
        look: optimizer
            .learned()
            .and_then(|learned| learned::look(learned, profile, view, decision.verdict)),
        dropped: dropped
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
    profile: &CallProfile,
    view: &CatalogView,
    planned: &Planned,
    standing: Standing,
) -> ExplainedCandidate {
    let candidate = &planned.candidate;
    let terms = planned.terms.iter().copied();
    ExplainedCandidate {
        model: planned.model.clone(),
        lane: planned.lane.id.clone(),
        billing: planned.lane.billing,
        place: planned.place,
        expected: candidate.expected,
        worst: candidate.worst,
        clamp: candidate.clamp,
        output_tokens: candidate.output_tokens,
        output_source: match view.outlooks(profile.task)[candidate.offer.0 as usize].answer_tokens {
            0 => OutputSource::Prior,
            _ => OutputSource::Usage,
        },
        quality: candidate.quality,
        latency_ms: candidate.latency_ms,
        latency_known: candidate.latency_known,
        score: planned.score,
        terms: terms.filter(|(name, _)| !name.is_empty()).collect(),
        endpoints: planned.endpoints.clone(),
        why: why::why(profile, planned, standing),
    }
}
