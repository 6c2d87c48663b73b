#![doc = include_str!("../README.md")]

mod document;
mod envelope;
mod json;
mod number;
mod parse_error;
mod raw;
mod strict;
mod words;

mod chat;
mod error;
mod merge;
mod sse;
mod usage;

mod account;
mod byok;
mod embeddings;
mod endpoints;
mod gemini;
mod generation;
mod messages;
mod models;
mod pricing;
mod providers;
mod request;
mod responses;
mod server_tools;
mod surface;
mod translate;

pub use bytes::Bytes;
pub use serde_json::value::RawValue;

pub use crate::account::{
    ActivityReply, ActivityRow, Budget, Credits, CreditsReply, FreeModelRequests, KeyInfo, KeyReply,
};
pub use crate::byok::{ByokKey, ByokListReply, ByokReply};
pub use crate::chat::chunk::{ChatChunk, ChunkChoice, Delta, StreamEvent};
pub use crate::chat::content::TextLength;
pub use crate::chat::message::{ContentPart, Message};
pub use crate::chat::metadata::{
    AvailableEndpoint, AvailableEndpoints, PipelineStage, RouterAttempt, RouterMetadata,
};
pub use crate::chat::plugin::Plugin;
pub use crate::chat::preferences::{MaxPrice, ProviderPreferences};
pub use crate::chat::reasoning::Reasoning;
pub use crate::chat::request::{CacheControl, ChatRequest, Delivery};
pub use crate::chat::response::{
    AssistantMessage, ChatReply, ChatResponse, Choice, FunctionCall, ToolCall,
};
pub use crate::chat::tool::{FunctionSpec, JsonSchema, ResponseFormat, Tool, ToolChoice};
pub use crate::chat::view::{MessageView, PartView};
pub use crate::document::Rows;
pub use crate::embeddings::{EmbeddingsRequest, EmbeddingsResponse};
pub use crate::endpoints::{
    EndpointListReply, Endpoints, EndpointsReply, Percentiles, PublicEndpoint, ToolChoiceSupport,
};
pub use crate::error::ErrorBody;
pub use crate::gemini::{
    GeminiCall, GeminiCandidate, GeminiContent, GeminiData, GeminiPart, GeminiReply, GeminiUsage,
    ModalityCount,
};
pub use crate::generation::{Generation, GenerationReply, ProviderResponse};
pub use crate::json::Object;
pub use crate::merge::{ChunkMerger, MessagesMerger};
pub use crate::messages::{CacheCreation, MessagesEvent, MessagesReply, MessagesUsage};
pub use crate::models::{
    AliasTarget, Architecture, ArenaScore, Benchmarks, Model, ModelCount, ModelCountReply,
    ModelLinks, ModelReply, ModelsPage, PageLinks, QualityIndices, ReasoningTraits, TopProvider,
};
pub use crate::number::Decimal;
pub use crate::parse_error::ParseError;
pub use crate::pricing::{Pricing, PricingOverride};
pub use crate::providers::{ProviderInfo, ProvidersReply};
pub use crate::raw::{Raw, Text};
pub use crate::request::{Request, Turn};
pub use crate::responses::{ResponsesEvent, ResponsesReply};
pub use crate::sse::{DEFAULT_EVENT_LIMIT, Incomplete, SseDecoder, SseError, SseItem, StreamEnd};
pub use crate::strict::{MAX_DEPTH, MAX_MEMBERS, MAX_TOKEN_IDS, MAX_VALUES, check_strictly};
pub use crate::surface::Surface;
pub use crate::translate::{
    ChatTranslator, Loss, StreamTranslator, Thinking, Translated, UpstreamDialect,
    answer_from_chat, anthropic_from_messages, chat_from_answer, from_chat, gemini_from_chat,
    to_chat, without_foreign_thoughts,
};
pub use crate::usage::{
    CompletionTokensDetails, CostDetails, PromptTokensDetails, ServerToolUse, Usage,
};
pub use crate::words::{
    DataCollection, ErrorType, FinishReason, LimitSource, Modality, Quantization, ReasoningEffort,
    ReasoningSummary, Role, RoutingStrategy, ServiceTier, Verbosity,
};
