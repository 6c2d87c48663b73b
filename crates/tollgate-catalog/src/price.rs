//! From listed prices to prices to calculate with.

use tollgate_core::{
    InvalidMoney, ModelId, Price, PriceCondition, PriceOverride, Pricing, Rate, Rates, RatesPatch,
};
use tollgate_wire::{Decimal, Model, Pricing as Listed, PricingOverride};

use crate::facts;

/// The suffix of an id that promises a price of zero.
const FREE: &str = "free";

/// The pricing of a listed model.
///
/// A zero is believed only where the id promises it: models for images and
/// sound are listed at zero and cost money. `discount` is not applied, as the
/// list does not say whether its prices have it in already; the higher figure
/// is the safe one.
pub(crate) fn of(model: &Model) -> Pricing {
    if asks_later(&model.pricing) {
        return Pricing::Dynamic;
    }
    let Ok(price) = price(&model.pricing) else {
        return Pricing::Unknown;
    };
    if !is_zero(&price.base) {
        return Pricing::Known(price);
    }
    let promised = ModelId::new(&model.id).is_ok_and(|id| id.variant() == Some(FREE));
    match (promised, facts::picks_a_model(model)) {
        (true, _) => Pricing::Free,
        (false, true) => Pricing::Dynamic,
        (false, false) => Pricing::Unknown,
    }
}

fn is_zero(rates: &Rates) -> bool {
    [rates.input, rates.output, rates.request.unwrap_or_default()] == [Rate::ZERO; 3]
}

/// Adds prices that may apply: they count for the worst case and never lower a
/// price that was expected.
pub(crate) fn with_doubt(pricing: Pricing, doubted: Pricing) -> Pricing {
    match (pricing, doubted) {
        (Pricing::Known(mut price), Pricing::Known(doubted)) => {
            let all = std::iter::once(patch_of(&doubted.base))
                .chain(doubted.overrides.iter().map(|entry| entry.rates));
            let when = PriceCondition {
                unknown: true,
                ..Default::default()
            };
            price
                .overrides
                .extend(all.map(|rates| PriceOverride { when, rates }));
            Pricing::Known(price)
        }
        (pricing, _) => pricing,
    }
}

fn patch_of(rates: &Rates) -> RatesPatch {
    RatesPatch {
        input: Some(rates.input),
        output: Some(rates.output),
        cache_read: rates.cache_read,
        cache_write: rates.cache_write,
        cache_write_1h: rates.cache_write_1h,
        audio_input: rates.audio_input,
    }
}

/// `-1`: the price is that of the model which will be picked.
fn asks_later(listed: &Listed) -> bool {
    let later = |price: &Option<Decimal>| {
        price
            .as_ref()
            .is_some_and(|price| price.as_str().parse() == Ok(-1.0))
    };
    later(&listed.prompt) || later(&listed.completion)
}

/// The prices as listed; an error when one is missing, negative or no money.
pub(crate) fn price(listed: &Listed) -> Result<Price, InvalidMoney> {
    let base = Rates {
        input: required(&listed.prompt)?,
        output: required(&listed.completion)?,
        cache_read: rate(&listed.input_cache_read)?,
        cache_write: rate(&listed.input_cache_write)?,
        cache_write_1h: rate(&listed.input_cache_write_1h)?,
        // Zero here means "not priced apart": such tokens cost what the others cost.
        audio_input: rate(&listed.audio)?.filter(is_charged),
        audio_output: rate(&listed.audio_output)?.filter(is_charged),
        image_output: rate(&listed.image_output)?.filter(is_charged),
        reasoning: rate(&listed.internal_reasoning)?.filter(is_charged),
        image: rate(&listed.image)?,
        request: rate(&listed.request)?,
        web_search: rate(&listed.web_search)?,
    };
    let overrides = listed
        .overrides
        .iter()
        .map(price_override)
        .collect::<Result<_, _>>()?;
    Ok(Price { base, overrides })
}

fn is_charged(rate: &Rate) -> bool {
    *rate != Rate::ZERO
}

fn required(price: &Option<Decimal>) -> Result<Rate, InvalidMoney> {
    rate(price)?.ok_or_else(|| InvalidMoney::NotDecimal(String::new()))
}

fn rate(price: &Option<Decimal>) -> Result<Option<Rate>, InvalidMoney> {
    price
        .as_ref()
        .map(|price| Rate::parse_ceil(price.as_str()))
        .transpose()
}

fn price_override(listed: &PricingOverride) -> Result<PriceOverride, InvalidMoney> {
    let window = window(listed.utc_start, listed.utc_end);
    let days = listed.utc_days.as_deref().map(weekdays);
    let unknown = !listed.unknown_keys().is_empty() || window == Some(None) || days == Some(None);
    let when = PriceCondition {
        min_prompt_tokens: listed.min_prompt_tokens,
        utc_minutes: window.flatten(),
        utc_days: days.flatten(),
        unknown,
    };
    let rates = RatesPatch {
        input: rate(&listed.prompt)?,
        output: rate(&listed.completion)?,
        cache_read: rate(&listed.input_cache_read)?,
        cache_write: rate(&listed.input_cache_write)?,
        cache_write_1h: rate(&listed.input_cache_write_1h)?,
        audio_input: rate(&listed.audio)?.filter(is_charged),
    };
    Ok(PriceOverride { when, rates })
}

/// Minutes of the day; `Some(None)` when there is a window that makes no sense.
fn window(start: Option<u64>, end: Option<u64>) -> Option<Option<(u16, u16)>> {
    if start.is_none() && end.is_none() {
        return None;
    }
    let start = minute_of_day(start.unwrap_or(0));
    let end = minute_of_day(end.unwrap_or(2400));
    Some(start.zip(end))
}

/// HHMM (`1030`) as minutes since midnight; 2400 is the end of the day.
fn minute_of_day(hhmm: u64) -> Option<u16> {
    let (hours, minutes) = (hhmm / 100, hhmm % 100);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 24 * 60)
        .then(|| u16::try_from(total).ok())
        .flatten()
}

/// Names of days as bits, Monday = bit 0; `None` when a name is not known.
fn weekdays(names: &[String]) -> Option<u8> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    names.iter().try_fold(0, |bits, name| {
        let day = DAYS.iter().position(|day| day.eq_ignore_ascii_case(name))?;
        Some(bits | 1 << day)
    })
}

#[cfg(test)]
mod tests;
