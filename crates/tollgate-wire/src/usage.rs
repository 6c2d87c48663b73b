//! What an answer used and what it cost, in all the forms that the wire has.

use crate::document::document;
use crate::{Decimal, Object};

document! {
    /// Tokens and cost of one answer, as reported. Counts are native tokens of the model that served.
    ///
    /// Null, absent, `12.0` and numbers in quotes are all read. `cached_tokens` and `cache_write_tokens` are parts of
    /// `prompt_tokens`, `reasoning_tokens` is a part of `completion_tokens`.
    ///
    /// ```
    /// use tollgate_wire::Usage;
    /// let usage = Usage::parse(br#"{"prompt_tokens":12,"completion_tokens":7.0,"cost":3.6e-7,"new":1}"#)?;
    /// assert_eq!((usage.completion_tokens, usage.cost.as_ref().map(|cost| cost.as_str())), (7, Some("3.6e-7")));
    /// # Ok::<(), tollgate_wire::ParseError>(())
    /// ```
    pub struct Usage {
        /// Tokens in, cached ones included.
        prompt_tokens: u64 = "prompt_tokens",
        /// Tokens out, reasoning included.
        completion_tokens: u64 = "completion_tokens",
        /// The sum, as reported.
        total_tokens: u64 = "total_tokens",
        /// US dollars charged to credits; for BYOK only the fee.
        cost: Option<Decimal> = "cost",
        /// Whether the caller's own provider key served.
        is_byok: Option<bool> = "is_byok",
        /// Parts of the prompt.
        prompt_tokens_details: PromptTokensDetails = "prompt_tokens_details",
        /// Parts of the completion.
        completion_tokens_details: CompletionTokensDetails = "completion_tokens_details",
        /// Parts of the cost.
        cost_details: CostDetails = "cost_details",
        /// Server tools that ran.
        server_tool_use_details: Option<ServerToolUse> = "server_tool_use_details",
        /// The older name of `server_tool_use_details`.
        server_tool_use: Option<ServerToolUse> = "server_tool_use",
    }

    /// Parts of `prompt_tokens`, in tokens.
    pub struct PromptTokensDetails {
        /// Read from the provider's cache.
        cached_tokens: u64 = "cached_tokens",
        /// Written to the provider's cache.
        cache_write_tokens: u64 = "cache_write_tokens",
        /// Audio.
        audio_tokens: u64 = "audio_tokens",
        /// Video.
        video_tokens: u64 = "video_tokens",
        /// Images.
        image_tokens: u64 = "image_tokens",
        /// Files.
        file_tokens: u64 = "file_tokens",
    }

    /// Parts of `completion_tokens`, in tokens.
    pub struct CompletionTokensDetails {
        /// Thought, not shown or shown as reasoning.
        reasoning_tokens: u64 = "reasoning_tokens",
        /// Audio.
        audio_tokens: u64 = "audio_tokens",
        /// Images.
        image_tokens: u64 = "image_tokens",
        /// Of the caller's prediction, taken.
        accepted_prediction_tokens: u64 = "accepted_prediction_tokens",
        /// Of the caller's prediction, not taken (billed all the same).
        rejected_prediction_tokens: u64 = "rejected_prediction_tokens",
    }

    /// Parts of the cost, in US dollars.
    pub struct CostDetails {
        /// What the provider bills; for BYOK it comes on top of `cost`, else it is the same money.
        upstream_inference_cost: Option<Decimal> = "upstream_inference_cost",
        /// The prompt's share of it.
        upstream_inference_prompt_cost: Option<Decimal> = "upstream_inference_prompt_cost",
        /// The completion's share of it.
        upstream_inference_completions_cost: Option<Decimal> = "upstream_inference_completions_cost",
        /// Server tools; zero when they ran for free, absent when none ran.
        server_tool_cost: Option<Decimal> = "server_tool_cost",
    }

    /// Server tools that ran. `web_search_requests` is not to be added to the others.
    pub struct ServerToolUse {
        /// Searches.
        web_search_requests: Option<u64> = "web_search_requests",
        /// Calls the model asked for.
        tool_calls_requested: Option<u64> = "tool_calls_requested",
        /// Calls that ran.
        tool_calls_executed: Option<u64> = "tool_calls_executed",
    }
}

impl Usage {
    /// The server tools that ran, under the new name or the old one.
    pub fn server_tools(&self) -> Option<&ServerToolUse> {
        self.server_tool_use_details
            .as_ref()
            .or(self.server_tool_use.as_ref())
    }

    /// The usage as it came, unknown members included; the same as [`Usage::kept`].
    pub fn raw(&self) -> &Object {
        self.kept()
    }
}
