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
    /// Names of the classes, in the order in which they stand above. It stays as it is: stores
    /// have a column for each, and write them by it.
    pub const CLASSES: [&'static str; 11] = [
        "input",
        "cache_read",
        "cache_write",
        "cache_write_1h",
        "audio_input",
        "output",
        "reasoning",
        "audio_output",
        "image_output",
        "images",
        "web_searches",
    ];

    /// The count of each class, in the order of [`CLASSES`](Self::CLASSES).
    pub const fn counts(&self) -> [u64; 11] {
        [
            self.input,
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
            self.audio_input,
            self.output,
            self.reasoning,
            self.audio_output,
            self.image_output,
            self.images,
            self.web_searches,
        ]
    }

    /// The usage whose classes have these counts, each asked for by its place in
    /// [`CLASSES`](Self::CLASSES).
    ///
    /// # Errors
    /// The first error that a count comes with.
    ///
    /// ```
    /// use tollgate_core::TokenUsage;
    /// let usage = TokenUsage { input: 900, output: 50, ..Default::default() };
    /// let counts = usage.counts().map(|count| count.to_string()); // as they may be kept
    /// assert_eq!(TokenUsage::of_counts(|class| counts[class].parse()), Ok(usage));
    /// ```
    pub fn of_counts<E>(count: impl Fn(usize) -> Result<u64, E>) -> Result<Self, E> {
        Ok(Self {
            input: count(0)?,
            cache_read: count(1)?,
            cache_write: count(2)?,
            cache_write_1h: count(3)?,
            audio_input: count(4)?,
            output: count(5)?,
            reasoning: count(6)?,
            audio_output: count(7)?,
            image_output: count(8)?,
            images: count(9)?,
            web_searches: count(10)?,
        })
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_the_names_of_their_fields_and_the_order_of_their_counts() {
        let usage = TokenUsage::of_counts(|class| Ok::<_, ()>(class as u64)).unwrap();
        assert_eq!(usage.counts(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let fields = serde_json::to_value(usage).unwrap();
        assert_eq!(fields.as_object().unwrap().len(), TokenUsage::CLASSES.len());
        for (class, count) in TokenUsage::CLASSES.into_iter().zip(usage.counts()) {
            assert_eq!(fields[class], count, "{class}");
        }
    }
}
