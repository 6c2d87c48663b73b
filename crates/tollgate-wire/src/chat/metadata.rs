//! The router's account of what it did (`openrouter_metadata`).

use crate::document::document;
use crate::{Object, Raw, RoutingStrategy};

document! {
    /// What the router did, when the request asked for it by header.
    pub struct RouterMetadata {
        /// The model asked for.
        requested: Option<String> = "requested",
        /// How the model was picked.
        strategy: Option<RoutingStrategy> = "strategy",
        /// Where.
        region: Option<String> = "region",
        /// For people.
        summary: Option<String> = "summary",
        /// Number of the attempt that answered; zero when no provider was reached.
        attempt: u64 = "attempt",
        /// Whether the caller's own provider key served.
        is_byok: bool = "is_byok",
        /// The endpoints that could have served.
        endpoints: AvailableEndpoints = "endpoints",
        /// The trail of attempts.
        attempts: Vec<RouterAttempt> = "attempts",
        /// Parameters of the router.
        params: Option<Object> = "params",
        /// Guardrails, plugins and server tools that acted.
        pipeline: Vec<PipelineStage> = "pipeline",
        /// Milliseconds from dispatch to the end of the provider's body.
        generation_time: Option<u64> = "generation_time",
    }

    /// The endpoints that could have served.
    pub struct AvailableEndpoints {
        /// How many.
        total: u64 = "total",
        /// Which.
        available: Vec<AvailableEndpoint> = "available",
    }

    /// An endpoint that could have served.
    pub struct AvailableEndpoint {
        /// Provider, by display name.
        provider: Option<String> = "provider",
        /// Model, by canonical slug.
        model: Option<String> = "model",
        /// Whether it was picked.
        selected: bool = "selected",
    }

    /// One attempt.
    pub struct RouterAttempt {
        /// Provider, by display name.
        provider: Option<String> = "provider",
        /// Model, by canonical slug.
        model: Option<String> = "model",
        /// HTTP status of the provider.
        status: Option<i64> = "status",
    }

    /// Something that acted on the request.
    pub struct PipelineStage {
        /// `guardrail`, `plugin`, `server_tools`, …
        kind: Option<String> = "type",
        /// Its name.
        name: Option<String> = "name",
        /// For people.
        summary: Option<String> = "summary",
        /// Anything.
        data: Option<Raw> = "data",
        /// US dollars.
        cost_usd: Option<crate::Decimal> = "cost_usd",
    }
}
