use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::{
    Billing, CallProfile, Candidate, Capabilities, CatalogSource, EndpointChoice, Lane, LaneId,
    LearnedId, ModelId, Pricing, Quality, Quote, Rates, Task, TaskSource, Terms, Timestamp,
    TokenBounds, Usd,
};

/// Why a model was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
#[non_exhaustive]
pub enum DropReason {
    /// The caller or the configuration asked for other models.
    NotInList,
    /// It cannot do what the call needs.
    CannotDo {
        /// What is missing.
        missing: Capabilities,
    },
    /// The prompt, with room for an answer, does not fit.
    ContextTooSmall {
        /// Tokens that are needed.
        needed: u64,
        /// Tokens that the window holds.
        window: u64,
    },
    /// The caller wants more output than the model gives.
    OutputTooShort {
        /// Tokens that were asked for.
        wanted: u64,
        /// Tokens that the model gives at most.
        limit: u64,
    },
    /// There is no price to promise anything by.
    PriceUnknown,
    /// Even a short answer can cost more than the call may.
    OverCeiling {
        /// Most that the call can cost here.
        worst: Usd,
        /// Most that the call may cost.
        ceiling: Usd,
    },
    /// The model is gone.
    Expired,
    /// It is usable through a batch interface only.
    BatchOnly,
    /// It is another name of a model that competes under its own id.
    Alias,
    /// It picks a model itself.
    Router,
    /// It does not answer with text.
    NotChat,
    /// It is free, and free models were not asked for.
    FreeTier,
    /// Its expected answer takes too long.
    TooSlow {
        /// Expected milliseconds.
        expected_ms: u64,
        /// Acceptable milliseconds.
        limit_ms: u64,
    },
    /// The breaker of the model or of its lane is open.
    BreakerOpen,
    /// The call brings keys of its own, and none for this lane.
    NoKeyOfCaller,
}

impl DropReason {
    /// How many kinds of reasons there are; reasons index arrays of this length.
    pub const COUNT: usize = 15;

    /// The kind's place in arrays.
    pub const fn index(self) -> usize {
        match self {
            Self::NotInList => 0,
            Self::CannotDo { .. } => 1,
            Self::ContextTooSmall { .. } => 2,
            Self::OutputTooShort { .. } => 3,
            Self::PriceUnknown => 4,
            Self::OverCeiling { .. } => 5,
            Self::Expired => 6,
            Self::BatchOnly => 7,
            Self::Alias => 8,
            Self::Router => 9,
            Self::NotChat => 10,
            Self::FreeTier => 11,
            Self::TooSlow { .. } => 12,
            Self::BreakerOpen => 13,
            Self::NoKeyOfCaller => 14,
        }
    }

    /// The kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotInList => "not_in_list",
            Self::CannotDo { .. } => "cannot_do",
            Self::ContextTooSmall { .. } => "context_too_small",
            Self::OutputTooShort { .. } => "output_too_short",
            Self::PriceUnknown => "price_unknown",
            Self::OverCeiling { .. } => "over_ceiling",
            Self::Expired => "expired",
            Self::BatchOnly => "batch_only",
            Self::Alias => "alias",
            Self::Router => "router",
            Self::NotChat => "not_chat",
            Self::FreeTier => "free_tier",
            Self::TooSlow { .. } => "too_slow",
            Self::BreakerOpen => "breaker_open",
            Self::NoKeyOfCaller => "no_key_of_caller",
        }
    }
}

impl std::fmt::Display for DropReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotInList => f.write_str("not in the list"),
            Self::CannotDo { missing } => write!(f, "cannot do: {missing}"),
            Self::ContextTooSmall { needed, window } => {
                write!(f, "needs {needed} tokens, the window holds {window}")
            }
            Self::OutputTooShort { wanted, limit } => {
                write!(f, "{wanted} output tokens wanted, it gives {limit}")
            }
            Self::PriceUnknown => f.write_str("no reliable price"),
            Self::OverCeiling { worst, ceiling } => {
                write!(f, "could cost ${worst}, the ceiling is ${ceiling}")
            }
            Self::Expired => f.write_str("expired"),
            Self::BatchOnly => f.write_str("batch interface only"),
            Self::Alias => f.write_str("another name of a model that competes itself"),
            Self::Router => f.write_str("picks a model itself"),
            Self::NotChat => f.write_str("does not answer with text"),
            Self::FreeTier => f.write_str("free tier, not asked for"),
            Self::TooSlow {
                expected_ms,
                limit_ms,
            } => {
                write!(
                    f,
                    "expected to take {expected_ms} ms, the limit is {limit_ms} ms"
                )
            }
            Self::BreakerOpen => f.write_str("out of service for the moment"),
            Self::NoKeyOfCaller => f.write_str("the call brings keys, but none for it"),
        }
    }
}

/// How many were left out, by kind of reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DropCounts([u32; DropReason::COUNT]);

impl DropCounts {
    /// Counts one more.
    pub fn count(&mut self, reason: DropReason) {
        self.0[reason.index()] += 1;
    }

    /// Takes one back.
    pub fn uncount(&mut self, reason: DropReason) {
        let count = &mut self.0[reason.index()];
        *count = count.saturating_sub(1);
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(other.0) {
            *ours += theirs;
        }
    }

    /// How many were left out for reasons of that kind.
    pub fn of(&self, reason: DropReason) -> u32 {
        self.0[reason.index()]
    }

    /// How many were left out in all.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}

/// Why a candidate stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The caller named it.
    Named,
    /// The policy ranked it.
    Ranked,
    /// The policy ranked it lower, and it was put first to learn how good it is.
    Explored,
    /// The policy put it before its choice, to see whether its answer will do:
    /// that is judged before anybody is shown it.
    OnTrial,
    /// The fallback chain lists it.
    Chain,
    /// The policy ranked it lower than all that fits into the plan, and it is its
    /// choice on a host that nothing else of the plan is on.
    OtherHost,
    /// It is out of service for the moment, and stands behind everything else.
    LastResort,
}

/// One candidate of a plan, with everything that later steps need, so that
/// they never look into the catalog again.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The figures that it was ranked by.
    pub candidate: Candidate,
    /// The model.
    pub model: ModelId,
    /// The model's name on the lane.
    pub upstream_id: ModelId,
    /// The lane, shared with the view it came from.
    pub lane: Arc<Lane>,
    /// Full prices, for the cost of whatever usage is reported.
    pub pricing: Pricing,
    /// The most that the call costs here, by the length of its answers; the
    /// candidate's `worst` is this at the output limit.
    pub quote: Quote,
    /// Whether the model usually thinks before it answers, so that silence at
    /// first is no sign of trouble.
    pub reasons: bool,
    /// Tokens that the model's window holds, prompt and answer together.
    pub window: u64,
    /// What is asked of the lane's choice among the model's hosts; `None` where
    /// it has no such choice, or nothing is to be asked.
    pub endpoints: Option<EndpointChoice>,
    /// Why it stands here.
    pub place: Place,
    /// The policy's score; 0 when not ranked.
    pub score: f64,
    /// What the score was made of.
    pub terms: Terms,
}

impl Planned {
    /// The prices that hold for a request with that many prompt tokens.
    pub fn rates(&self, prompt_tokens: u64, at: Timestamp) -> Option<Rates> {
        self.pricing.at(prompt_tokens, at).ok()
    }
}

/// Which models serve a call, in which order. Never empty, and everything in
/// it is possible and within the ceiling.
#[derive(Debug, Clone)]
pub struct Plan {
    // At least one.
    candidates: Vec<Planned>,
    /// Name of the policy that ranked.
    pub policy: Arc<str>,
    /// The profile that was planned for.
    pub profile: Arc<CallProfile>,
    /// Number of the catalog view.
    pub catalog_version: u64,
    /// How many offers were left out, by reason.
    pub dropped: DropCounts,
    /// Things the caller should know, such as a retired model in a list.
    pub warnings: Vec<String>,
}

impl Plan {
    /// A plan over candidates, best first; `None` without any.
    pub fn new(
        candidates: Vec<Planned>,
        policy: Arc<str>,
        profile: Arc<CallProfile>,
        catalog_version: u64,
    ) -> Option<Self> {
        (!candidates.is_empty()).then(|| Self {
            candidates,
            policy,
            profile,
            catalog_version,
            dropped: DropCounts::default(),
            warnings: Vec::new(),
        })
    }

    /// The first choice.
    pub fn first(&self) -> &Planned {
        &self.candidates[0]
    }

    /// All candidates, best first.
    pub fn candidates(&self) -> impl Iterator<Item = &Planned> {
        self.candidates.iter()
    }

    /// Puts the candidate at a place before all others, which keep their order,
    /// and says that it is [`Explored`](Place::Explored). Nothing happens where
    /// there is none behind the first.
    pub fn explore(&mut self, place: usize) {
        if place == 0 || place >= self.candidates.len() {
            return;
        }
        self.candidates[..=place].rotate_right(1);
        self.candidates[0].place = Place::Explored;
    }

    /// What is left of the plan: the candidates that are wanted, in their order;
    /// `None` when none is.
    pub fn only(&self, wanted: impl Fn(&Planned) -> bool) -> Option<Self> {
        let left = self.candidates().filter(|planned| wanted(planned)).cloned();
        let (policy, profile) = (self.policy.clone(), self.profile.clone());
        let plan = Self::new(left.collect(), policy, profile, self.catalog_version)?;
        Some(Self {
            dropped: self.dropped,
            ..plan
        })
    }

    /// The candidate at a place; 0 is the first choice.
    pub fn get(&self, place: usize) -> Option<&Planned> {
        self.candidates.get(place)
    }

    /// How many candidates there are, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a plan is never empty")]
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// The most that any candidate can cost.
    pub fn worst(&self) -> Usd {
        self.candidates()
            .map(|planned| planned.candidate.worst)
            .max()
            .unwrap_or_default()
    }
}

/// A plan in words and figures, for people and programs: what `plan` prints.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// What was asked for.
    pub target: String,
    /// The policy.
    pub policy: String,
    /// The task.
    pub task: Task,
    /// Where the task came from.
    pub task_source: TaskSource,
    /// Prompt tokens.
    pub prompt: TokenBounds,
    /// What a model must be able to do.
    pub needs: Capabilities,
    /// Most that the call may cost.
    pub ceiling: Option<Usd>,
    /// Number, origin and date of the catalog view.
    pub catalog: CatalogStamp,
    /// The candidates, best first.
    pub candidates: Vec<ExplainedCandidate>,
    /// What a learned router saw in the prompt; absent where none is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
    /// Every model that was left out, with why.
    pub dropped: Vec<Dropped>,
    /// Things the caller should know.
    pub warnings: Vec<String>,
}

/// A look at the prompt by a learned router, and what it changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    /// Who looked.
    pub by: LearnedId,
    /// How hard the prompt is for the average model, in logits; 0 is the mean
    /// of the training prompts.
    pub difficulty: f32,
    /// How much of it is made of what training prompts are made of, 0 to 1.
    pub trust: f32,
    /// What became of the choice; absent where no policy ranked.
    pub guarded: Option<Guarded>,
}

/// The choice without a look at the prompt, beside the one with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guarded {
    /// Which of them stands.
    pub verdict: LookVerdict,
    /// The choice without a look.
    pub usual: ModelId,
    /// What is expected of it on this prompt.
    pub usual_quality: Quality,
    /// The choice with it.
    pub other: ModelId,
    /// What is expected of that on this prompt.
    pub other_quality: Quality,
    /// Quality that was taken off the other before the policy was asked again.
    pub doubt: f32,
}

/// One sentence for people.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "difficulty {:+.2}, trust {:.2}",
            self.difficulty, self.trust
        )?;
        match &self.guarded {
            Some(guarded) => write!(f, "; {guarded}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            usual,
            other,
            doubt,
            ..
        } = self;
        let said = |quality: Quality| format!("{:.2} ± {:.2}", quality.mean, quality.error);
        let (usual_quality, other_quality) = (said(self.usual_quality), said(self.other_quality));
        match self.verdict {
            LookVerdict::Agrees => write!(f, "the choice is the same, {usual} ({usual_quality})"),
            LookVerdict::Kept => write!(
                f,
                "kept {usual} ({usual_quality}): {other} ({other_quality}) is no better choice for \
                 sure, with {doubt:.2} taken off its quality"
            ),
            LookVerdict::Left => write!(
                f,
                "left {usual} ({usual_quality}) for {other} ({other_quality}), \
                 which is the better choice even with {doubt:.2} taken off its quality"
            ),
        }
    }
}

/// Whether a look at the prompt changed the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LookVerdict {
    /// Both choices are the same.
    Agrees,
    /// The usual choice was kept: the gain is within the doubt.
    Kept,
    /// The usual choice was left: the policy prefers the other in spite of the doubt.
    Left,
}

/// Which catalog a plan was made from.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CatalogStamp {
    /// Number of the view.
    pub version: u64,
    /// Where it came from.
    pub source: CatalogSource,
    /// When it was true.
    pub as_of: Timestamp,
    /// Models in it.
    pub models: usize,
}

/// Where an expected length of answers came from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputSource {
    /// What answers of the model have used.
    Usage,
    /// What is assumed for the task, and of models that think.
    Prior,
}

/// One candidate of an explanation.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedCandidate {
    /// The model.
    pub model: ModelId,
    /// The lane.
    pub lane: LaneId,
    /// How the lane is paid.
    pub billing: Billing,
    /// Why it stands here.
    pub place: Place,
    /// Expected total cost.
    pub expected: Usd,
    /// Most that it can cost.
    pub worst: Usd,
    /// Output limit that was set so that it fits the ceiling.
    pub clamp: Option<u32>,
    /// Expected tokens of an answer, reasoning included.
    pub output_tokens: u32,
    /// Where that figure came from.
    pub output_source: OutputSource,
    /// Quality for the task.
    pub quality: Quality,
    /// Expected time to a complete answer, in milliseconds.
    pub latency_ms: f32,
    /// Whether that was measured or published.
    pub latency_known: bool,
    /// The policy's score.
    pub score: f64,
    /// What the score was made of.
    pub terms: Vec<(&'static str, f32)>,
    /// What is asked of the lane's choice among the model's hosts, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<EndpointChoice>,
    /// One sentence for people.
    pub why: String,
}

/// One model that was left out.
#[derive(Debug, Clone, Serialize)]
pub struct Dropped {
    /// The model.
    pub model: ModelId,
    /// The lane.
    pub lane: LaneId,
    /// Why.
    #[serde(flatten)]
    pub reason: DropReason,
}
