//! Prices as the catalog states them: decimal text, US dollars per single unit.

use crate::document::document;
use crate::{Decimal, Object};

document! {
    /// Prices in US dollars per single unit. An absent price is not charged on its own; `-1` depends on what a router picks;
    /// zero is no proof of free on models for images, video and sound.
    ///
    /// ```
    /// use tollgate_wire::Pricing;
    /// let pricing = Pricing::parse(br#"{"prompt":"0.000003","completion":"0.000015","new_unit":"1"}"#)?;
    /// assert_eq!(pricing.prompt.as_ref().map(|price| price.as_str()), Some("0.000003"));
    /// assert_eq!(pricing.price("new_unit").map(|price| price.to_string()).as_deref(), Some("1"));
    /// # Ok::<(), tollgate_wire::ParseError>(())
    /// ```
    pub struct Pricing {
        /// A prompt token.
        prompt: Option<Decimal> = "prompt",
        /// A completion token.
        completion: Option<Decimal> = "completion",
        /// A request.
        request: Option<Decimal> = "request",
        /// An image in.
        image: Option<Decimal> = "image",
        /// A token of an image in.
        image_token: Option<Decimal> = "image_token",
        /// An image out, or a token of it, by model.
        image_output: Option<Decimal> = "image_output",
        /// A token of sound in.
        audio: Option<Decimal> = "audio",
        /// A token of sound out.
        audio_output: Option<Decimal> = "audio_output",
        /// A token of sound read from the cache.
        input_audio_cache: Option<Decimal> = "input_audio_cache",
        /// A token read from the cache.
        input_cache_read: Option<Decimal> = "input_cache_read",
        /// A token written to the cache.
        input_cache_write: Option<Decimal> = "input_cache_write",
        /// A token written to the cache for an hour.
        input_cache_write_1h: Option<Decimal> = "input_cache_write_1h",
        /// A reasoning token, where it differs from `completion`.
        internal_reasoning: Option<Decimal> = "internal_reasoning",
        /// A search.
        web_search: Option<Decimal> = "web_search",
        /// The fraction taken off, 0 to 1; whether the prices have it in already is not said.
        discount: Option<Decimal> = "discount",
        /// Prices under conditions.
        overrides: Vec<PricingOverride> = "overrides",
    }

    /// Prices that replace the others when every condition holds. All that apply are merged, later ones win.
    pub struct PricingOverride {
        /// More prompt tokens than this.
        min_prompt_tokens: Option<u64> = "min_prompt_tokens",
        /// From this time of day in UTC, as HHMM (`1030`), inclusive.
        utc_start: Option<u64> = "utc_start",
        /// To this time of day in UTC, as HHMM, exclusive; may be before the start, over midnight.
        utc_end: Option<u64> = "utc_end",
        /// On these days in UTC, `monday` to `sunday`.
        utc_days: Option<Vec<String>> = "utc_days",
        /// A prompt token.
        prompt: Option<Decimal> = "prompt",
        /// A completion token.
        completion: Option<Decimal> = "completion",
        /// A token of sound in.
        audio: Option<Decimal> = "audio",
        /// A token of sound read from the cache.
        input_audio_cache: Option<Decimal> = "input_audio_cache",
        /// A token read from the cache.
        input_cache_read: Option<Decimal> = "input_cache_read",
        /// A token written to the cache.
        input_cache_write: Option<Decimal> = "input_cache_write",
        /// A token written to the cache for an hour.
        input_cache_write_1h: Option<Decimal> = "input_cache_write_1h",
    }
}

impl Pricing {
    /// A price by its key, also one that has no field here.
    pub fn price(&self, key: &str) -> Option<Decimal> {
        price(&self.to_object(), key)
    }

    /// All prices by key, in the order they came, without discount and overrides.
    pub fn prices(&self) -> Vec<(String, Decimal)> {
        let object = self.to_object();
        let keys = object
            .iter()
            .map(|(key, _)| key)
            .filter(|key| *key != "discount");
        keys.filter_map(|key| Some((key.to_owned(), price(&object, key)?)))
            .collect()
    }
}

impl PricingOverride {
    /// Keys that are neither a condition nor a price known here. With any of them the entry may or may not apply.
    pub fn unknown_keys(&self) -> Vec<&str> {
        self.kept()
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !Self::KEYS.contains(key))
            .collect()
    }
}

fn price(object: &Object, key: &str) -> Option<Decimal> {
    object.get(key).and_then(|raw| Decimal::from_raw(raw).ok())
}
