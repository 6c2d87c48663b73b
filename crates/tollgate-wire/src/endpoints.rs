//! The endpoints of a model: who serves it, at which price, how well.

use crate::document::document;
use crate::{Architecture, Object, Pricing, Quantization, Rows, ServiceTier};

document! {
    /// `GET /models/{author}/{slug}/endpoints`.
    pub struct EndpointsReply {
        /// The model and its endpoints.
        data: Endpoints = "data",
    }

    /// `GET /endpoints/zdr`.
    pub struct EndpointListReply {
        /// Endpoints of all models.
        data: Rows<PublicEndpoint> = "data",
    }

    /// A model and its endpoints.
    pub struct Endpoints {
        /// The model's id.
        id: String = "id",
        /// Display name.
        name: Option<String> = "name",
        /// Seconds since 1970.
        created: Option<u64> = "created",
        /// For people.
        description: Option<String> = "description",
        /// What goes in and comes out.
        architecture: Architecture = "architecture",
        /// Who serves it.
        endpoints: Rows<PublicEndpoint> = "endpoints",
    }

    /// One provider's offer of a model.
    pub struct PublicEndpoint {
        /// `Provider | model slug`.
        name: Option<String> = "name",
        /// The model's id.
        model_id: Option<String> = "model_id",
        /// The model's display name.
        model_name: Option<String> = "model_name",
        /// The provider's display name.
        provider_name: String = "provider_name",
        /// The slug for `provider.order`, `only` and `ignore`, such as `deepinfra/turbo`.
        tag: Option<String> = "tag",
        /// Tokens in and out together.
        context_length: Option<u64> = "context_length",
        /// Tokens out.
        max_completion_tokens: Option<u64> = "max_completion_tokens",
        /// Tokens in.
        max_prompt_tokens: Option<u64> = "max_prompt_tokens",
        /// Prices, with the tier in them.
        pricing: Pricing = "pricing",
        /// Number format.
        quantization: Option<Quantization> = "quantization",
        /// Parameters of this endpoint.
        supported_parameters: Vec<String> = "supported_parameters",
        /// Tested kinds of tool choice.
        supports_tool_choice: Option<ToolChoiceSupport> = "supports_tool_choice",
        /// Whether it caches unasked.
        supports_implicit_caching: bool = "supports_implicit_caching",
        /// The tier; null is the standard one.
        service_tier: Option<ServiceTier> = "service_tier",
        /// Server tools that run at the provider.
        native_tools: Option<Object> = "native_tools",
        /// Zero is fine, negative is degraded or out, absent is unknown.
        status: Option<i64> = "status",
        /// Percent of good minutes in the last five.
        uptime_last_5m: Option<f64> = "uptime_last_5m",
        /// Percent of good minutes in the last thirty.
        uptime_last_30m: Option<f64> = "uptime_last_30m",
        /// Percent of good minutes in the last day.
        uptime_last_1d: Option<f64> = "uptime_last_1d",
        /// Milliseconds to the first token. (A median below 20 is most likely in seconds.)
        latency_last_30m: Option<Percentiles> = "latency_last_30m",
        /// Tokens a second.
        throughput_last_30m: Option<Percentiles> = "throughput_last_30m",
        /// The two by kind of work.
        perf_last_30m_by_workload: Option<Object> = "perf_last_30m_by_workload",
    }

    /// Tested kinds of tool choice.
    pub struct ToolChoiceSupport {
        /// `auto`.
        auto: bool = "auto",
        /// `none`.
        none: bool = "none",
        /// `required`.
        required: bool = "required",
        /// A function by name.
        function: bool = "function",
    }

    /// Percentiles of a measurement.
    pub struct Percentiles {
        /// Median.
        p50: Option<f64> = "p50",
        /// 75 of 100.
        p75: Option<f64> = "p75",
        /// 90 of 100.
        p90: Option<f64> = "p90",
        /// 99 of 100.
        p99: Option<f64> = "p99",
    }
}
