use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tollgate_wire::Request;

use crate::{
    ApiKey, Billed, Billing, CallId, Cost, CostSource, Delivery, Doubt, EndpointPreferences,
    Failure, FailureKind, GenerationId, LaneId, ModelId, Planned, ProviderId, Rates, Reply, Served,
    Timestamp, TokenUsage, UsageReport, Usd, doubts,
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
    /// The same models by the catalog's names.
    pub planned: Vec<ModelId>,
    /// The request as the caller made it.
    pub request: Arc<Request>,
    /// How the caller wants the answer.
    pub delivery: Delivery,
    /// Whether it must not lose anything of the request on its way.
    pub strict: bool,
    /// What the caller calls its conversation, for an upstream that keeps
    /// conversations where they are, where the request does not say.
    pub session: Option<String>,
    /// Output limit to set in place of the caller's missing one.
    pub max_output: Option<u64>,
    /// Prices that the upstream must not exceed, where it takes such a limit.
    pub max_price: Option<Rates>,
    /// What is asked of the upstream's choice among hosts, where it has one.
    pub endpoints: EndpointPreferences,
    /// Most that this attempt can cost.
    pub worst: Usd,
    /// The caller's own key for the lane, in place of the gateway's. Whatever
    /// becomes of it says nothing of the gateway's key, and costs the gateway
    /// nothing.
    pub key: Option<ApiKey>,
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
    /// Its answer was whole, and a judge said that it will not do.
    Rejected {
        /// Why, in the judge's words.
        message: String,
    },
}

impl AttemptEnd {
    /// Whether nothing of its answer reached the caller, though it did not fail:
    /// another attempt of the call answered.
    pub const fn gave_way(&self) -> bool {
        matches!(self, Self::Outrun | Self::Rejected { .. })
    }

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
            Self::Rejected { message } => ("rejected", None, None, Some(message)),
        }
    }

    /// The end that [`columns`](Self::columns) tells of; `None` when there is
    /// no end of that name.
    ///
    /// ```
    /// use tollgate_core::{AttemptEnd, FailureKind};
    /// let kind = FailureKind::RateLimited;
    /// let end = AttemptEnd::Failed { kind, status: Some(429), message: "later".into() };
    /// let (name, failure, status, message) = end.columns();
    /// let message = message.map(str::to_owned);
    /// assert_eq!(AttemptEnd::of_columns(name, failure, status, message), Some(end));
    /// ```
    pub fn of_columns(
        name: &str,
        failure: Option<&str>,
        status: Option<u16>,
        message: Option<String>,
    ) -> Option<Self> {
        let kind = failure.and_then(FailureKind::named);
        let kind = kind.unwrap_or_else(unknown_kind);
        let message = message.unwrap_or_default();
        Some(match name {
            "complete" => Self::Complete,
            "failed" => Self::Failed {
                kind,
                status,
                message,
            },
            "cut" => Self::Cut { kind, message },
            "abandoned" => Self::Abandoned,
            "outrun" => Self::Outrun,
            "rejected" => Self::Rejected { message },
            _ => return None,
        })
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
    /// Whether the upstream goes on, and charges for what is not read.
    pub runs_on: bool,
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
/// | part of an answer that goes on unread | the attempt's worst case | worst case |
/// | an end that surely was not billed | nothing | |
/// | anything else | the attempt's worst case | worst case |
///
/// Free lanes book zero, computed. What cannot be right in a report is not
/// believed: see [`Doubt`]. Returns the tokens and the cost.
pub fn book(
    planned: &Planned,
    prompt_likely: u64,
    at: Timestamp,
    worst: Usd,
    observed: Observed<'_>,
) -> (TokenUsage, Option<Cost>) {
    let believed = Believed::of(planned, worst, &observed);
    let billing = observed.usage.and_then(|usage| usage.billing);
    let billing = billing.unwrap_or(planned.lane.billing);
    let at_worst = Cost::paid_by(billing, worst, CostSource::WorstCase);
    let priced = |tokens, source| price(planned, at, billing, tokens, source).unwrap_or(at_worst);
    let estimated = TokenUsage {
        input: prompt_likely,
        output: observed.output_bytes.div_ceil(4),
        ..TokenUsage::default()
    };
    let surely_free = observed.billed == Some(Billed::No) && observed.output_bytes == 0;
    let was_seen = observed.complete || observed.output_bytes > 0;
    match believed {
        Believed::Figure(cost, tokens) => (tokens.unwrap_or(estimated), Some(cost)),
        Believed::Tokens(tokens, source) => (tokens, Some(priced(&tokens, source))),
        Believed::Nothing if observed.runs_on => (estimated, Some(at_worst)),
        Believed::Nothing if surely_free => (TokenUsage::default(), None),
        Believed::Nothing if was_seen => {
            (estimated, Some(priced(&estimated, CostSource::Estimated)))
        }
        Believed::Nothing => (TokenUsage::default(), Some(at_worst)),
    }
}

/// What of an upstream's report is believed.
enum Believed {
    /// Its figure, and its tokens unless they cannot be right.
    Figure(Cost, Option<TokenUsage>),
    /// Its tokens; they stand in for a figure that is missing, or cannot be right.
    Tokens(TokenUsage, CostSource),
    Nothing,
}

impl Believed {
    fn of(planned: &Planned, worst: Usd, observed: &Observed<'_>) -> Self {
        const NO_TOKENS: [Doubt; 3] = [Doubt::Unreadable, Doubt::TooManyTokens, Doubt::TooFew];
        let Some(usage) = observed.usage else {
            return Self::Nothing;
        };
        let doubts = doubts(usage, planned, worst, observed.output_bytes);
        let is = |doubt| doubts.contains(doubt);
        let tokens = (!NO_TOKENS.into_iter().any(is)).then_some(usage.tokens);
        match (usage.cost, tokens) {
            (Some(cost), tokens) if !is(Doubt::FarAboveWorst) => Self::Figure(cost, tokens),
            (None, Some(tokens)) if !is(Doubt::Figure) => {
                Self::Tokens(tokens, CostSource::Computed)
            }
            // What is estimated is asked for afterwards.
            (_, Some(tokens)) => Self::Tokens(tokens, CostSource::Estimated),
            (_, None) => Self::Nothing,
        }
    }
}

/// Tokens at the published price; `None` where there is none. With the caller's
/// own key the provider bills the price, and whoever runs the lane the fee.
fn price(
    planned: &Planned,
    at: Timestamp,
    billing: Billing,
    tokens: &TokenUsage,
    source: CostSource,
) -> Option<Cost> {
    let mut tally = planned.rates(tokens.prompt_total(), at)?.tally(tokens);
    let listed = tally.half_even();
    tally.add_basis_points(planned.lane.fee_basis_points);
    let all = tally.half_even();
    Some(match billing {
        Billing::Credits | Billing::Direct | Billing::Caller => Cost::paid_by(billing, all, source),
        Billing::Byok => Cost {
            credits: all - listed,
            provider: listed,
            source,
        },
    })
}
