//! Who judges the answers of which policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_core::{AnswerJudge, CallProfile, Draft, Judgement, Place};
use tollgate_policy_cascade::Signals;

use crate::config::Config;
use crate::policies::CASCADE;

/// Judges by the name of the policy whose answers they judge, in the order in
/// which they are asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judges(BTreeMap<String, Vec<Arc<dyn AnswerJudge>>>);

impl Judges {
    /// Adds one, to be asked after those that are there.
    pub(crate) fn add(&mut self, policy: String, judge: Arc<dyn AnswerJudge>) {
        self.0.entry(policy).or_default().push(judge);
    }

    /// Those that a configuration brings, and then the program's own.
    pub(crate) fn of(config: &Config, own: &Self) -> Self {
        let mut all = Self::default();
        if let Some(cascade) = &config.policies.cascade {
            all.add(CASCADE.to_owned(), Arc::new(Signals::new(cascade)));
        }
        for (policy, judges) in &own.0 {
            for judge in judges {
                all.add(policy.clone(), judge.clone());
            }
        }
        all
    }

    /// Whether anybody judges the answers of a policy.
    pub(crate) fn has(&self, policy: &str) -> bool {
        self.0.contains_key(policy)
    }

    /// What whoever reads a plan should know where a model is on trial and nobody
    /// judges its answers.
    pub(crate) fn warning(
        &self,
        policy: &str,
        places: impl IntoIterator<Item = Place>,
    ) -> Option<String> {
        let has_trial = places.into_iter().any(|place| place == Place::OnTrial);
        (has_trial && !self.has(policy)).then(|| {
            format!(
                "the policy {policy} puts a model on trial, but nobody judges its answers: they \
                 are shown as they come; register a judge with GatewayBuilder::judge"
            )
        })
    }

    /// What they say of an answer: the first rejection, else the least score of
    /// all; nothing where nobody judges.
    pub(crate) fn judgement(
        &self,
        policy: &str,
        call: &CallProfile,
        draft: &Draft<'_>,
    ) -> Option<Judgement> {
        let mut least: Option<Judgement> = None;
        for judge in self.0.get(policy)? {
            let judgement = judge.judge(call, draft);
            if judgement.rejection().is_some() {
                return Some(judgement);
            }
            let is_least = |held: &Judgement| judgement.score() < held.score();
            if least.as_ref().is_none_or(is_least) {
                least = Some(judgement);
            }
        }
        least
    }
}
