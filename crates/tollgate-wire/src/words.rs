//! Open enums: the words that the wire is known to use, and room for those it will use tomorrow.

use std::fmt;

/// Declares an enum of known words plus `Other`, which keeps an unknown word as it came.
macro_rules! open_enum {
    ($( $(#[$meta:meta])* pub enum $Name:ident { $( $(#[$variant_meta:meta])* $Variant:ident = $word:literal ),* $(,)? } )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Name {
            $( $(#[$variant_meta])* #[doc = concat!("`", $word, "`")] $Variant, )*
            /// A word that this version does not know, as it came.
            Other(String),
        }

        impl $Name {
            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$Variant => $word, )*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $Name {
            fn from(word: &str) -> Self {
                match word {
                    $( $word => Self::$Variant, )*
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::Text::deserialize(deserializer).map(|word| Self::from(word.as_str()))
            }
        }

        impl crate::document::Field for $Name {
            fn from_raw(raw: &serde_json::value::RawValue) -> Result<Self, crate::ParseError> {
                Ok(serde_json::from_str(raw.get())?)
            }

            /// An empty word is none: some servers write what they leave out as one.
            fn some_from_raw(raw: &serde_json::value::RawValue) -> Result<Option<Self>, crate::ParseError> {
                Self::from_raw(raw).map(|word| Some(word).filter(|word| !word.as_str().is_empty()))
            }
        }
    )* };
}

open_enum! {
    /// Why a choice ended.
    pub enum FinishReason {
        Stop = "stop", Length = "length", ToolCalls = "tool_calls", ContentFilter = "content_filter", Error = "error",
    }

    /// Which limit refused a request (`error.metadata.limit_source`).
    pub enum LimitSource {
        FreeTierDaily = "openrouter_free_tier_daily",
        SharedCapacity = "openrouter_shared_capacity",
        UpstreamSharedPool = "upstream_provider_shared_pool",
        Credits = "openrouter_credits",
        KeyLimit = "openrouter_key_limit",
        InFlightBudget = "openrouter_in_flight_budget",
        GuardrailBudget = "openrouter_guardrail_budget",
        WorkspaceBudget = "openrouter_workspace_budget",
    }

    /// The kind of an error in words (`error_type`).
    pub enum ErrorType {
        ContextLengthExceeded = "context_length_exceeded",
        MaxTokensExceeded = "max_tokens_exceeded",
        TokenLimitExceeded = "token_limit_exceeded",
        StringTooLong = "string_too_long",
        InvalidRequest = "invalid_request",
        InvalidPrompt = "invalid_prompt",
        InvalidImage = "invalid_image",
        ImageTooLarge = "image_too_large",
        ImageTooSmall = "image_too_small",
        UnsupportedImageFormat = "unsupported_image_format",
        ImageDownloadFailed = "image_download_failed",
        ImageNotFound = "image_not_found",
        NotFound = "not_found",
        Authentication = "authentication",
        PaymentRequired = "payment_required",
        PermissionDenied = "permission_denied",
        ContentPolicyViolation = "content_policy_violation",
        Refusal = "refusal",
        PreconditionFailed = "precondition_failed",
        PayloadTooLarge = "payload_too_large",
        Unprocessable = "unprocessable",
        RateLimitExceeded = "rate_limit_exceeded",
        Server = "server",
        Unmapped = "unmapped",
        ProviderUnavailable = "provider_unavailable",
        ProviderOverloaded = "provider_overloaded",
        Timeout = "timeout",
    }

    /// The service tier asked for or used.
    pub enum ServiceTier {
        Auto = "auto", Default = "default", Fast = "fast", Flex = "flex", Priority = "priority", Scale = "scale",
        Standard = "standard", Ultrafast = "ultrafast",
    }

    /// How hard a model should think.
    pub enum ReasoningEffort {
        Max = "max", XHigh = "xhigh", High = "high", Medium = "medium", Low = "low", Minimal = "minimal", None = "none",
    }

    /// How long an answer should be.
    pub enum Verbosity { Low = "low", Medium = "medium", High = "high", XHigh = "xhigh", Max = "max" }

    /// What goes into or comes out of a model.
    pub enum Modality {
        Text = "text", Image = "image", Audio = "audio", Video = "video", File = "file", Embeddings = "embeddings",
        Rerank = "rerank", Decisions = "decisions", Speech = "speech", Transcription = "transcription",
    }

    /// Who wrote a message.
    pub enum Role {
        System = "system", Developer = "developer", User = "user", Assistant = "assistant", Tool = "tool",
    }

    /// How the numbers of an endpoint's model are stored.
    pub enum Quantization {
        Int4 = "int4", Int8 = "int8", Fp4 = "fp4", Mxfp4 = "mxfp4", Nvfp4 = "nvfp4", Fp6 = "fp6", Fp8 = "fp8",
        Mxfp8 = "mxfp8", Fp16 = "fp16", Bf16 = "bf16", Fp32 = "fp32", Unknown = "unknown",
    }

    /// Whether endpoints that store or train on prompts may serve (`provider.data_collection`).
    pub enum DataCollection { Allow = "allow", Deny = "deny" }

    /// Whether the reasoning text should be summarised.
    pub enum ReasoningSummary { Auto = "auto", Concise = "concise", Detailed = "detailed" }

    /// How a router picked the model (`openrouter_metadata.strategy`).
    pub enum RoutingStrategy {
        Direct = "direct", Auto = "auto", Free = "free", Latest = "latest", Alias = "alias", Fallback = "fallback",
        Pareto = "pareto", BodyBuilder = "bodybuilder", Fusion = "fusion",
    }
}
