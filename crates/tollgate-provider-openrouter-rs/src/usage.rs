//! From the client's usage to what the ledger books: tokens in disjoint classes, money to whom it
//! is owed.

use openrouter_rs::types::completion::ResponseUsage;
use tollgate_core::{Billing, Cost, CostSource, Doubt, TokenUsage, UsageReport, Usd};

/// Figures above a million dollars are not believed.
const ABSURD: Usd = Usd::from_nanos(1_000_000_000_000_000);

/// Reads a usage report. An answer that does not say how it was paid was paid by credits.
pub(crate) fn usage_report(usage: &ResponseUsage) -> UsageReport {
    let stated = usage.is_byok.map(|byok| match byok {
        true => Billing::Byok,
        false => Billing::Credits,
    });
    let upstream = usage
        .cost_details
        .as_ref()
        .and_then(|details| details.upstream_inference_cost);
    let figures = [usage.cost, upstream];
    let is_absurd = figures
        .into_iter()
        .flatten()
        .any(|figure| money(figure).is_none());
    let total = u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens);
    let is_off = usage.total_tokens > 0 && u64::from(usage.total_tokens) != total;
    let doubts = [(Doubt::Figure, is_absurd), (Doubt::Total, is_off)];
    UsageReport {
        tokens: tokens(usage),
        cost: cost(stated.unwrap_or(Billing::Credits), usage.cost, upstream),
        billing: stated,
        doubts: doubts
            .into_iter()
            .filter_map(|(doubt, is_there)| is_there.then_some(doubt))
            .collect(),
    }
}

/// Who is owed what: with credits the figure is all of it; with keys of one's own it is the fee,
/// and the provider bills the rest.
fn cost(billing: Billing, charged: Option<f64>, upstream: Option<f64>) -> Option<Cost> {
    let provider = match billing {
        Billing::Byok => money(upstream?)?,
        _ => Usd::ZERO,
    };
    Some(Cost {
        credits: money(charged?)?,
        provider,
        source: CostSource::Reported,
    })
}

/// The client reads money as a binary fraction. Its shortest decimal is what was on the wire, as
/// long as that had no more than 15 digits.
fn money(figure: f64) -> Option<Usd> {
    let amount = Usd::parse_rounded(&figure.to_string()).ok()?;
    (!amount.is_negative() && amount <= ABSURD).then_some(amount)
}

/// The wire's counts overlap; parts that exceed their whole are cut.
fn tokens(usage: &ResponseUsage) -> TokenUsage {
    let prompt = usage.prompt_tokens_details.as_ref();
    let completion = usage.completion_tokens_details.as_ref();
    let mut input = Whole(usage.prompt_tokens.into());
    let cache_read = input.take(prompt.and_then(|parts| parts.cached_tokens));
    let cache_write = input.take(prompt.and_then(|parts| parts.cache_write_tokens));
    let audio_input = input.take(prompt.and_then(|parts| parts.audio_tokens));
    let mut output = Whole(usage.completion_tokens.into());
    let audio_output = output.take(completion.and_then(|parts| parts.audio_tokens));
    let image_output = output.take(completion.and_then(|parts| parts.image_tokens));
    let reasoning = completion.and_then(|parts| parts.reasoning_tokens);
    let tools = usage.server_tool_use_details.as_ref();
    TokenUsage {
        input: input.0,
        cache_read,
        cache_write,
        audio_input,
        output: output.0,
        reasoning: u64::from(reasoning.unwrap_or(0)).min(output.0),
        audio_output,
        image_output,
        web_searches: tools
            .and_then(|tools| tools.web_search_requests)
            .unwrap_or(0)
            .into(),
        ..TokenUsage::default()
    }
}

/// A count from which parts are taken, never more than is left.
struct Whole(u64);

impl Whole {
    fn take(&mut self, part: Option<u32>) -> u64 {
        let part = u64::from(part.unwrap_or(0)).min(self.0);
        self.0 -= part;
        part
    }
}
