//! The table as it is written: one model a line, in the shape that the catalog reads.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::listed::{Mode, Prices, When};
use super::merge::{From, Merged, Seller, disputed};

/// Where the table comes from.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub(super) date: &'a str,
    pub(super) sources: [&'a str; 2],
}

/// The whole table.
pub(super) fn write(origin: &Origin<'_>, sellers: &[Seller]) -> String {
    let mut text = format!(
        "{{\"date\":{},\n\"sources\":{},\n\"providers\":{{",
        json!(origin.date),
        json!(origin.sources)
    );
    for (place, seller) in sellers.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(text, "{comma}\n{}:[", json!(seller.provider));
        for (place, (name, merged)) in seller.models.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let _ = write!(text, "{comma}\n{}", row(name, merged));
        }
        text.push(']');
    }
    text.push_str("\n}}\n");
    text
}

fn row(name: &str, merged: &Merged) -> String {
    let listed = &merged.listed;
    let mut fields = vec![("name", json!(name))];
    if merged.is_priced() {
        fields.push(("price", price(merged)));
    }
    let limits = [
        ("context", listed.context),
        ("max_output", listed.max_output),
    ];
    for (field, limit) in limits {
        fields.extend(limit.map(|limit| (field, json!(limit))));
    }
    if !listed.can.is_empty() {
        fields.push(("can", json!(listed.can)));
    }
    match listed.mode {
        Mode::Chat => {}
        Mode::Responses => fields.push(("mode", json!("responses"))),
        Mode::Embedding => fields.push(("mode", json!("embedding"))),
    }
    fields.extend(listed.ends.as_ref().map(|day| ("ends", json!(day))));
    fields.push(("from", json!(merged.from.word())));
    // genai-prices matches what callers write, other gateways' names among them.
    if merged.from == From::Genai {
        fields.push(("own_name", json!(false)));
    }
    if !merged.disputes.is_empty() {
        fields.push(("doubt", json!(disputed(merged))));
    }
    // Written by hand, as a map would sort them.
    let fields: Vec<_> = fields
        .iter()
        .map(|(field, value)| format!("{}:{value}", json!(field)))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn price(merged: &Merged) -> Value {
    let mut price = Map::new();
    price.insert("base".into(), rates(&merged.listed.base));
    let overrides: Vec<_> = merged
        .listed
        .conditional
        .iter()
        .map(|(when, prices)| json!({ "when": condition(*when), "rates": rates(prices) }))
        .collect();
    if !overrides.is_empty() {
        price.insert("overrides".into(), Value::Array(overrides));
    }
    Value::Object(price)
}

fn rates(prices: &Prices) -> Value {
    let rates = prices
        .iter()
        .map(|(class, price)| ((*class).to_owned(), json!(price.to_string())));
    Value::Object(rates.collect())
}

fn condition(when: When) -> Value {
    let mut condition = Map::new();
    match when {
        When::Above(tokens) => drop(condition.insert("min_prompt_tokens".into(), json!(tokens))),
        When::Window { minutes, days } => {
            if let Some(minutes) = minutes {
                condition.insert("utc_minutes".into(), json!(minutes));
            }
            if let Some(days) = days {
                condition.insert("utc_days".into(), json!(days));
            }
        }
    }
    Value::Object(condition)
}
