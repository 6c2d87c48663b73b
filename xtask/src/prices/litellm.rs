//! The price file of litellm.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::attos::Attos;
use super::listed::{CONDITIONAL, Class, Listed, Mode, Prices, When};

/// The fields of a price, and the class that each is of. Prices of service
/// tiers (`_batches`, `_flex`, `_priority` …) and of caches kept for half a day
/// are what a caller asks for apart, and are left out.
const FIELDS: &[(&str, Class)] = &[
    ("input_cost_per_token", "input"),
    ("output_cost_per_token", "output"),
    ("cache_read_input_token_cost", "cache_read"),
    ("cache_creation_input_token_cost", "cache_write"),
    (
        "cache_creation_input_token_cost_above_1hr",
        "cache_write_1h",
    ),
    ("input_cost_per_audio_token", "audio_input"),
    ("output_cost_per_audio_token", "audio_output"),
    ("output_cost_per_image_token", "image_output"),
    ("output_cost_per_reasoning_token", "reasoning"),
    ("input_cost_per_image", "image"),
    ("input_cost_per_request", "request"),
];

/// The fields of a capability, and its name in the table.
const ABILITIES: &[(&str, &str)] = &[
    ("supports_function_calling", "tools"),
    ("supports_tool_choice", "tool_choice"),
    ("supports_response_schema", "structured_output"),
    ("supports_reasoning", "reasoning"),
    ("supports_vision", "image_input"),
    ("supports_audio_input", "audio_input"),
    ("supports_video_input", "video_input"),
    ("supports_pdf_input", "file_input"),
    ("supports_prompt_caching", "prompt_cache"),
];

/// The models of each provider, under the names that litellm gives them.
#[derive(Debug, Default)]
pub(super) struct Litellm(BTreeMap<String, BTreeMap<String, Listed>>);

type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl Litellm {
    /// The models of a provider, without litellm's own prefix.
    pub(super) fn of(&self, provider: &str) -> impl Iterator<Item = (&str, &Listed)> {
        self.0
            .get(provider)
            .into_iter()
            .flatten()
            .map(|(name, listed)| (name.as_str(), listed))
    }
}

/// Reads the file.
pub(super) fn parse(text: &str) -> Result<Litellm, String> {
    let rows: BTreeMap<String, Fields<'_>> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut found = Litellm::default();
    for (name, fields) in &rows {
        let (Some(provider), Some(mode)) = (word(fields, "litellm_provider"), mode(fields)) else {
            continue;
        };
        let listed = listed(fields, mode).map_err(|error| format!("{name}: {error}"))?;
        let own = name
            .strip_prefix(&format!("{provider}/"))
            .unwrap_or(name)
            .to_owned();
        let names = found.0.entry(provider).or_default();
        match names.get_mut(&own) {
            Some(same) => same.join(listed),
            None => drop(names.insert(own, listed)),
        }
    }
    Ok(found)
}

/// How it is called, when by text.
fn mode(fields: &Fields<'_>) -> Option<Mode> {
    let endpoints: Vec<String> = value(fields, "supported_endpoints").unwrap_or_default();
    let by_chat = endpoints.is_empty()
        || endpoints
            .iter()
            .any(|endpoint| endpoint.ends_with("/chat/completions"));
    match (word(fields, "mode")?.as_str(), by_chat) {
        ("chat", true) => Some(Mode::Chat),
        ("chat" | "responses", _)
            if endpoints
                .iter()
                .any(|endpoint| endpoint.ends_with("/responses")) =>
        {
            Some(Mode::Responses)
        }
        ("responses", _) => Some(Mode::Responses),
        ("embedding", _) => Some(Mode::Embedding),
        _ => None,
    }
}

fn listed(fields: &Fields<'_>, mode: Mode) -> Result<Listed, String> {
    let mut listed = Listed {
        context: value(fields, "max_input_tokens"),
        max_output: value(fields, "max_output_tokens"),
        mode,
        ends: word(fields, "deprecation_date").filter(|day| day.len() == "2026-11-23".len()),
        ..Listed::default()
    };
    listed.can = ABILITIES
        .iter()
        .filter(|(field, _)| value::<bool>(fields, field) == Some(true))
        .map(|(_, ability)| *ability)
        .collect();
    for (field, raw) in fields {
        if let Some((class, when)) = price_field(field) {
            let prices = match when {
                None => &mut listed.base,
                Some(when) => listed.conditional.entry(when).or_default(),
            };
            if raw.get() != "null" {
                Listed::set(prices, class, Attos::parse(raw.get(), 0)?);
            }
        }
    }
    if let Some(searches) = fields.get("search_context_cost_per_query") {
        listed.base.extend(dearest_search(searches)?);
    }
    if let Some(cheaper) = fields.get("off_peak_pricing") {
        add_windows(&mut listed, cheaper)?;
    }
    listed.conditional.retain(|_, prices| !prices.is_empty());
    Ok(listed)
}

/// The class of a price field, and the size of prompt from which it holds.
fn price_field(field: &str) -> Option<(Class, Option<When>)> {
    FIELDS.iter().find_map(|(name, class)| {
        let rest = field.strip_prefix(name)?;
        if rest.is_empty() {
            return Some((*class, None));
        }
        let thousands = rest.strip_prefix("_above_")?.strip_suffix("k_tokens")?;
        let thousands: u64 = thousands.parse().ok()?;
        CONDITIONAL
            .contains(class)
            .then_some((*class, Some(When::Above(thousands * 1_000))))
    })
}

/// A search costs what the dearest kind of search costs.
fn dearest_search(raw: &RawValue) -> Result<Prices, String> {
    let by_size: Fields<'_> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let mut prices = Prices::new();
    for price in by_size.values() {
        let mut one = Prices::new();
        Listed::set(&mut one, "web_search", Attos::parse(price.get(), 0)?);
        super::listed::raise(&mut prices, &one);
    }
    Ok(prices)
}

#[derive(Deserialize)]
struct Window {
    hours_utc: Hours,
    #[serde(default)]
    weekdays: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Hours {
    One(String),
    Many(Vec<String>),
}

/// Prices that hold at some hours. Weekdays in another zone than UTC are not
/// known to the table, so such prices are left out: without them it is dearer.
fn add_windows(listed: &mut Listed, raw: &RawValue) -> Result<(), String> {
    let fields: Fields<'_> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    if fields.contains_key("weekday_timezone") {
        return Ok(());
    }
    let mut prices = Prices::new();
    for (field, price) in &fields {
        if let Some((class, None)) = price_field(field) {
            Listed::set(&mut prices, class, Attos::parse(price.get(), 0)?);
        }
    }
    let windows: Vec<Window> =
        value(&fields, "windows").ok_or("off_peak_pricing has no windows")?;
    for window in &windows {
        let days = days(&window.weekdays)?;
        let hours = match &window.hours_utc {
            Hours::One(hours) => std::slice::from_ref(hours),
            Hours::Many(hours) => hours,
        };
        for hours in hours {
            let minutes = minutes(hours).ok_or_else(|| format!("{hours} is no window"))?;
            let when = When::Window { minutes, days };
            listed.conditional.insert(when, prices.clone());
        }
    }
    Ok(())
}

/// ISO days of the week (Monday = 1) as bits; none means all.
fn days(weekdays: &[u8]) -> Result<Option<u8>, String> {
    let bits = weekdays.iter().try_fold(0_u8, |bits, day| match day {
        1..=7 => Ok(bits | 1 << (day - 1)),
        _ => Err(format!("{day} is no day of the week")),
    })?;
    Ok((bits != 0 && bits != 0b111_1111).then_some(bits))
}

/// `10:00-00:00` as minutes of the day; `Some(None)` for the whole day.
fn minutes(hours: &str) -> Option<Option<(u16, u16)>> {
    let (start, end) = hours.split_once('-')?;
    let (start, end) = (minute(start)?, minute(end)?);
    match (start, end) {
        (0, 0) => Some(None),
        (start, 0) => Some(Some((start, 24 * 60))),
        both => Some(Some(both)),
    }
}

fn minute(time: &str) -> Option<u16> {
    let (hour, minute) = time.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn word(fields: &Fields<'_>, name: &str) -> Option<String> {
    value(fields, name)
}

fn value<T: serde::de::DeserializeOwned>(fields: &Fields<'_>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(json: &str) -> Listed {
        let all = parse(json).unwrap();
        let (_, listed) = all.of("p").next().unwrap();
        listed.clone()
    }

    #[test]
    fn prices_tiers_and_limits_are_read_and_service_tiers_are_not() {
        let listed = one(
            r#"{"p/m":{"litellm_provider":"p","mode":"chat","max_input_tokens":9,"max_output_tokens":3,
            "input_cost_per_token":1.5e-07,"output_cost_per_token":1e-06,"input_cost_per_token_priority":9,
            "input_cost_per_token_above_200k_tokens":3e-07,"cache_creation_input_token_cost":0.0,
            "cache_creation_input_token_cost_above_1hr":4e-07,"supports_vision":true,"supports_reasoning":false,
            "search_context_cost_per_query":{"low":0.01,"high":0.03}}}"#,
        );
        let shown = |prices: &Prices| {
            let shown: Vec<_> = prices
                .iter()
                .map(|(class, price)| format!("{class} {price}"))
                .collect();
            shown.join(", ")
        };
        assert_eq!(
            shown(&listed.base),
            "cache_write_1h 0.0000004, input 0.00000015, output 0.000001, web_search 0.03"
        );
        assert_eq!(
            shown(&listed.conditional[&When::Above(200_000)]),
            "input 0.0000003"
        );
        assert_eq!((listed.context, listed.max_output), (Some(9), Some(3)));
        assert_eq!(listed.can.into_iter().collect::<Vec<_>>(), ["image_input"]);
    }

    #[test]
    fn windows_are_minutes_and_days_in_utc() {
        let row = |more: &str| {
            one(&format!(
                r#"{{"m":{{"litellm_provider":"p","mode":"chat","input_cost_per_token":2e-07,
                "off_peak_pricing":{{"input_cost_per_token":1e-07{more},"windows":[
                {{"hours_utc":["04:00-06:00","10:00-00:00"],"weekdays":[1,5]}},
                {{"hours_utc":"00:00-00:00","weekdays":[6,7]}}]}}}}}}"#
            ))
        };
        let when: Vec<_> = row("").conditional.into_keys().collect();
        let window = |minutes, days| When::Window {
            minutes,
            days: Some(days),
        };
        assert_eq!(
            when,
            [
                window(None, 0b110_0000),
                window(Some((240, 360)), 0b1_0001),
                window(Some((600, 1440)), 0b1_0001)
            ]
        );
        let elsewhere = row(r#","weekday_timezone":"Asia/Shanghai""#);
        assert!(elsewhere.conditional.is_empty());
    }

    #[test]
    fn what_is_not_called_by_chat_is_marked_or_left_out() {
        let mode = |fields: &str| {
            let all = parse(&format!(r#"{{"m":{{"litellm_provider":"p",{fields}}}}}"#)).unwrap();
            all.of("p").next().map(|(_, listed)| listed.mode)
        };
        assert_eq!(mode(r#""mode":"chat""#), Some(Mode::Chat));
        assert_eq!(
            mode(r#""mode":"chat","supported_endpoints":["/v1/responses"]"#),
            Some(Mode::Responses)
        );
        assert_eq!(
            mode(r#""mode":"chat","supported_endpoints":["/v1/realtime"]"#),
            None
        );
        assert_eq!(mode(r#""mode":"video_generation""#), None);
    }
}
