//! Recorded calls under another policy, by the same decision function that
//! served them.

mod report;

use std::sync::Arc;

use tollgate_core::{
    CallProfile, CatalogView, Failure, FailureKind, HealthView, LaneId, ModelId, Place, Plan,
    Planned, Target, TokenUsage, Usd,
};
use tollgate_router::{CostOptimizer, NO_POLICY};

use self::report::Tally;
pub use self::report::{Difference, Move, ReplayReport, Route, Shift, Sums, Unserved};
use crate::gateway::Gateway;
use crate::record::{CallRecord, RecordedAttempt, Tariff};

/// Decides recorded calls anew, under another policy and with today's catalog.
///
/// Every target counts as healthy, and no attempt fails. The tokens are those
/// that were used: another model is assumed to read and to write as many, and
/// to find as many in its cache. What failed attempts cost beside the answer is
/// assumed to stay; what an answer cost that was on trial and rejected is not, as
/// the policy had put it there.
///
/// Calls that named their model are not moved by a policy, as they were not
/// when they were made, unless [`with_named`](Self::with_named) says so.
#[derive(Debug)]
pub struct Replay {
    optimizer: CostOptimizer,
    view: Arc<CatalogView>,
    healthy: HealthView,
    policy: String,
    moves_named: bool,
    tally: Tally,
}

/// What became of one call.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It can be compared.
    Compared(Box<Compared>),
    /// The policy finds nothing that could serve it; why, in words.
    Unserved(String),
    /// It got no answer, or one of unknown cost.
    Unanswered,
}

/// One call before and after. The difference in money is the sum of three
/// parts; see [`Difference`].
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// From what was chosen first to what is chosen first now.
    pub route: Route,
    /// What the call cost, failed and rejected attempts included.
    pub actual: Usd,
    /// What it would cost, failed attempts included.
    pub replayed: Usd,
    /// Where the difference comes from.
    pub difference: Difference,
    /// Whether today's catalog does not have the old choice.
    pub retired: bool,
    /// Quality of the old and of the new choice, where both have been measured.
    /// Here and below, the old choice of a call whose first answer was on trial
    /// and rejected is who was asked next.
    pub quality: Option<[f32; 2]>,
    /// Expected milliseconds to a complete answer, at the old and at the new
    /// choice, where today's catalog has published speeds of both.
    pub latency_ms: Option<[f32; 2]>,
}

impl Gateway {
    /// Starts a replay under a policy, with the catalog as it is now.
    ///
    /// # Errors
    /// `InvalidRequest` when there is no such policy.
    ///
    /// ```no_run
    /// # fn replay(gateway: tollgate::Gateway) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut replay = gateway.replay("cheapest")?;
    /// for record in tollgate::Records::open("records".as_ref(), None, None)? {
    ///     replay.add(&record?);
    /// }
    /// let report = replay.report();
    /// println!("${} instead of ${}", report.compared.replayed, report.compared.actual);
    /// # Ok(()) }
    /// ```
    pub fn replay(&self, policy: &str) -> Result<Replay, Failure> {
        let names = self.policies();
        if names.iter().all(|name| name != policy) {
            return Err(
                Failure::new(FailureKind::InvalidRequest, "no such routing policy")
                    .with("policy", policy)
                    .with_hint(format!("policies are {}", names.join(", "))),
            );
        }
        let view = self.catalog().view();
        Ok(Replay {
            optimizer: self.parts().optimizer.clone(),
            tally: Tally::new(policy, &view),
            view,
            healthy: HealthView::default(),
            policy: policy.to_owned(),
            moves_named: false,
        })
    }
}

impl Replay {
    /// Lets the policy also choose for calls that named their model.
    #[must_use]
    pub fn with_named(mut self) -> Self {
        self.moves_named = true;
        self
    }

    /// Decides one call anew.
    pub fn add(&mut self, record: &CallRecord) -> Verdict {
        let verdict = match record.served() {
            Some(served) => self.decide(record, served),
            None => Verdict::Unanswered,
        };
        let is_named = record.policy == NO_POLICY;
        self.tally.add(record, &verdict, is_named);
        if (!is_named || self.moves_named) && !self.optimizer.has_looked(&record.profile) {
            self.tally.add_unlooked();
        }
        verdict
    }

    /// What all calls together come to.
    pub fn report(self) -> ReplayReport {
        self.tally.finish()
    }

    fn decide(&self, record: &CallRecord, served: &RecordedAttempt) -> Verdict {
        let profile = self.profile(record);
        let plan = match self.optimizer.plan(profile, &self.view, &self.healthy) {
            Ok(plan) => plan,
            Err(failure) => return Verdict::Unserved(reason(&failure)),
        };
        if plan.first().place == Place::OnTrial {
            let why = "what a judge says of an answer is known when it is there";
            return Verdict::Unserved(why.to_owned());
        }
        match self.compare(record, served, &plan) {
            Some(compared) => Verdict::Compared(Box::new(compared)),
            None => Verdict::Unserved("the chosen model has no published price".to_owned()),
        }
    }

    /// The profile as it would have been, had the policy been asked for.
    fn profile(&self, record: &CallRecord) -> CallProfile {
        let mut profile = record.profile.clone();
        if record.policy == NO_POLICY {
            if !self.moves_named {
                return profile;
            }
            profile.target = Some(Target::Policy {
                policy: None,
                task: None,
            });
        }
        // Goes before the policy in the name of a virtual model.
        profile.policy = Some(self.policy.clone());
        profile
    }

    fn compare(
        &self,
        record: &CallRecord,
        served: &RecordedAttempt,
        plan: &Plan,
    ) -> Option<Compared> {
        let CallRecord { choice, .. } = record;
        let old = Old::of(record);
        let (tokens, first) = (&served.tokens, plan.first());
        let paid = served.known_cost()?;
        let tariff = Tariff::of(first, tokens.prompt_total(), record.at())?;
        let replayed = tariff.price(tokens);

        // From what was paid to what would be paid, step by step.
        let then = old.tariff.map_or(paid, |tariff| tariff.price(tokens));
        let now = self.price_now(&old, tokens, record);
        let today = now.unwrap_or(then);
        let rejected = record.rejected_cost();
        Some(Compared {
            route: Route {
                from: choice.model.clone(),
                from_lane: choice.lane.clone(),
                to: first.model.clone(),
                to_lane: first.lane.id.clone(),
            },
            actual: record.cost(),
            replayed: record.cost() - rejected - paid + replayed,
            difference: Difference {
                serving: then - paid,
                prices: today - then,
                choice: replayed - today - rejected,
            },
            retired: now.is_none(),
            quality: self.quality(&old, plan),
            latency_ms: self.latency_ms(record, &old, plan),
        })
    }

    /// What the old choice costs by today's prices; `None` when it is gone.
    fn price_now(&self, old: &Old<'_>, tokens: &TokenUsage, record: &CallRecord) -> Option<Usd> {
        let model = self.view.find(old.model.as_str())?;
        let mut offers = self.view.offers_of(model);
        let offer =
            offers.find(|offer| self.view.lane(self.view.offer(*offer).lane).id == *old.lane)?;
        let pricing = self.view.pricing(offer);
        let tariff = Tariff {
            rates: pricing.at(tokens.prompt_total(), record.at()).ok()?,
            fee_basis_points: self.view.lane(self.view.offer(offer).lane).fee_basis_points,
        };
        Some(tariff.price(tokens))
    }

    /// The old choice is expected anew, since what was expected then rested on
    /// what had been measured by then.
    fn latency_ms(&self, record: &CallRecord, old: &Old<'_>, plan: &Plan) -> Option<[f32; 2]> {
        let &Old { model, lane, .. } = old;
        let known = |one: &Planned| {
            let candidate = one.candidate;
            candidate.latency_known.then_some(candidate.latency_ms)
        };
        let is_old = |one: &&Planned| one.model == *model && one.lane.id == *lane;
        let new = known(plan.first())?;
        if let Some(old) = plan.candidates().find(is_old) {
            return Some([known(old)?, new]);
        }
        let mut profile = record.profile.clone();
        profile.target = Some(Target::Model(model.clone()));
        let again = self.optimizer.plan(profile, &self.view, &self.healthy);
        let again = again.ok()?;
        Some([known(again.candidates().find(is_old)?)?, new])
    }

    fn quality(&self, old: &Old<'_>, plan: &Plan) -> Option<[f32; 2]> {
        let task = plan.profile.task.index();
        let old = self.view.model(self.view.find(old.model.as_str())?).quality[task];
        // The catalog's for both: what is expected on the very prompt is not
        // known of the old choice.
        let new =
            self.view.outlooks(plan.profile.task)[plan.first().candidate.offer.0 as usize].quality;
        let known = |quality: tollgate_core::Quality| {
            let is_guess = quality.source == tollgate_core::QualitySource::Prior;
            (!is_guess).then_some(quality.mean)
        };
        Some([known(old)?, known(new)?])
    }
}

/// Who was to answer, and at which prices: the first choice, or who was asked
/// next where that was on trial and rejected. That is no failing over: the policy
/// meant it so.
struct Old<'a> {
    model: &'a ModelId,
    lane: &'a LaneId,
    tariff: Option<Tariff>,
}

impl<'a> Old<'a> {
    fn of(record: &'a CallRecord) -> Self {
        match record.after_trial() {
            Some(next) => Self {
                model: &next.planned,
                lane: &next.lane,
                tariff: next.tariff,
            },
            None => Self {
                model: &record.choice.model,
                lane: &record.choice.lane,
                tariff: record.choice.tariff,
            },
        }
    }
}

/// Without the figures of one call, so that like reasons are counted together.
fn reason(failure: &Failure) -> String {
    let details: Vec<_> = failure.context().iter().map(|(name, _)| *name).collect();
    match details.is_empty() {
        true => failure.message().to_owned(),
        false => format!("{} ({})", failure.message(), details.join(", ")),
    }
}
