//! From what the wire reports to what the ledger books: tokens in disjoint classes, money to
//! whom it is owed.

use tollgate_core::{Billing, Cost, CostSource, Reconciled, TokenUsage, UsageReport, Usd};
use tollgate_wire::{Decimal, Generation, Usage};

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
    let stated = usage.is_byok.map(|byok| {
        if byok {
            Billing::Byok
        } else {
            Billing::Credits
        }
    });
    let billing = stated.filter(|_| lane != Billing::Direct);
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
    }
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
        Billing::Direct => None,
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
    let mut input = Whole(usage.prompt_tokens);
    let cache_read = input.take(if prompt.cached_tokens > 0 {
        prompt.cached_tokens
    } else {
        cached_elsewhere(usage)
    });
    let cache_write = input.take(prompt.cache_write_tokens);
    let audio_input = input.take(prompt.audio_tokens);
    let mut output = Whole(usage.completion_tokens);
    let audio_output = output.take(completion.audio_tokens);
    let image_output = output.take(completion.image_tokens);
    TokenUsage {
        input: input.0,
        cache_read,
        cache_write,
        audio_input,
        output: output.0,
        reasoning: completion.reasoning_tokens.min(output.0),
        audio_output,
        image_output,
        web_searches: usage
            .server_tools()
            .and_then(|tools| tools.web_search_requests)
            .unwrap_or(0),
        ..TokenUsage::default()
    }
}

fn cached_elsewhere(usage: &Usage) -> u64 {
    CACHED_ELSEWHERE
        .iter()
        .find_map(|key| usage.kept().read(key).ok().flatten())
        .unwrap_or(0)
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(usage: &str, lane: Billing, expected: Option<(i64, i64)>, billing: Option<Billing>) {
        let report = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), lane);
        assert_eq!(
            report
                .cost
                .map(|cost| (cost.credits.nanos(), cost.provider.nanos())),
            expected,
            "{usage}"
        );
        assert_eq!(report.billing, billing, "{usage}");
    }

    #[test]
    fn credits_owe_the_cost_alone_and_byok_the_fee_and_the_provider() {
        use Billing::{Byok, Credits, Direct};
        let upstream = r#""cost_details":{"upstream_inference_cost":0.00045}"#;
        check(
            &format!(r#"{{"cost":0.00045,{upstream}}}"#),
            Credits,
            Some((450_000, 0)),
            None,
        );
        check(
            &format!(r#"{{"cost":0.00045,"is_byok":false,{upstream}}}"#),
            Byok,
            Some((450_000, 0)),
            Some(Credits),
        );
        check(
            &format!(r#"{{"cost":0,"is_byok":true,{upstream}}}"#),
            Credits,
            Some((0, 450_000)),
            Some(Byok),
        );
        check(
            &format!(r#"{{"cost":2.25e-5,"is_byok":true,{upstream}}}"#),
            Credits,
            Some((22_500, 450_000)),
            Some(Byok),
        );
        check(
            &format!(r#"{{"cost":"0.00002",{upstream}}}"#),
            Byok,
            Some((20_000, 450_000)),
            None,
        );
        // What the provider will bill is not in it: the fee alone would be too little.
        check(
            r#"{"cost":0.00002,"is_byok":true}"#,
            Credits,
            None,
            Some(Byok),
        );
        check(r#"{"cost":0.5}"#, Direct, None, None);
        check(r#"{"cost":0}"#, Credits, Some((0, 0)), None);
        check(r#"{"cost":null}"#, Credits, None, None);
    }

    #[test]
    fn figures_that_cannot_be_are_no_cost() {
        for cost in ["-0.1", "1000001", "1e30", "1e400"] {
            check(
                &format!(r#"{{"cost":{cost}}}"#),
                Billing::Credits,
                None,
                None,
            );
        }
        check(r#"{"cost":3.6e-7}"#, Billing::Credits, Some((360, 0)), None);
    }

    #[test]
    fn classes_of_tokens_are_disjoint() {
        let usage = r#"{"prompt_tokens":1000,"completion_tokens":500.0,
            "prompt_tokens_details":{"cached_tokens":600,"cache_write_tokens":"100","audio_tokens":50,"video_tokens":9},
            "completion_tokens_details":{"reasoning_tokens":300,"audio_tokens":20,"image_tokens":80},
            "server_tool_use":{"web_search_requests":2}}"#;
        let tokens =
            usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Credits).tokens;
        let expected = TokenUsage {
            input: 250,
            cache_read: 600,
            cache_write: 100,
            audio_input: 50,
            output: 400,
            reasoning: 300,
            audio_output: 20,
            image_output: 80,
            web_searches: 2,
            ..TokenUsage::default()
        };
        assert_eq!(tokens, expected);
    }

    #[test]
    fn other_servers_name_cached_tokens_otherwise() {
        for usage in [
            r#"{"prompt_tokens":10,"prompt_cache_hit_tokens":4}"#,
            r#"{"prompt_tokens":10,"cached_tokens":4}"#,
        ] {
            let tokens =
                usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Direct).tokens;
            assert_eq!((tokens.input, tokens.cache_read), (6, 4), "{usage}");
        }
    }

    proptest! {
        // Small numbers, so that parts exceed their wholes often.
        #[test]
        fn classes_add_up_to_the_whole(prompt in 0_u64..20, cached in 0_u64..20, written in 0_u64..20, audio in 0_u64..20,
                                       completion in 0_u64..20, reasoning in 0_u64..20, image in 0_u64..20) {
            let usage = format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},
                "prompt_tokens_details":{{"cached_tokens":{cached},"cache_write_tokens":{written},"audio_tokens":{audio}}},
                "completion_tokens_details":{{"reasoning_tokens":{reasoning},"image_tokens":{image}}}}}"#);
            let tokens = usage_report(&Usage::parse(usage.as_bytes()).unwrap(), Billing::Credits).tokens;
            prop_assert_eq!((tokens.prompt_total(), tokens.output_total()), (prompt, completion));
            prop_assert!(tokens.reasoning <= tokens.output);
        }
    }
}
