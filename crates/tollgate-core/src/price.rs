use serde::{Deserialize, Serialize};

use crate::{Rate, Tally, Timestamp, TokenUsage, Usd};

/// The price of each class, per unit. A class without a price of its own
/// inherits: cached and audio input cost what input costs, reasoning what
/// output costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Per uncached prompt token.
    pub input: Rate,
    /// Per output token.
    pub output: Rate,
    /// Per prompt token read from cache; `input` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    /// Per prompt token written to cache; `input` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
    /// Per prompt token written to cache for an hour; `cache_write` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Rate>,
    /// Per audio prompt token; `input` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<Rate>,
    /// Per audio output token; `output` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<Rate>,
    /// Per image output token; `output` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output: Option<Rate>,
    /// Per reasoning token; `output` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Rate>,
    /// Per image in the prompt, beside its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Rate>,
    /// Per request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Rate>,
    /// Per web search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_search: Option<Rate>,
}

impl Rates {
    /// The exact sum of one attempt's usage, before rounding.
    pub fn tally(&self, usage: &TokenUsage) -> Tally {
        let cache_write = self.cache_write.unwrap_or(self.input);
        let reasoning = usage.reasoning.min(usage.output);
        let mut tally = Tally::default();
        tally.add(self.input, usage.input);
        tally.add(self.cache_read.unwrap_or(self.input), usage.cache_read);
        tally.add(cache_write, usage.cache_write);
        tally.add(
            self.cache_write_1h.unwrap_or(cache_write),
            usage.cache_write_1h,
        );
        tally.add(self.audio_input.unwrap_or(self.input), usage.audio_input);
        tally.add(self.output, usage.output - reasoning);
        tally.add(self.reasoning.unwrap_or(self.output), reasoning);
        tally.add(self.audio_output.unwrap_or(self.output), usage.audio_output);
        tally.add(self.image_output.unwrap_or(self.output), usage.image_output);
        tally.add(self.image.unwrap_or_default(), usage.images);
        tally.add(self.web_search.unwrap_or_default(), usage.web_searches);
        tally.add(self.request.unwrap_or_default(), 1);
        tally
    }

    /// The dearest price a prompt token can have, whatever class it falls into.
    pub fn dearest_input(&self) -> Rate {
        [
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
            self.audio_input,
        ]
        .into_iter()
        .flatten()
        .fold(self.input, Ord::max)
    }

    /// The dearest price an output token can have, whatever class it falls into.
    pub fn dearest_output(&self) -> Rate {
        [self.audio_output, self.image_output, self.reasoning]
            .into_iter()
            .flatten()
            .fold(self.output, Ord::max)
    }

    fn replace(&mut self, with: &RatesPatch) {
        self.input = with.input.unwrap_or(self.input);
        self.output = with.output.unwrap_or(self.output);
        self.cache_read = with.cache_read.or(self.cache_read);
        self.cache_write = with.cache_write.or(self.cache_write);
        self.cache_write_1h = with.cache_write_1h.or(self.cache_write_1h);
        self.audio_input = with.audio_input.or(self.audio_input);
    }

    fn raise(&mut self, with: &RatesPatch) {
        let dearer = |ours: Option<Rate>, theirs: Option<Rate>| ours.max(theirs);
        self.input = self.input.max(with.input.unwrap_or_default());
        self.output = self.output.max(with.output.unwrap_or_default());
        self.cache_read = dearer(self.cache_read, with.cache_read);
        self.cache_write = dearer(self.cache_write, with.cache_write);
        self.cache_write_1h = dearer(self.cache_write_1h, with.cache_write_1h);
        self.audio_input = dearer(self.audio_input, with.audio_input);
    }
}

/// The prices that a condition replaces; absent ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatesPatch {
    /// Per uncached prompt token.
    pub input: Option<Rate>,
    /// Per output token.
    pub output: Option<Rate>,
    /// Per prompt token read from cache.
    pub cache_read: Option<Rate>,
    /// Per prompt token written to cache.
    pub cache_write: Option<Rate>,
    /// Per prompt token written to cache for an hour.
    pub cache_write_1h: Option<Rate>,
    /// Per audio prompt token.
    pub audio_input: Option<Rate>,
}

/// When a conditional price applies; all conditions must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceCondition {
    /// The prompt has strictly more tokens than this.
    pub min_prompt_tokens: Option<u64>,
    /// Minutes of the UTC day, half-open; the window may wrap over midnight.
    pub utc_minutes: Option<(u16, u16)>,
    /// UTC weekdays as bits, Monday = bit 0.
    pub utc_days: Option<u8>,
    /// The entry carries a condition that we do not know: it never lowers a
    /// price, and it counts for worst cases.
    pub unknown: bool,
}

impl PriceCondition {
    fn holds(&self, prompt_tokens: u64, at: Timestamp) -> bool {
        let long_enough = self.min_prompt_tokens.is_none_or(|min| prompt_tokens > min);
        let in_window = self.utc_minutes.is_none_or(|(start, end)| {
            let minute = at.minute_of_day();
            if start <= end {
                (start..end).contains(&minute)
            } else {
                minute >= start || minute < end
            }
        });
        let on_day = self
            .utc_days
            .is_none_or(|days| days & (1 << at.weekday()) != 0);
        !self.unknown && long_enough && in_window && on_day
    }

    fn can_hold(&self, max_prompt_tokens: u64) -> bool {
        self.min_prompt_tokens
            .is_none_or(|min| max_prompt_tokens > min)
    }
}

/// A conditional price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceOverride {
    /// When it applies.
    pub when: PriceCondition,
    /// What it replaces.
    pub rates: RatesPatch,
}

/// All prices of one model on one lane.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    /// The prices when no condition holds.
    pub base: Rates,
    /// Conditional prices; all that hold are applied in order, later ones win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<PriceOverride>,
}

impl Price {
    /// The prices of a request with that many prompt tokens at that moment.
    /// A replaced price holds for the whole request.
    pub fn at(&self, prompt_tokens: u64, at: Timestamp) -> Rates {
        let mut rates = self.base;
        for entry in &self.overrides {
            if entry.when.holds(prompt_tokens, at) {
                rates.replace(&entry.rates);
            }
        }
        rates
    }

    /// The dearest prices that a request with at most that many prompt tokens
    /// can meet, at whatever hour: for holds.
    pub fn ceiling(&self, max_prompt_tokens: u64) -> Rates {
        let mut rates = self.base;
        for entry in &self.overrides {
            if entry.when.can_hold(max_prompt_tokens) {
                rates.raise(&entry.rates);
            }
        }
        rates
    }
}

/// What is known of a model's price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pricing {
    /// Published prices.
    Known(Price),
    /// Free by contract (a `:free` variant), not merely listed as zero.
    Free,
    /// Known only after the answer, such as a router that picks the model.
    Dynamic,
    /// Not published, or a zero that is no proof of being free.
    Unknown,
}

/// There is no price. It can become money only by naming the fallback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the price is not known")]
pub struct PriceUnknown;

impl PriceUnknown {
    /// Uses `amount` in place of the unknown price; the caller says so by calling this.
    pub fn assume(self, amount: Usd) -> Usd {
        amount
    }
}

impl Pricing {
    /// The prices of a request, exactly as published.
    ///
    /// # Errors
    /// [`PriceUnknown`] when nothing reliable is published.
    pub fn at(&self, prompt_tokens: u64, at: Timestamp) -> Result<Rates, PriceUnknown> {
        match self {
            Self::Known(price) => Ok(price.at(prompt_tokens, at)),
            Self::Free => Ok(Rates::default()),
            Self::Dynamic | Self::Unknown => Err(PriceUnknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiered() -> Price {
        let mut price = Price::default();
        price.base.input = Rate::from_attos(10);
        price.base.output = Rate::from_attos(20);
        for (min, input) in [(1000, 30), (5000, 50)] {
            price.overrides.push(PriceOverride {
                when: PriceCondition {
                    min_prompt_tokens: Some(min),
                    ..Default::default()
                },
                rates: RatesPatch {
                    input: Some(Rate::from_attos(input)),
                    ..Default::default()
                },
            });
        }
        price
    }

    #[test]
    fn tiers_apply_strictly_above_their_threshold_to_the_whole_request() {
        let at = Timestamp::from_secs(0);
        let input = |tokens| tiered().at(tokens, at).input.attos();
        assert_eq!([input(1000), input(1001), input(5001)], [10, 30, 50]);
        assert_eq!(tiered().ceiling(1001).input.attos(), 30);
    }

    #[test]
    fn windows_wrap_over_midnight_and_days_count_in_utc() {
        let night = PriceCondition {
            utc_minutes: Some((23 * 60, 60)),
            ..Default::default()
        };
        let hour = |h: i64| Timestamp::from_secs(h * 3600);
        assert!(night.holds(1, hour(23)) && night.holds(1, hour(0)) && !night.holds(1, hour(1)));
        let thursdays = PriceCondition {
            utc_days: Some(0b1000),
            ..Default::default()
        };
        assert!(thursdays.holds(1, hour(0)) && !thursdays.holds(1, hour(24)));
    }

    #[test]
    fn unknown_conditions_never_lower_a_price_but_count_for_the_worst_case() {
        let mut price = tiered();
        price.overrides[0].when.unknown = true;
        assert_eq!(price.at(1001, Timestamp::default()).input.attos(), 10);
        assert_eq!(price.ceiling(1001).input.attos(), 30);
    }

    #[test]
    fn reasoning_is_priced_once() {
        let rates = Rates {
            output: Rate::from_attos(1_000_000_000),
            ..Default::default()
        };
        let usage = TokenUsage {
            output: 10,
            reasoning: 4,
            ..Default::default()
        };
        assert_eq!(rates.tally(&usage).half_even().nanos(), 10);
        let dear = Rates {
            reasoning: Some(Rate::from_attos(3_000_000_000)),
            ..rates
        };
        assert_eq!(dear.tally(&usage).half_even().nanos(), 6 + 12);
    }
}
