use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::{
    Attempt, AttemptEnd, AttemptRecord, BoxFuture, Call, CallId, CallProfile, CallerId, Cost,
    CostSource, Failure, FailureKind, GenerationId, Plan, Task, Timestamp, TokenUsage, Usd,
};

/// Keeps the money: reserves before, records during, settles after.
///
/// # Contract
/// - `hold` and `settle` never wait and do no I/O.
/// - `dispatch` returns when the attempt is recorded as durably as configured;
///   until it has, the attempt is not sent. One that is dropped before costs
///   nothing, and what it took is free when the call is settled.
/// - Every hold is settled exactly once, whatever way the call ends; what was
///   not spent is free again at that moment.
pub trait Ledger: Send + Sync {
    /// Reserves the plan's worst case.
    ///
    /// # Errors
    /// `BudgetExceeded` when a budget has no room, `LedgerUnavailable` when
    /// nothing can be recorded.
    fn hold(&self, call: &Call, plan: &Plan) -> Result<Hold, Failure>;

    /// Records that an attempt is about to be sent, after raising the hold if
    /// this attempt is dearer than what is held.
    fn dispatch<'a>(
        &'a self,
        hold: &'a mut Hold,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Takes note of the id that an upstream gave an attempt, by which its cost
    /// can be asked for even when this process does not live to see its end.
    /// Never waits. A ledger that keeps nothing needs no such note.
    fn name(&self, hold: &Hold, attempt: u32, generation: &GenerationId) {
        let _ = (hold, attempt, generation);
    }

    /// What budgets ask of a call before it is planned.
    ///
    /// # Errors
    /// `BudgetExceeded` when a budget has nothing left.
    fn advise(&self, call: &Call, profile: &CallProfile) -> Result<Advice, Failure> {
        let _ = (call, profile);
        Ok(Advice::default())
    }

    /// Ends the call: books what its attempts cost, frees the rest.
    fn settle(&self, hold: Hold, outcome: Outcome) -> Receipt;
}

/// How a call is to be planned so that budgets can bear it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Advice {
    /// The most that the call may cost: what budgets have left, when it sets no
    /// limit itself.
    pub ceiling: Option<Usd>,
    /// What it should make do with, so that others find something too.
    pub share: Option<Usd>,
    /// The budget that the ceiling comes from.
    pub budget: Option<Arc<str>>,
    /// Rank by the policy of this name, whatever the call asks for.
    pub policy: Option<Arc<str>>,
    /// Take only what costs nothing.
    pub free_only: bool,
}

impl Advice {
    /// The profile as it is to be planned.
    pub fn apply(&self, mut profile: CallProfile) -> CallProfile {
        if let Some(policy) = &self.policy {
            profile.policy = Some(policy.to_string());
        }
        if self.free_only {
            profile.prefer_free = Some(true);
        }
        let nothing = self.free_only.then_some(Usd::ZERO);
        let ceilings = [profile.ceiling, self.ceiling, nothing];
        profile.ceiling = ceilings.into_iter().flatten().min();
        profile.share = self.share.or(profile.share);
        profile
    }

    /// Says why no model was found, when that is the budget's doing.
    pub fn explain(&self, failure: Failure) -> Failure {
        let (Some(budget), Some(ceiling)) = (&self.budget, self.ceiling) else {
            return failure;
        };
        let too_dear = |(reason, _): &(&str, String)| *reason == "over_ceiling";
        if failure.kind() != FailureKind::NoCandidate || !failure.context().iter().any(too_dear) {
            return failure;
        }
        let message = format!("the budget {budget:?} leaves too little for any model that fits");
        Failure::new(FailureKind::BudgetExceeded, message)
            .with("left_for_a_call", ceiling)
            .with_hint(format!(
                "set max_tokens, raise budgets.{budget}.limit, or see what was left out with `tollgate plan`"
            ))
            .with_source(failure)
    }
}

/// Facts of a call that its receipt repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallFacts {
    /// The call.
    pub call: CallId,
    /// Who called.
    pub caller: CallerId,
    /// When the call was admitted.
    pub at: Timestamp,
    /// What the caller named as the model.
    pub requested: String,
    /// What the call was about.
    pub task: Task,
    /// The policy that ranked.
    pub policy: String,
    /// Tags that the caller gave.
    pub tags: Vec<(String, String)>,
}

impl CallFacts {
    /// The facts of a planned call.
    pub fn of(call: &Call, plan: &Plan) -> Self {
        let target = plan.profile.target.as_ref();
        Self {
            call: call.id,
            caller: call.caller.clone(),
            at: call.at,
            requested: target.map_or_else(|| "tollgate/auto".to_owned(), ToString::to_string),
            task: plan.profile.task,
            policy: plan.policy.to_string(),
            tags: call.hints.tags.clone(),
        }
    }
}

/// Money reserved for one call. It must be settled.
#[derive(Debug)]
#[must_use = "a hold blocks budget until it is settled"]
pub struct Hold {
    /// Facts of the call.
    pub facts: CallFacts,
    amount: Usd,
    kept: Usd,
    dispatched: u32,
    log: Vec<AttemptRecord>,
}

impl Hold {
    /// A hold over `amount`. Made by ledgers only.
    pub fn new(facts: CallFacts, amount: Usd) -> Self {
        Self {
            facts,
            amount,
            kept: Usd::ZERO,
            dispatched: 0,
            log: Vec::new(),
        }
    }

    /// What is reserved at the moment.
    pub fn amount(&self) -> Usd {
        self.amount
    }

    /// What must be reserved so that one more attempt of that worst case fits
    /// beside what earlier attempts may have cost.
    pub fn needed_for(&self, worst: Usd) -> Usd {
        self.kept + worst
    }

    /// Notes that the hold was raised. Called by ledgers only.
    pub fn raise_to(&mut self, amount: Usd) {
        self.amount = self.amount.max(amount);
    }

    /// Notes that one more attempt was recorded. Called by ledgers only.
    pub fn count_dispatch(&mut self) {
        self.dispatched += 1;
    }

    /// How many attempts were recorded.
    pub fn dispatched(&self) -> u32 {
        self.dispatched
    }

    /// What earlier attempts may have cost.
    pub fn kept(&self) -> Usd {
        self.kept
    }

    /// Notes what is known of an attempt so far, in place of what was known
    /// before. Called by whoever walks the plan, so that a call that is
    /// dropped in the middle still knows what it did.
    pub fn note(&mut self, record: AttemptRecord) {
        self.log.retain(|held| held.number != record.number);
        self.log.push(record);
    }

    /// Takes what is known of all attempts.
    pub fn take_log(&mut self) -> Vec<AttemptRecord> {
        std::mem::take(&mut self.log)
    }

    /// Keeps `amount` reserved for an attempt that ended and may have been
    /// billed. Called by whoever walks the plan.
    pub fn keep(&mut self, amount: Usd) {
        self.kept += amount;
    }

    /// Takes back what was [kept](Self::keep) for an attempt, once it is known
    /// better. Called by whoever walks the plan.
    pub fn let_go(&mut self, amount: Usd) {
        self.kept = (self.kept - amount).max(Usd::ZERO);
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "ended", content = "kind")]
pub enum Ended {
    /// With a complete answer.
    Complete,
    /// Without any answer.
    Failed(FailureKind),
    /// In the middle of an answer.
    Cut(FailureKind),
    /// Because the caller went away.
    Abandoned,
}

impl Ended {
    /// The name used in reports and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Failed(_) => "failed",
            Self::Cut(_) => "cut",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What happened to a call, for settling it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// All its attempts in order, complete and booked.
    pub attempts: Vec<AttemptRecord>,
    /// Milliseconds from admission to the end.
    pub took_ms: u64,
}

/// What a call did and cost: the last word to its caller.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Receipt {
    /// Facts of the call.
    #[serde(flatten)]
    pub facts: CallFacts,
    /// How it ended.
    #[serde(flatten)]
    pub ended: Ended,
    /// Milliseconds from admission to the end.
    pub took_ms: u64,
    /// What was reserved.
    pub held: Usd,
    /// All attempts in order.
    pub attempts: Vec<AttemptRecord>,
}

impl Receipt {
    /// The receipt of a settled call.
    pub fn new(hold: &Hold, outcome: Outcome) -> Self {
        Self {
            facts: hold.facts.clone(),
            ended: outcome.ended,
            took_ms: outcome.took_ms,
            held: hold.amount,
            attempts: outcome.attempts,
        }
    }

    /// What a store can tell of a call that has ended: its attempts say how, and
    /// how long it took.
    pub fn kept(facts: CallFacts, held: Usd, attempts: Vec<AttemptRecord>) -> Self {
        // What the caller saw counts before what it did not see: an answer may have been given
        // back after others had failed, or have broken off before others failed to go on with it.
        let ended = |attempt: &AttemptRecord| match &attempt.end {
            AttemptEnd::Complete => (4, Ended::Complete),
            AttemptEnd::Cut { kind, .. } => (3, Ended::Cut(*kind)),
            AttemptEnd::Abandoned | AttemptEnd::Rejected { .. } => (2, Ended::Abandoned),
            AttemptEnd::Failed { kind, .. } => (1, Ended::Failed(*kind)),
            AttemptEnd::Outrun => (0, Ended::Abandoned),
        };
        // The latest of those that count alike.
        let ended = attempts.iter().map(ended).max_by_key(|(weight, _)| *weight);
        let ended = ended.map_or(Ended::Abandoned, |(_, ended)| ended);
        let took_ms = attempts.iter().map(|one| one.started_ms + one.took_ms);
        Self {
            facts,
            ended,
            took_ms: took_ms.max().unwrap_or_default(),
            held,
            attempts,
        }
    }

    /// What all attempts cost, except what is [`unresolved`](Self::unresolved).
    /// `None` when nothing was billed.
    pub fn cost(&self) -> Option<Cost> {
        self.attempts
            .iter()
            .filter_map(|attempt| attempt.cost)
            .filter(|cost| cost.source != CostSource::WorstCase)
            .reduce(|sum, cost| sum.plus(&cost))
    }

    /// The most that attempts of unknown cost may have cost beside
    /// [`cost`](Self::cost).
    pub fn unresolved(&self) -> Usd {
        self.attempts
            .iter()
            .filter_map(|attempt| attempt.cost)
            .filter(|cost| cost.source == CostSource::WorstCase)
            .map(|cost| cost.amount())
            .sum()
    }

    /// The attempt that answered, whole or in part. After a cut further
    /// attempts may have failed; beside it another may have been slower, and
    /// before it one may have been rejected.
    pub fn served(&self) -> Option<&AttemptRecord> {
        let silent = |end: &AttemptEnd| end.gave_way() || matches!(end, AttemptEnd::Failed { .. });
        let mut latest_first = self.attempts.iter().rev();
        latest_first
            .find(|attempt| !silent(&attempt.end))
            .filter(|_| !matches!(self.ended, Ended::Failed(_)))
    }

    /// Tokens of all attempts.
    pub fn tokens(&self) -> TokenUsage {
        self.attempts
            .iter()
            .fold(TokenUsage::default(), |sum, attempt| sum + attempt.tokens)
    }

    /// How often another attempt was needed because one had failed.
    pub fn failovers(&self) -> usize {
        let beside = |attempt: &&AttemptRecord| attempt.end.gave_way();
        let beside = self.attempts.iter().filter(beside).count();
        self.attempts.len().saturating_sub(1 + beside)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = self.cost().unwrap_or(Cost::NOTHING);
        write!(
            f,
            "{} {}: ${} ({})",
            self.facts.call,
            self.ended.as_str(),
            cost.amount(),
            cost.source
        )
    }
}
