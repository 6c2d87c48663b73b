//! Members that clients insist on, and of which kind each is.

use serde_json::Value;

/// Checks a record of a generation, whose trail may lack members but has no
/// null but a status.
pub(super) fn check_generation(record: &Value) {
    check_members(record, GENERATION);
    for response in record["provider_responses"].as_array().unwrap() {
        check_members(response, &[("status", "whole?")]);
        let members = response.as_object().unwrap().iter();
        for (key, value) in members.filter(|(key, _)| *key != "status") {
            assert!(!value.is_null(), "{key} in {record}");
        }
    }
}

/// Checks that members are there and of a kind, at dotted places; `?` after a
/// kind lets null pass.
pub(super) fn check_members(object: &Value, members: &[(&str, &str)]) {
    for (place, kind) in members {
        let pointer = format!("/{}", place.replace('.', "/"));
        let value = object.pointer(&pointer);
        let value = value.unwrap_or_else(|| panic!("no {place} in {object}"));
        let fits = match kind.trim_end_matches('?') {
            "text" => value.is_string(),
            "whole" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "bool" => value.is_boolean(),
            "list" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("{other} is no kind"),
        };
        assert!(
            fits || (kind.ends_with('?') && value.is_null()),
            "{place} is {value}, not {kind}"
        );
    }
}

// What the schemas of OpenRouter's own client demand.

pub(super) const MODEL_ROW: &[(&str, &str)] = &[
    ("id", "text"),
    ("object", "text"),
    ("owned_by", "text"),
    ("canonical_slug", "text"),
    ("name", "text"),
    ("created", "whole"),
    ("context_length", "whole?"),
    ("architecture.modality", "text?"),
    ("architecture.input_modalities", "list"),
    ("architecture.output_modalities", "list"),
    ("pricing.prompt", "text"),
    ("pricing.completion", "text"),
    ("top_provider.is_moderated", "bool"),
    ("per_request_limits", "object?"),
    ("supported_parameters", "list"),
    ("default_parameters", "object?"),
    ("supported_voices", "list?"),
    ("links.details", "text"),
];

pub(super) const ENDPOINT: &[(&str, &str)] = &[
    ("name", "text"),
    ("model_id", "text"),
    ("model_name", "text"),
    ("provider_name", "text"),
    ("tag", "text"),
    ("context_length", "whole"),
    ("max_completion_tokens", "whole?"),
    ("max_prompt_tokens", "whole?"),
    ("pricing.prompt", "text"),
    ("pricing.completion", "text"),
    ("quantization", "text?"),
    ("supported_parameters", "list"),
    ("supports_implicit_caching", "bool"),
    ("supports_diarization", "bool"),
    ("service_tier", "text?"),
    ("native_tools", "object"),
    ("supports_tool_choice.auto", "bool"),
    ("supports_tool_choice.none", "bool"),
    ("supports_tool_choice.required", "bool"),
    ("supports_tool_choice.function", "bool"),
    ("uptime_last_5m", "number?"),
    ("uptime_last_30m", "number?"),
    ("uptime_last_1d", "number?"),
    ("latency_last_30m", "object?"),
    ("throughput_last_30m", "object?"),
];

pub(super) const GENERATION: &[(&str, &str)] = &[
    ("id", "text"),
    ("created_at", "text"),
    ("model", "text"),
    ("origin", "text"),
    ("data_region", "text"),
    ("is_byok", "bool"),
    ("total_cost", "number"),
    ("usage", "number"),
    ("api_type", "text?"),
    ("app_id", "whole?"),
    ("cache_discount", "number?"),
    ("cancelled", "bool?"),
    ("external_user", "text?"),
    ("finish_reason", "text?"),
    ("generation_time", "whole?"),
    ("http_referer", "text?"),
    ("latency", "whole?"),
    ("moderation_latency", "number?"),
    ("native_finish_reason", "text?"),
    ("native_tokens_cached", "whole?"),
    ("native_tokens_completion", "whole?"),
    ("native_tokens_completion_images", "whole?"),
    ("native_tokens_prompt", "whole?"),
    ("native_tokens_reasoning", "whole?"),
    ("num_fetches", "whole?"),
    ("num_input_audio_prompt", "whole?"),
    ("num_media_completion", "whole?"),
    ("num_media_prompt", "whole?"),
    ("num_search_results", "whole?"),
    ("preset_id", "text?"),
    ("provider_name", "text?"),
    ("provider_responses", "list?"),
    ("router", "text?"),
    ("service_tier", "text?"),
    ("streamed", "bool?"),
    ("tokens_completion", "whole?"),
    ("tokens_prompt", "whole?"),
    ("upstream_id", "text?"),
    ("upstream_inference_cost", "number?"),
    ("user_agent", "text?"),
    ("web_search_engine", "text?"),
    ("workspace_id", "text?"),
    ("tollgate.attempts", "list"),
];

pub(super) const KEY: &[(&str, &str)] = &[
    ("label", "text"),
    ("limit", "number?"),
    ("limit_remaining", "number?"),
    ("limit_reset", "text?"),
    ("include_byok_in_limit", "bool"),
    ("usage", "number"),
    ("usage_daily", "number"),
    ("usage_weekly", "number"),
    ("usage_monthly", "number"),
    ("byok_usage", "number"),
    ("byok_usage_daily", "number"),
    ("byok_usage_weekly", "number"),
    ("byok_usage_monthly", "number"),
    ("is_free_tier", "bool"),
    ("is_management_key", "bool"),
    ("is_provisioning_key", "bool"),
    ("free_model_daily_requests.limit", "whole"),
    ("free_model_daily_requests.used", "whole"),
    ("free_model_daily_requests.remaining", "whole"),
    ("budgets", "list"),
    ("effective_budget", "object?"),
    ("allowed_data_regions", "list"),
    ("creator_user_id", "text?"),
    ("organization_id", "text?"),
    ("workspace_id", "text?"),
    ("rate_limit.requests", "whole"),
    ("rate_limit.interval", "text"),
    ("rate_limit.note", "text"),
];
