use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// What one attempt used, in classes that do not overlap, so that no token can
/// be priced twice.
///
/// Providers report overlapping counts (cached tokens inside prompt tokens,
/// reasoning inside completion tokens); each dialect is converted once, in
/// `tollgate-transport`.
///
/// ```
/// use tollgate_core::TokenUsage;
/// let usage = TokenUsage { input: 900, cache_read: 100, output: 50, reasoning: 20, ..Default::default() };
/// assert_eq!(usage.prompt_total(), 1000);
/// assert_eq!(usage.output_total(), 50); // reasoning is part of output
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenUsage {
    /// Prompt tokens that are in none of the classes below.
    pub input: u64,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: u64,
    /// Prompt tokens written to the provider's cache (short life, usually 5 minutes).
    pub cache_write: u64,
    /// Prompt tokens written to the cache for one hour.
    pub cache_write_1h: u64,
    /// Audio tokens in the prompt.
    pub audio_input: u64,
    /// Text tokens of the answer, reasoning included.
    pub output: u64,
    /// How many of `output` were reasoning. Informative: never add it to `output`.
    pub reasoning: u64,
    /// Audio tokens of the answer.
    pub audio_output: u64,
    /// Image tokens of the answer.
    pub image_output: u64,
    /// Images in the prompt, for providers that charge by the image.
    pub images: u64,
    /// Web searches that were made.
    pub web_searches: u64,
}

impl TokenUsage {
    /// All prompt tokens.
    pub fn prompt_total(&self) -> u64 {
        [
            self.input,
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
            self.audio_input,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// All tokens of the answer.
    pub fn output_total(&self) -> u64 {
        self.output
            .saturating_add(self.audio_output)
            .saturating_add(self.image_output)
    }
}

impl Add for TokenUsage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            audio_input: self.audio_input.saturating_add(other.audio_input),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            audio_output: self.audio_output.saturating_add(other.audio_output),
            image_output: self.image_output.saturating_add(other.image_output),
            images: self.images.saturating_add(other.images),
            web_searches: self.web_searches.saturating_add(other.web_searches),
        }
    }
}

impl AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
