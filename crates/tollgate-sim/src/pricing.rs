//! A model's price list, and what a number of tokens costs by it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::clock;
use crate::money::{NanoUsd, atto_text, parse_atto};

/// Prices in attos per unit, with conditional replacements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PriceSheet {
    base: BTreeMap<String, i128>,
    overrides: Vec<Override>,
    /// A share of the price that was taken off, and no price. The listed prices are taken as
    /// reduced by it, so it is only told again.
    discount: Option<Value>,
}

/// Prices that hold instead of the base ones when every condition is met.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Override {
    conditions: Conditions,
    prices: BTreeMap<String, i128>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Conditions {
    min_prompt_tokens: Option<u64>,
    utc_start: Option<u64>,
    utc_end: Option<u64>,
    utc_days: Option<Vec<String>>,
}

/// The keys of an override entry that are conditions; all others are prices.
const CONDITIONS: [&str; 4] = ["min_prompt_tokens", "utc_start", "utc_end", "utc_days"];

/// Tokens of one answer, as they are charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// All input, cached part included.
    pub(crate) prompt: u64,
    /// The part of `prompt` that was read from the prompt cache.
    pub(crate) cached: u64,
    /// All output, reasoning included.
    pub(crate) completion: u64,
    /// The part of `completion` that was reasoning.
    pub(crate) reasoning: u64,
}

/// What an answer costs: the total is rounded once, and the parts add up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Price {
    pub(crate) total: NanoUsd,
    pub(crate) prompt: NanoUsd,
    pub(crate) completion: NanoUsd,
    atto: i128,
}

impl Price {
    /// A share of what the unrounded total has beyond a free part, rounded once.
    pub(crate) fn percent(self, percent: u32, free: NanoUsd) -> NanoUsd {
        let beyond = (self.atto - free.attos()).max(0);
        // Hundredths of attos do not exist, so divide last.
        NanoUsd::round_half_even(beyond * i128::from(percent) / 100)
    }
}

impl PriceSheet {
    /// Reads the `pricing` object of the catalog.
    ///
    /// # Errors
    /// The name of the key that is not a price.
    pub(crate) fn from_json(pricing: &Value) -> Result<Self, String> {
        let fields = pricing.as_object().ok_or("pricing")?;
        let overrides = fields
            .get("overrides")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let is_price = |key: &str| !matches!(key, "overrides" | "discount");
        Ok(Self {
            base: prices(fields.iter().filter(|(key, _)| is_price(key)))?,
            discount: fields.get("discount").cloned(),
            overrides: overrides
                .iter()
                .map(Override::from_json)
                .collect::<Result<_, _>>()?,
        })
    }

    /// True when the list cannot say what a token costs (`-1`, as routers have it).
    pub(crate) fn is_dynamic(&self) -> bool {
        ["prompt", "completion"]
            .into_iter()
            .any(|key| self.base.get(key).is_none_or(|price| *price < 0))
    }

    /// True when neither input nor output costs anything.
    pub(crate) fn is_free(&self) -> bool {
        ["prompt", "completion"]
            .into_iter()
            .all(|key| self.base.get(key) == Some(&0))
    }

    /// The base price of one unit in attos; 0 when it is not listed.
    pub(crate) fn base(&self, key: &str) -> i128 {
        self.base.get(key).copied().unwrap_or(0)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.base.contains_key(key)
    }

    /// The list with every price raised by a number of percent.
    pub(crate) fn dearer(&self, percent: u32) -> Self {
        let raise = |prices: &BTreeMap<String, i128>| {
            prices
                .iter()
                .map(|(key, price)| (key.clone(), price + price * i128::from(percent) / 100))
                .collect()
        };
        Self {
            base: raise(&self.base),
            discount: self.discount.clone(),
            overrides: self
                .overrides
                .iter()
                .map(|entry| Override {
                    conditions: entry.conditions.clone(),
                    prices: raise(&entry.prices),
                })
                .collect(),
        }
    }

    /// The `pricing` object as the catalog writes it.
    pub(crate) fn to_json(&self) -> Value {
        let mut fields = price_fields(&self.base);
        if !self.overrides.is_empty() {
            let overrides = self.overrides.iter().map(Override::to_json).collect();
            fields.insert("overrides".into(), Value::Array(overrides));
        }
        let discount = self.discount.iter().cloned();
        fields.extend(discount.map(|discount| ("discount".to_owned(), discount)));
        Value::Object(fields)
    }

    /// The cost of an answer that was asked for at `now` (seconds since 1970).
    ///
    /// Products are summed in attos and rounded once.
    pub(crate) fn price(&self, tokens: Tokens, now: u64) -> Price {
        let list = self.effective(tokens.prompt, now);
        let of = |key: &str| list.get(key).copied();
        let prompt = of("prompt").unwrap_or(0).max(0);
        let completion = of("completion").unwrap_or(0).max(0);
        let cache_read = of("input_cache_read").unwrap_or(prompt);
        // A listed zero means that reasoning is charged like any other output.
        let reasoning = of("internal_reasoning")
            .filter(|price| *price > 0)
            .unwrap_or(completion);

        let input = times(tokens.prompt - tokens.cached, prompt)
            + times(tokens.cached, cache_read)
            + of("request").unwrap_or(0);
        let output = times(tokens.completion - tokens.reasoning, completion)
            + times(tokens.reasoning, reasoning);
        let total = NanoUsd::round_half_even(input + output);
        let prompt = NanoUsd::round_half_even(input);
        Price {
            total,
            prompt,
            completion: total.minus(prompt),
            atto: input + output,
        }
    }

    /// The base list with all applicable overrides merged; later ones win.
    fn effective(&self, prompt_tokens: u64, now: u64) -> BTreeMap<&str, i128> {
        let applicable = self
            .overrides
            .iter()
            .filter(|entry| entry.conditions.hold(prompt_tokens, now));
        std::iter::once(&self.base)
            .chain(applicable.map(|entry| &entry.prices))
            .flatten()
            .map(|(key, price)| (key.as_str(), *price))
            .collect()
    }
}

impl Override {
    fn from_json(entry: &Value) -> Result<Self, String> {
        let fields = entry.as_object().ok_or("overrides")?;
        Ok(Self {
            conditions: Conditions::deserialize(entry).map_err(|error| error.to_string())?,
            prices: prices(
                fields
                    .iter()
                    .filter(|(key, _)| !CONDITIONS.contains(&key.as_str())),
            )?,
        })
    }

    fn to_json(&self) -> Value {
        let conditions = &self.conditions;
        let numbers = [
            ("min_prompt_tokens", conditions.min_prompt_tokens),
            ("utc_start", conditions.utc_start),
            ("utc_end", conditions.utc_end),
        ];
        let mut fields = price_fields(&self.prices);
        for (key, number) in numbers {
            fields.extend(number.map(|number| (key.to_owned(), number.into())));
        }
        fields.extend(
            conditions
                .utc_days
                .clone()
                .map(|days| ("utc_days".to_owned(), days.into())),
        );
        Value::Object(fields)
    }
}

impl Conditions {
    fn hold(&self, prompt_tokens: u64, now: u64) -> bool {
        self.min_prompt_tokens
            .is_none_or(|least| prompt_tokens > least)
            && self.in_window(now)
            && self.on_day(now)
    }

    /// Half-open, and over midnight when the end is before the start.
    fn in_window(&self, now: u64) -> bool {
        let time = clock::hhmm(now);
        match (self.utc_start, self.utc_end) {
            (Some(start), Some(end)) if start <= end => (start..end).contains(&time),
            (Some(start), Some(end)) => time >= start || time < end,
            (Some(start), None) => time >= start,
            (None, Some(end)) => time < end,
            (None, None) => true,
        }
    }

    fn on_day(&self, now: u64) -> bool {
        const DAYS: [&str; 7] = [
            "sunday",
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
        ];
        self.utc_days
            .as_ref()
            .is_none_or(|days| days.iter().any(|day| day == DAYS[clock::weekday(now)]))
    }
}

fn price_fields(prices: &BTreeMap<String, i128>) -> Map<String, Value> {
    prices
        .iter()
        .map(|(key, price)| (key.clone(), Value::String(atto_text(*price))))
        .collect()
}

fn times(count: u64, price: i128) -> i128 {
    i128::from(count).saturating_mul(price)
}

fn prices<'a>(
    fields: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Result<BTreeMap<String, i128>, String> {
    fields
        .map(|(key, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            parse_atto(&text)
                .map(|price| (key.clone(), price))
                .ok_or_else(|| format!("pricing.{key}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{PriceSheet, Tokens};
    use crate::clock::SNAPSHOT_NOON;

    fn sheet() -> PriceSheet {
        PriceSheet::from_json(&json!({
            "prompt": "0.000001", "completion": "0.000004", "input_cache_read": "0.0000001",
            "overrides": [
                {"min_prompt_tokens": 1000, "prompt": "0.000002"},
                {"utc_start": 1100, "utc_end": 1300, "utc_days": ["saturday"], "min_prompt_tokens": 5000, "completion": "0"},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn a_discount_is_a_number_that_no_price_follows() {
        let listed = json!({ "prompt": "0.000001", "completion": "0.000004", "discount": 0.25 });
        let sheet = PriceSheet::from_json(&listed).unwrap();
        assert_eq!(sheet.to_json(), listed);
        assert_eq!(sheet.dearer(100).to_json()["discount"], 0.25);
        assert_eq!(sheet.dearer(100).to_json()["prompt"], "0.000002");
    }

    fn total(prompt: u64, cached: u64, completion: u64, now: u64) -> String {
        sheet()
            .price(
                Tokens {
                    prompt,
                    cached,
                    completion,
                    reasoning: 0,
                },
                now,
            )
            .total
            .to_string()
    }

    #[test]
    fn cached_input_has_its_own_price() {
        assert_eq!(total(100, 0, 10, SNAPSHOT_NOON), "0.00014");
        assert_eq!(total(100, 50, 10, SNAPSHOT_NOON), "0.000095");
    }

    #[test]
    fn overrides_need_every_condition_and_start_above_the_threshold() {
        assert_eq!(total(1000, 0, 0, SNAPSHOT_NOON), "0.001");
        assert_eq!(total(1001, 0, 0, SNAPSHOT_NOON), "0.002002");
        // A Saturday noon is inside the window; one day later only the size rule holds.
        assert_eq!(total(5001, 0, 100, SNAPSHOT_NOON), "0.010002");
        assert_eq!(total(5001, 0, 100, SNAPSHOT_NOON + 86_400), "0.010402");
    }

    #[test]
    fn unknown_and_free_are_told_apart() {
        let sheet = |price: &str| {
            PriceSheet::from_json(&json!({"prompt": price, "completion": price})).unwrap()
        };
        assert!(sheet("-1").is_dynamic() && !sheet("-1").is_free());
        assert!(!sheet("0").is_dynamic() && sheet("0").is_free());
        assert!(PriceSheet::from_json(&json!({"prompt": "cheap"})).is_err());
    }
}
