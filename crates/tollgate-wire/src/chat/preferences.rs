//! Preferences among the providers of a model.

use crate::document::document;
use crate::{DataCollection, Decimal, Object, Quantization, Raw};

document! {
    /// Preferences among providers. The schema is closed: keys of your own may be refused.
    ///
    /// ```
    /// use tollgate_wire::{Decimal, MaxPrice, ProviderPreferences};
    /// let mut ceiling = MaxPrice::default();
    /// ceiling.prompt = Some(Decimal::quoted("0.5")?);
    /// let mut preferences = ProviderPreferences::default();
    /// preferences.max_price = Some(ceiling);
    /// assert_eq!(preferences.to_object().to_vec(), br#"{"max_price":{"prompt":"0.5"}}"#);
    /// # Ok::<(), tollgate_wire::ParseError>(())
    /// ```
    pub struct ProviderPreferences {
        /// Try these first, in order.
        order: Option<Vec<String>> = "order",
        /// Only these.
        only: Option<Vec<String>> = "only",
        /// Not these.
        ignore: Option<Vec<String>> = "ignore",
        /// Whether others may serve when the first choice fails; true by default.
        allow_fallbacks: Option<bool> = "allow_fallbacks",
        /// Whether an endpoint must support every parameter sent.
        require_parameters: Option<bool> = "require_parameters",
        /// Whether endpoints that store or train may serve.
        data_collection: Option<DataCollection> = "data_collection",
        /// Whether only endpoints without data retention may serve.
        zdr: Option<bool> = "zdr",
        /// Whether only models that may be distilled from may serve.
        enforce_distillable_text: Option<bool> = "enforce_distillable_text",
        /// Only these number formats.
        quantizations: Option<Vec<Quantization>> = "quantizations",
        /// `price`, `throughput`, `latency`, `exacto`, or an object with `by` and `partition`.
        sort: Option<Raw> = "sort",
        /// The dearest prices that may be paid.
        max_price: Option<MaxPrice> = "max_price",
        /// Tokens a second: a number, or an object of percentiles. Soft.
        preferred_min_throughput: Option<Raw> = "preferred_min_throughput",
        /// Seconds to the first token: a number, or an object of percentiles. Soft.
        preferred_max_latency: Option<Raw> = "preferred_max_latency",
        /// Options for one provider each, by slug.
        options: Option<Object> = "options",
    }

    /// Price ceilings.
    pub struct MaxPrice {
        /// US dollars per million prompt tokens.
        prompt: Option<Decimal> = "prompt",
        /// US dollars per million completion tokens.
        completion: Option<Decimal> = "completion",
        /// US dollars per request.
        request: Option<Decimal> = "request",
        /// US dollars per image.
        image: Option<Decimal> = "image",
        /// US dollars per unit of audio.
        audio: Option<Decimal> = "audio",
    }
}
