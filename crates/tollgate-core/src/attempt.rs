use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tollgate_wire::ChatRequest;

use crate::{
    Billed, Billing, CallId, Cost, CostSource, Delivery, Failure, FailureKind, GenerationId,
    LaneId, ModelId, Planned, ProviderId, Rates, Reply, Served, Timestamp, TokenUsage, UsageReport,
    Usd,
};

/// Sends one attempt to one upstream.
///
/// # Contract
/// - One call of `send` is at most one request on the wire: no retries, no
///   redirects; whoever walks the plan owns repetition.
/// - It returns as soon as the head is there. What fails before is an `Err`;
///   what fails later, including an error inside a 200 body, is an `Err` item
///   of the frames. Every failure is classified where it is seen.
/// - Dropping the future or the frames closes the upstream connection at once.
/// - It neither logs nor counts; observers do.
#[async_trait]
pub trait LlmProvider: Send + Sync {
    /// Sends the attempt and returns the reply's head and frames.
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure>;
}

/// One try at one lane: immutable, so that it can be sent, recorded and compared.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The call that it belongs to.
    pub call: CallId,
    /// 1 for the first attempt of a call.
    pub number: u32,
    /// The lane to take.
    pub lane: LaneId,
    /// The models by the lane's own names: the first is wanted, the rest are
    /// the upstream's to fall back on.
    pub models: Vec<ModelId>,
    /// The request as the caller made it.
    pub request: Arc<ChatRequest>,
    /// How the caller wants the answer.
    pub delivery: Delivery,
    /// Output limit to set in place of the caller's missing one.
    pub max_output: Option<u64>,
    /// Prices that the upstream must not exceed, where it takes such a limit.
    pub max_price: Option<Rates>,
    /// Most that this attempt can cost.
    pub worst: Usd,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum AttemptEnd {
    /// The upstream's own end was seen.
    Complete,
    /// It failed before the caller saw anything.
    Failed {
        /// What went wrong.
        #[serde(skip_deserializing, default = "unknown_kind")]
        kind: FailureKind,
        /// The upstream's status, if there was one.
        status: Option<u16>,
        /// The message, without prompts and keys.
        message: String,
    },
    /// It broke after the caller had seen some of it.
    Cut {
        /// What went wrong.
        #[serde(skip_deserializing, default = "unknown_kind")]
        kind: FailureKind,
        /// The message, without prompts and keys.
        message: String,
    },
    /// The caller went away.
    Abandoned,
    /// Another attempt of the same call, started beside it, was faster.
    Outrun,
}

impl AttemptEnd {
    /// Name, failure, status and message, as stores keep them in columns.
    pub fn columns(
        &self,
    ) -> (
        &'static str,
        Option<&'static str>,
        Option<u16>,
        Option<&str>,
    ) {
        match self {
            Self::Complete => ("complete", None, None, None),
            Self::Failed {
                kind,
                status,
                message,
            } => ("failed", Some(kind.rule().name), *status, Some(message)),
            Self::Cut { kind, message } => ("cut", Some(kind.rule().name), None, Some(message)),
            Self::Abandoned => ("abandoned", None, None, None),
            Self::Outrun => ("outrun", None, None, None),
        }
    }
}

fn unknown_kind() -> FailureKind {
    FailureKind::Internal
}

/// What one attempt did and cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRecord {
    /// 1 for the first attempt of a call.
    pub number: u32,
    /// The lane taken.
    pub lane: LaneId,
    /// How the lane is paid.
    pub billing: Billing,
    /// The model that was wanted.
    pub requested: ModelId,
    /// Who served it, as far as known.
    pub served: Served,
    /// Milliseconds from the call's admission to the attempt's start.
    pub started_ms: u64,
    /// Milliseconds from the attempt's start to its first semantic frame.
    pub first_token_ms: Option<u64>,
    /// Milliseconds from the attempt's start to its end.
    pub took_ms: u64,
    /// How it ended.
    #[serde(flatten)]
    pub end: AttemptEnd,
    /// What it used.
    pub tokens: TokenUsage,
    /// What it cost; `None` when nothing was billed.
    pub cost: Option<Cost>,
}

impl AttemptRecord {
    /// The model that served, else the one that was wanted.
    pub fn model(&self) -> &ModelId {
        self.served.model.as_ref().unwrap_or(&self.requested)
    }

    /// The provider that served, as far as known.
    pub fn provider(&self) -> Option<&ProviderId> {
        self.served.provider.as_ref()
    }

    /// The upstream's id of the generation, as far as known.
    pub fn generation(&self) -> Option<&GenerationId> {
        self.served.generation.as_ref()
    }
}

/// What was seen of an attempt's use, for booking its cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observed<'a> {
    /// The upstream's report.
    pub usage: Option<&'a UsageReport>,
    /// Whether the upstream's end was seen.
    pub complete: bool,
    /// Output that went past us, in bytes of text.
    pub output_bytes: u64,
    /// What the failure's rule says about the money; `None` when nothing failed.
    pub billed: Option<Billed>,
}

/// Books one attempt: the best figure that can be had, and where it comes from.
///
/// | seen | booked | source |
/// |---|---|---|
/// | the upstream's figure | that figure | reported |
/// | tokens, and a price | tokens × price | computed |
/// | part of an answer | prompt estimate and bytes / 4, × price | estimated |
/// | an end that surely was not billed | nothing | |
/// | anything else | the attempt's worst case | worst case |
///
/// Free lanes book zero, computed. Returns the tokens and the cost.
pub fn book(
    planned: &Planned,
    prompt_likely: u64,
    at: Timestamp,
    worst: Usd,
    observed: Observed<'_>,
) -> (TokenUsage, Option<Cost>) {
    let billing = observed
        .usage
        .and_then(|usage| usage.billing)
        .unwrap_or(planned.lane.billing);
    let priced = |tokens: &TokenUsage, source| {
        planned.rates(tokens.prompt_total(), at).map(|rates| {
            let mut tally = rates.tally(tokens);
            tally.add_basis_points(planned.lane.fee_basis_points);
            Cost::paid_by(billing, tally.half_even(), source)
        })
    };
    let at_worst = Cost::paid_by(billing, worst, CostSource::WorstCase);
    if let Some(usage) = observed.usage {
        let cost = usage
            .cost
            .or_else(|| priced(&usage.tokens, CostSource::Computed));
        return (usage.tokens, Some(cost.unwrap_or(at_worst)));
    }
    if observed.billed == Some(Billed::No) && observed.output_bytes == 0 {
        return (TokenUsage::default(), None);
    }
    if observed.output_bytes > 0 || observed.complete {
        let tokens = TokenUsage {
            input: prompt_likely,
            output: observed.output_bytes.div_ceil(4),
            ..TokenUsage::default()
        };
        return (
            tokens,
            Some(priced(&tokens, CostSource::Estimated).unwrap_or(at_worst)),
        );
    }
    (TokenUsage::default(), Some(at_worst))
}
