//! From what the wire reports to what the ledger books: tokens in disjoint classes, money to
//! whom it is owed.

use tollgate_core::{
    Billing, Cost, CostSource, Doubt, Doubts, Reconciled, TokenUsage, UsageReport, Usd,
};
use tollgate_wire::{Decimal, GeminiUsage, Generation, MessagesUsage, Object, Usage};

use crate::served::served;

/// Figures above a million dollars are not believed.
const ABSURD: Usd = Usd::from_nanos(1_000_000_000_000_000);

/// Where other servers put the tokens read from a cache, beside
/// `prompt_tokens_details.cached_tokens`.
const CACHED_ELSEWHERE: &[&str] = &["prompt_cache_hit_tokens", "cached_tokens"];

/// Reads a usage report. `lane` is how the lane is paid when the report does not say.
///
/// A cost that is negative, absurd or no number is no cost: the attempt is then priced by its
/// tokens.
///
/// ```
/// use tollgate_core::Billing;
/// use tollgate_wire::Usage;
/// let usage = Usage::parse(br#"{"prompt_tokens":100,"completion_tokens":7,"cost":0.25,
///     "prompt_tokens_details":{"cached_tokens":60}}"#)?;
/// let report = tollgate_transport::usage_report(&usage, Billing::Credits);
/// assert_eq!((report.tokens.input, report.tokens.cache_read), (40, 60));
/// assert_eq!(report.cost.map(|cost| cost.credits.to_string()).as_deref(), Some("0.25"));
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
pub fn usage_report(usage: &Usage, lane: Billing) -> UsageReport {
    let billing = stated_billing(usage.is_byok, lane);
    let upstream = usage.cost_details.upstream_inference_cost.as_ref();
    UsageReport {
        tokens: tokens(usage),
        cost: cost(
            billing.unwrap_or(lane),
            usage.cost.as_ref(),
            upstream,
            CostSource::Reported,
        ),
        billing,
        doubts: doubts(usage),
    }
}

/// Reads a usage report by Anthropic's count, in which cached tokens stand beside the others.
pub(crate) fn messages_usage_report(usage: &MessagesUsage, lane: Billing) -> UsageReport {
    let stated = stated_billing(usage.is_byok, lane);
    let upstream = usage.cost_details.upstream_inference_cost.as_ref();
    let output = usage.output_tokens.unwrap_or(0);
    let thinking = usage.thinking_tokens();
    let written = usage.cache_creation_input_tokens.unwrap_or(0);
    let for_an_hour = usage
        .cache_creation
        .as_ref()
        .map_or(0, |written| written.ephemeral_1h_input_tokens);
    let figures = [&usage.cost, &usage.cost_details.upstream_inference_cost];
    let doubts = [
        (Doubt::Parts, thinking > output || for_an_hour > written),
        (Doubt::Figure, has_absurd(figures)),
    ];
    UsageReport {
        tokens: TokenUsage {
            input: usage.input_tokens.unwrap_or(0),
            cache_read: usage.cache_read_input_tokens.unwrap_or(0),
            cache_write: written.saturating_sub(for_an_hour),
            cache_write_1h: for_an_hour.min(written),
            output,
            reasoning: thinking.min(output),
            web_searches: usage
                .server_tool_use
                .as_ref()
                .and_then(|tools| tools.web_search_requests)
                .unwrap_or(0),
            ..TokenUsage::default()
        },
        cost: cost(
            stated.unwrap_or(lane),
            usage.cost.as_ref(),
            upstream,
            CostSource::Reported,
        ),
        billing: stated,
        doubts: those(doubts),
    }
}

/// Reads a usage report by Gemini's count: cached tokens are part of the prompt, what tools of
/// Google's added to it stands beside it, and thoughts beside the answer.
pub(crate) fn gemini_usage_report(usage: &GeminiUsage, lane: Billing) -> UsageReport {
    let mut input = Whole(usage.prompt());
    let cache_read = input.take(usage.cached_content_token_count);
    let audio_input = input.take(usage.audio_input());
    let mut output = Whole(usage.completion());
    let audio_output = output.take(usage.audio_output());
    let image_output = output.take(usage.image_output());
    let all = usage.prompt().saturating_add(usage.completion());
    // Some models leave what their tools read out of the total.
    let without_tools = all.saturating_sub(usage.tool_use_prompt_token_count);
    let total = usage.total_token_count;
    let made = usage.audio_output().saturating_add(usage.image_output());
    let doubts = [
        (
            Doubt::Parts,
            usage.cached_content_token_count > usage.prompt_token_count
                || made > usage.candidates_token_count,
        ),
        (Doubt::Total, ![0, all, without_tools].contains(&total)),
    ];
    UsageReport {
        tokens: TokenUsage {
            input: input.0,
            cache_read,
            audio_input,
            output: output.0,
            reasoning: usage.thoughts_token_count.min(output.0),
            audio_output,
            image_output,
            ..TokenUsage::default()
        },
        // Google tells tokens only.
        cost: None,
        billing: stated_billing(None, lane),
        doubts: those(doubts),
    }
}

/// How an answer was paid, where it says so and may.
fn stated_billing(is_byok: Option<bool>, lane: Billing) -> Option<Billing> {
    let stated = is_byok.map(|byok| match byok {
        true => Billing::Byok,
        false => Billing::Credits,
    });
    stated.filter(|_| lane != Billing::Direct)
}

/// Whether one of the figures is there and cannot be money.
fn has_absurd(figures: [&Option<Decimal>; 2]) -> bool {
    figures
        .into_iter()
        .flatten()
        .any(|figure| money(figure).is_none())
}

fn those<const N: usize>(doubts: [(Doubt, bool); N]) -> Doubts {
    let there = doubts.into_iter().filter(|(_, is_there)| *is_there);
    there.map(|(doubt, _)| doubt).collect()
}

/// What is said of an answer whose usage cannot be read.
pub(crate) fn unreadable() -> UsageReport {
    UsageReport {
        tokens: TokenUsage::default(),
        cost: None,
        billing: None,
        doubts: [Doubt::Unreadable].into_iter().collect(),
    }
}

/// What of a report cannot be right, whatever was asked.
fn doubts(usage: &Usage) -> Doubts {
    let prompt = &usage.prompt_tokens_details;
    let completion = &usage.completion_tokens_details;
    let reasoning = completion.reasoning_tokens;
    let apart = if reasons_apart(usage) { reasoning } else { 0 };
    let whole = prompt_tokens(usage);
    let answer = completion_tokens(usage).saturating_add(apart);
    // Written tokens are no part of this sum: some providers write to the cache
    // what they also read from it, and charge for both.
    let parts = whole < prompt.cached_tokens.max(prompt.cache_write_tokens) || answer < reasoning;
    // Some servers leave the total out.
    let stated = usage.total_tokens > 0;
    let total = stated && whole.saturating_add(answer) != usage.total_tokens;
    let figures = [&usage.cost, &usage.cost_details.upstream_inference_cost];
    those([
        (Doubt::Parts, parts),
        (Doubt::Total, total),
        (Doubt::Figure, has_absurd(figures)),
    ])
}

/// Reads the record of a generation; `None` while its cost is not in it.
pub(crate) fn reconciled(generation: &Generation) -> Option<Reconciled> {
    let billing = if generation.is_byok {
        Billing::Byok
    } else {
        Billing::Credits
    };
    let total = generation.total_cost.as_ref().or(generation.usage.as_ref());
    Some(Reconciled {
        cost: cost(
            billing,
            total,
            generation.upstream_inference_cost.as_ref(),
            CostSource::Reconciled,
        )?,
        tokens: native_tokens(generation),
        served: served(
            generation.model.as_deref(),
            generation.provider_name.as_deref(),
            Some(&generation.id),
        ),
    })
}

/// Who is owed what.
///
/// | paid | owed to OpenRouter | owed to the provider |
/// |---|---|---|
/// | credits | `cost` | nothing; `upstream_inference_cost` is the same money again |
/// | BYOK | `cost`, which is only the fee | `upstream_inference_cost` |
/// | direct | nothing | not reported: tokens × price |
/// | by the caller | nothing | nothing |
fn cost(
    billing: Billing,
    charged: Option<&Decimal>,
    upstream: Option<&Decimal>,
    source: CostSource,
) -> Option<Cost> {
    match billing {
        Billing::Credits => Some(Cost {
            credits: money(charged?)?,
            provider: Usd::ZERO,
            source,
        }),
        Billing::Byok => Some(Cost {
            credits: money(charged?)?,
            provider: money(upstream?)?,
            source,
        }),
        Billing::Direct | Billing::Caller => None,
    }
}

fn money(figure: &Decimal) -> Option<Usd> {
    let amount = Usd::parse_rounded(figure.as_str()).ok()?;
    (!amount.is_negative() && amount <= ABSURD).then_some(amount)
}

/// The wire's counts overlap: cached, written and audio tokens are inside `prompt_tokens`,
/// reasoning inside `completion_tokens`. Parts that exceed their whole are cut, so that the
/// classes always add up to it.
fn tokens(usage: &Usage) -> TokenUsage {
    let prompt = &usage.prompt_tokens_details;
    let completion = &usage.completion_tokens_details;
    let kept = usage.kept();
    let mut input = Whole(prompt_tokens(usage));
    let cache_read = input.take(or_else(prompt.cached_tokens, || cached_elsewhere(kept)));
    let cache_write = input.take(or_else(prompt.cache_write_tokens, || {
        detail(kept, "input_tokens_details", "cache_write_tokens")
    }));
    let audio_input = input.take(prompt.audio_tokens);
    let mut output = Whole(completion_tokens(usage));
    let reasoning = or_else(completion.reasoning_tokens, || {
        detail(kept, "output_tokens_details", "reasoning_tokens")
    });
    if reasons_apart(usage) {
        output.0 = output.0.saturating_add(reasoning);
    }
    let audio_output = output.take(completion.audio_tokens);
    let image_output = output.take(completion.image_tokens);
    TokenUsage {
        input: input.0,
        cache_read,
        cache_write,
        audio_input,
        output: output.0,
        reasoning: reasoning.min(output.0),
        audio_output,
        image_output,
        web_searches: usage
            .server_tools()
            .and_then(|tools| tools.web_search_requests)
            .unwrap_or(0),
        ..TokenUsage::default()
    }
}

/// Some servers count reasoning beside the completion; their totals tell.
fn reasons_apart(usage: &Usage) -> bool {
    let reasoning = usage.completion_tokens_details.reasoning_tokens;
    let sum = usage.prompt_tokens.saturating_add(usage.completion_tokens);
    reasoning > 0 && usage.total_tokens == sum.saturating_add(reasoning)
}

fn cached_elsewhere(usage: &Object) -> u64 {
    let flat = CACHED_ELSEWHERE.iter().map(|key| count(usage, key));
    flat.chain([detail(usage, "input_tokens_details", "cached_tokens")])
        .max()
        .unwrap_or(0)
}

fn prompt_tokens(usage: &Usage) -> u64 {
    or_else(usage.prompt_tokens, || count(usage.kept(), "input_tokens"))
}

fn completion_tokens(usage: &Usage) -> u64 {
    or_else(usage.completion_tokens, || {
        count(usage.kept(), "output_tokens")
    })
}

/// What is stated, else what the Responses dialect calls it.
fn or_else(stated: u64, elsewhere: impl FnOnce() -> u64) -> u64 {
    match stated {
        0 => elsewhere(),
        stated => stated,
    }
}

fn count(object: &Object, key: &str) -> u64 {
    object.read(key).ok().flatten().unwrap_or(0)
}

fn detail(usage: &Object, details: &str, key: &str) -> u64 {
    let details: Option<Object> = usage.read(details).ok().flatten();
    details.map_or(0, |details| count(&details, key))
}

fn native_tokens(generation: &Generation) -> TokenUsage {
    let mut input = Whole(generation.native_tokens_prompt.unwrap_or(0));
    let cache_read = input.take(generation.native_tokens_cached.unwrap_or(0));
    let mut output = Whole(generation.native_tokens_completion.unwrap_or(0));
    let image_output = output.take(generation.native_tokens_completion_images.unwrap_or(0));
    TokenUsage {
        input: input.0,
        cache_read,
        output: output.0,
        reasoning: generation
            .native_tokens_reasoning
            .unwrap_or(0)
            .min(output.0),
        image_output,
        ..TokenUsage::default()
    }
}

/// A count from which parts are taken, never more than is left.
struct Whole(u64);

impl Whole {
    fn take(&mut self, part: u64) -> u64 {
        let part = part.min(self.0);
        self.0 -= part;
        part
    }
}

#[cfg(test)]
mod tests;
