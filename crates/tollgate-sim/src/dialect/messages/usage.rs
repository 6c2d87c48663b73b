//! The usage of a message. Cached tokens are not input tokens in this dialect.

use crate::bill::Charge;
use crate::host::Host;
use crate::json::{Object, object};

const NULL: Option<&str> = None;

/// At the beginning of a stream.
pub(super) fn first(host: Host, charge: &Charge) -> Object {
    let tokens = charge.tokens;
    let input = tokens.prompt - tokens.cached;
    if host.is_direct() {
        return object! {
            "input_tokens": input,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": tokens.cached,
            "cache_creation": no_writes(),
            "output_tokens": 1,
            "service_tier": "standard",
            "inference_geo": "global",
        };
    }
    object! {
        "input_tokens": input,
        "output_tokens": 0,
        "cache_creation_input_tokens": NULL,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": NULL,
        "output_tokens_details": NULL,
        "server_tool_use": NULL,
        "service_tier": "standard",
        "inference_geo": NULL,
    }
}

/// At the end of a stream, which tells no cost.
pub(super) fn last(charge: &Charge) -> Object {
    let tokens = charge.tokens;
    object! {
        "input_tokens": tokens.prompt - tokens.cached,
        "output_tokens": tokens.completion,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens_details": object! { "thinking_tokens": tokens.reasoning },
        "server_tool_use": NULL,
    }
}

/// Of a whole answer, which at OpenRouter tells the cost.
pub(super) fn whole(host: Host, charge: &Charge) -> Object {
    if host.is_direct() {
        return last(charge).and(object! {
            "cache_creation": no_writes(),
            "service_tier": "standard",
            "inference_geo": "global",
        });
    }
    last(charge).and(object! {
        "cache_creation": NULL,
        "service_tier": "standard",
        "inference_geo": NULL,
        "cost": charge.cost(),
        "is_byok": charge.byok.is_some(),
        "cost_details": object! {
            "upstream_inference_cost": charge.price.total,
            "upstream_inference_prompt_cost": charge.price.prompt,
            "upstream_inference_completions_cost": charge.price.completion,
        },
    })
}

fn no_writes() -> Object {
    object! { "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0 }
}
