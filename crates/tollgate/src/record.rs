//! What is kept of calls, so that they can be decided anew: the profile that
//! the decision was made from, what was chosen, and what it came to. No prompt,
//! no answer, no caller, no key.

mod config;
mod folder;
mod layer;
mod reader;
mod writer;

use serde::{Deserialize, Serialize};
use tollgate_core::{
    AttemptRecord, Billing, CallId, CallProfile, Cost, CostSource, LaneId, ModelId, Plan, Planned,
    ProviderId, Rates, Receipt, Timestamp, TokenUsage, Usd,
};

pub use self::config::RecordConfig;
pub use self::folder::{DayFile, Pruned, day_files, prune_records};
pub(crate) use self::layer::Recorded;
pub use self::reader::Records;
pub(crate) use self::writer::Recorder;
pub use self::writer::Recording;

/// How an attempt ends whose answer was on trial and would not do.
const REJECTED: &str = "rejected";

/// One settled call: one line of a day's file, in JSON.
///
/// Costs are those at the moment of settling; what is learned later is in the
/// ledger alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call.
    pub call: CallId,
    /// The policy that ranked; `named` when the caller or the configuration
    /// named the model.
    pub policy: String,
    /// All that the decision knew of the call.
    pub profile: CallProfile,
    /// What was chosen first.
    pub choice: Choice,
    /// How the call ended: `complete`, `failed`, `cut` or `abandoned`.
    pub ended: String,
    /// Milliseconds from admission to the end.
    pub took_ms: u64,
    /// All attempts in order.
    pub attempts: Vec<RecordedAttempt>,
}

/// The first candidate of a plan, with its prices at the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The model.
    pub model: ModelId,
    /// The lane.
    pub lane: LaneId,
    /// What the call was expected to cost here.
    pub expected: Usd,
    /// Expected milliseconds to a complete answer.
    pub latency_ms: u64,
    /// What the tokens would have been charged at.
    pub tariff: Option<Tariff>,
}

/// Prices that held for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tariff {
    /// The price of each class.
    pub rates: Rates,
    /// The lane's fee on top, in basis points (1/10,000).
    #[serde(default)]
    pub fee_basis_points: u32,
}

/// One attempt of a recorded call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedAttempt {
    /// The lane taken.
    pub lane: LaneId,
    /// How the lane is paid.
    pub billing: Billing,
    /// The model that was wanted; of a list, the first.
    pub planned: ModelId,
    /// The model that answered, by the upstream's name, as far as known.
    pub served: Option<ModelId>,
    /// The provider that answered, as far as known.
    pub provider: Option<ProviderId>,
    /// How it ended: `complete`, `failed`, `cut`, `abandoned`, `outrun`
    /// or `rejected`.
    pub end: String,
    /// Milliseconds from the attempt's start to its first token.
    pub first_token_ms: Option<u64>,
    /// Milliseconds from the attempt's start to its end.
    pub took_ms: u64,
    /// What it used.
    pub tokens: TokenUsage,
    /// What it cost; absent when nothing was billed.
    pub cost: Option<Cost>,
    /// The published prices of the candidate that it was sent to.
    pub tariff: Option<Tariff>,
}

impl CallRecord {
    /// The record of a call that was planned like that and came to that.
    pub fn new(plan: &Plan, receipt: &Receipt) -> Self {
        let prompt = receipt.served().map(|served| served.tokens.prompt_total());
        let prompt = prompt.filter(|tokens| *tokens > 0);
        let prompt = prompt.unwrap_or(plan.profile.prompt.likely);
        let first = plan.first();
        let at = plan.profile.at;
        Self {
            call: receipt.facts.call,
            policy: plan.policy.to_string(),
            profile: CallProfile::clone(&plan.profile),
            choice: Choice {
                model: first.model.clone(),
                lane: first.lane.id.clone(),
                expected: first.candidate.expected,
                latency_ms: first.candidate.latency_ms as u64,
                tariff: Tariff::of(first, prompt, at),
            },
            ended: receipt.ended.as_str().to_owned(),
            took_ms: receipt.took_ms,
            attempts: receipt
                .attempts
                .iter()
                .map(|attempt| RecordedAttempt::new(plan, attempt))
                .collect(),
        }
    }

    /// When the call was admitted.
    pub fn at(&self) -> Timestamp {
        self.profile.at
    }

    /// The attempt that answered, whole or in part, if its cost is known.
    pub fn served(&self) -> Option<&RecordedAttempt> {
        const SILENT: [&str; 3] = ["failed", "outrun", REJECTED];
        let silent = |attempt: &RecordedAttempt| SILENT.contains(&attempt.end.as_str());
        let mut latest_first = self.attempts.iter().rev();
        latest_first
            .find(|attempt| !silent(attempt))
            .filter(|attempt| attempt.known_cost().is_some() && self.ended != "failed")
    }

    /// What all attempts cost, except what is unresolved.
    pub fn cost(&self) -> Usd {
        let costs = self.attempts.iter().filter_map(RecordedAttempt::known_cost);
        costs.sum()
    }

    /// What of that was for answers on trial that were rejected.
    pub(crate) fn rejected_cost(&self) -> Usd {
        let rejected = self.attempts.iter().filter(|one| one.is_rejected());
        rejected.filter_map(RecordedAttempt::known_cost).sum()
    }

    /// The first attempt after an answer on trial that was rejected; `None`
    /// where none was.
    pub(crate) fn after_trial(&self) -> Option<&RecordedAttempt> {
        let mut attempts = self.attempts.iter();
        attempts.find(|attempt| attempt.is_rejected())?;
        attempts.find(|attempt| !attempt.is_rejected())
    }
}

impl RecordedAttempt {
    fn new(plan: &Plan, attempt: &AttemptRecord) -> Self {
        let on_lane = || plan.candidates().filter(|one| one.lane.id == attempt.lane);
        let answering = attempt.model();
        let planned = on_lane()
            .find(|one| one.model == *answering || one.upstream_id == *answering)
            .or_else(|| on_lane().find(|one| one.model == attempt.requested));
        let prompt = attempt.tokens.prompt_total();
        Self {
            lane: attempt.lane.clone(),
            billing: attempt.billing,
            planned: attempt.requested.clone(),
            served: attempt.served.model.clone(),
            provider: attempt.provider().cloned(),
            end: attempt.end.columns().0.to_owned(),
            first_token_ms: attempt.first_token_ms,
            took_ms: attempt.took_ms,
            tokens: attempt.tokens,
            cost: attempt.cost,
            tariff: planned.and_then(|planned| Tariff::of(planned, prompt, plan.profile.at)),
        }
    }

    fn is_rejected(&self) -> bool {
        self.end == REJECTED
    }

    /// What it cost, unless that is unknown and booked at worst case.
    pub fn known_cost(&self) -> Option<Usd> {
        let cost = self.cost?;
        (cost.source != CostSource::WorstCase).then(|| cost.amount())
    }
}

impl Tariff {
    /// The prices of a candidate for a prompt of that many tokens.
    pub(crate) fn of(planned: &Planned, prompt: u64, at: Timestamp) -> Option<Self> {
        Some(Self {
            rates: planned.rates(prompt, at)?,
            fee_basis_points: planned.lane.fee_basis_points,
        })
    }

    /// What that use costs, fee included.
    pub fn price(&self, tokens: &TokenUsage) -> Usd {
        let mut tally = self.rates.tally(tokens);
        tally.add_basis_points(self.fee_basis_points);
        tally.half_even()
    }
}
