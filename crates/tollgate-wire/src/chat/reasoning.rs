//! How a model is asked to reason.

use crate::document::document;
use crate::{ReasoningEffort, ReasoningSummary};

document! {
    /// How to reason. `effort` and `max_tokens` exclude each other.
    ///
    /// ```
    /// use tollgate_wire::{Reasoning, ReasoningEffort};
    /// let reasoning = Reasoning::with_effort(ReasoningEffort::High);
    /// assert_eq!(reasoning.to_object().to_vec(), br#"{"effort":"high"}"#);
    /// ```
    pub struct Reasoning {
        /// How hard.
        effort: Option<ReasoningEffort> = "effort",
        /// How many tokens.
        max_tokens: Option<u64> = "max_tokens",
        /// Whether to reason and not return the text.
        exclude: Option<bool> = "exclude",
        /// On with the default effort, or off.
        enabled: Option<bool> = "enabled",
        /// Whether and how to summarise.
        summary: Option<ReasoningSummary> = "summary",
        /// Which turns are remembered: `auto`, `all_turns`, `current_turn`.
        context: Option<String> = "context",
        /// `standard` or `pro`.
        mode: Option<String> = "mode",
    }
}

impl Reasoning {
    /// Reasoning with an effort.
    pub fn with_effort(effort: ReasoningEffort) -> Self {
        Self {
            effort: Some(effort),
            ..Self::default()
        }
    }

    /// Reasoning with a budget of tokens.
    pub fn with_budget(max_tokens: u64) -> Self {
        Self {
            max_tokens: Some(max_tokens),
            ..Self::default()
        }
    }

    /// No reasoning.
    pub fn off() -> Self {
        Self {
            enabled: Some(false),
            ..Self::default()
        }
    }
}
