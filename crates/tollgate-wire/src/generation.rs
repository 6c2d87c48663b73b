//! The record of one generation, which is there some seconds after its end.

use crate::Decimal;
use crate::document::document;

document! {
    /// `GET /generation`.
    pub struct GenerationReply {
        /// The record.
        data: Generation = "data",
    }

    /// The record of one generation. Amounts are US dollars, times are milliseconds.
    pub struct Generation {
        /// Generation id.
        id: String = "id",
        /// Request id.
        request_id: Option<String> = "request_id",
        /// Session id.
        session_id: Option<String> = "session_id",
        /// When, in ISO 8601.
        created_at: Option<String> = "created_at",
        /// The model that served.
        model: Option<String> = "model",
        /// What was called: `completions`, `embeddings`, …
        api_type: Option<String> = "api_type",
        /// The router that picked.
        router: Option<String> = "router",
        /// `global`, `europe`, `us`.
        data_region: Option<String> = "data_region",
        /// The provider that served, by display name.
        provider_name: Option<String> = "provider_name",
        /// The provider's id.
        upstream_id: Option<String> = "upstream_id",
        /// Whether it was a stream.
        streamed: Option<bool> = "streamed",
        /// Whether the caller closed it.
        cancelled: Option<bool> = "cancelled",
        /// Whether the caller's own provider key served.
        is_byok: bool = "is_byok",
        /// Charged to credits.
        total_cost: Option<Decimal> = "total_cost",
        /// The same.
        usage: Option<Decimal> = "usage",
        /// What the provider bills for BYOK.
        upstream_inference_cost: Option<Decimal> = "upstream_inference_cost",
        /// Saved by the cache; negative when a write cost extra.
        cache_discount: Option<Decimal> = "cache_discount",
        /// To the first token.
        latency: Option<f64> = "latency",
        /// Of the whole.
        generation_time: Option<f64> = "generation_time",
        /// Of moderation.
        moderation_latency: Option<f64> = "moderation_latency",
        /// Why it ended.
        finish_reason: Option<String> = "finish_reason",
        /// The same in the provider's own word.
        native_finish_reason: Option<String> = "native_finish_reason",
        /// Tokens in, normalised; not what is billed.
        tokens_prompt: Option<u64> = "tokens_prompt",
        /// Tokens out, normalised; not what is billed.
        tokens_completion: Option<u64> = "tokens_completion",
        /// Tokens in, as billed.
        native_tokens_prompt: Option<u64> = "native_tokens_prompt",
        /// Tokens out, as billed.
        native_tokens_completion: Option<u64> = "native_tokens_completion",
        /// Of them reasoning.
        native_tokens_reasoning: Option<u64> = "native_tokens_reasoning",
        /// Of the tokens in, read from the cache.
        native_tokens_cached: Option<u64> = "native_tokens_cached",
        /// Of the tokens out, images.
        native_tokens_completion_images: Option<u64> = "native_tokens_completion_images",
        /// Media in.
        num_media_prompt: Option<u64> = "num_media_prompt",
        /// Media out.
        num_media_completion: Option<u64> = "num_media_completion",
        /// Sounds in.
        num_input_audio_prompt: Option<u64> = "num_input_audio_prompt",
        /// Search results.
        num_search_results: Option<u64> = "num_search_results",
        /// Pages fetched.
        num_fetches: Option<u64> = "num_fetches",
        /// The app's origin.
        origin: Option<String> = "origin",
        /// The app's URL.
        http_referer: Option<String> = "http_referer",
        /// The client.
        user_agent: Option<String> = "user_agent",
        /// The app.
        app_id: Option<i64> = "app_id",
        /// The end user.
        external_user: Option<String> = "external_user",
        /// Workspace.
        workspace_id: Option<String> = "workspace_id",
        /// Preset.
        preset_id: Option<String> = "preset_id",
        /// The tier that was used.
        service_tier: Option<String> = "service_tier",
        /// Who searched.
        web_search_engine: Option<String> = "web_search_engine",
        /// The generation whose stored answer was given.
        response_cache_source_id: Option<String> = "response_cache_source_id",
        /// The trail of attempts.
        provider_responses: Vec<ProviderResponse> = "provider_responses",
    }

    /// One attempt.
    pub struct ProviderResponse {
        /// HTTP status of the provider.
        status: Option<i64> = "status",
        /// Provider, by display name.
        provider_name: Option<String> = "provider_name",
        /// Model, by permanent slug.
        model_permaslug: Option<String> = "model_permaslug",
        /// Endpoint.
        endpoint_id: Option<String> = "endpoint_id",
        /// The provider's id.
        id: Option<String> = "id",
        /// Milliseconds.
        latency: Option<f64> = "latency",
        /// Whether the caller's own provider key was used.
        is_byok: Option<bool> = "is_byok",
        /// The tier that was used.
        routed_service_tier: Option<String> = "routed_service_tier",
    }
}
