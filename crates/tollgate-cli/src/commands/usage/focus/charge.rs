//! A row of a report as what is owed to whom.

use std::time::Duration;

use serde_json::Value;
use tollgate::{Billing, Dimension, Timestamp, TokenUsage, UsageRow, Usd};

use crate::commands::usage::period::rfc3339;

/// The values that a row is about.
pub(super) struct Key<'a> {
    pub(super) by: &'a [Dimension],
    pub(super) values: &'a [String],
}

impl<'a> Key<'a> {
    pub(super) fn value(&self, by: &Dimension) -> &'a str {
        let place = self.by.iter().position(|one| one == by);
        place.map_or("", |place| self.values[place].as_str())
    }

    /// When the charge's period begins and ends.
    fn period(&self) -> (Timestamp, Timestamp) {
        let hour = rfc3339(self.value(&Dimension::Hour)).map(|start| (start, 3_600));
        let day = Timestamp::parse_date(self.value(&Dimension::Day)).map(|start| (start, 86_400));
        let (start, seconds) = hour.or(day).unwrap_or_default();
        (start, start.plus(Duration::from_secs(seconds)))
    }

    /// The tags as a JSON object; those that a call lacks are not in it.
    fn tags(&self) -> String {
        let named = self
            .by
            .iter()
            .zip(self.values)
            .filter_map(|(by, value)| match by {
                Dimension::Tag(name) if !value.is_empty() => {
                    Some((name.clone(), Value::from(value.as_str())))
                }
                _ => None,
            });
        Value::Object(named.collect()).to_string()
    }
}

/// What is owed to one payee for one period.
pub(super) struct Charge<'a> {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) lane: &'a str,
    pub(super) billing: Billing,
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    pub(super) caller: &'a str,
    /// Who is owed.
    pub(super) payee: &'a str,
    pub(super) cost: Usd,
    pub(super) unresolved: Usd,
    /// What it is for; `None` of a fee beside the price.
    tokens: Option<TokenUsage>,
    pub(super) tags: String,
}

impl<'a> Charge<'a> {
    /// The price of a row, and the fee when another is owed something too.
    pub(super) fn of(key: &Key<'a>, row: &UsageRow) -> Vec<Self> {
        let billing = key.value(&Dimension::Billing).parse().unwrap_or_default();
        let (start, end) = key.period();
        let (lane, provider) = (key.value(&Dimension::Lane), key.value(&Dimension::Provider));
        let charge = |payee, cost| Self {
            start,
            end,
            lane,
            billing,
            provider,
            model: key.value(&Dimension::Model),
            caller: key.value(&Dimension::Caller),
            payee,
            cost,
            unresolved: row.unresolved,
            tokens: Some(row.tokens),
            tags: key.tags(),
        };
        let fee = |payee, cost| Self {
            unresolved: Usd::ZERO,
            tokens: None,
            ..charge(payee, cost)
        };
        let charges = match billing {
            Billing::Credits => [charge(lane, row.credits), fee(provider, row.provider)],
            Billing::Byok => [charge(provider, row.provider), fee(lane, row.credits)],
            Billing::Direct | Billing::Caller => {
                [charge(lane, row.provider), fee(lane, row.credits)]
            }
        };
        charges.into_iter().filter(Self::says_something).collect()
    }

    fn says_something(&self) -> bool {
        let used = self
            .tokens
            .is_some_and(|tokens| tokens != TokenUsage::default());
        used || self.cost != Usd::ZERO || self.unresolved != Usd::ZERO
    }

    pub(super) fn description(&self) -> String {
        let what = if self.tokens.is_some() {
            ""
        } else {
            "fee for "
        };
        format!("{what}{} on {}", self.model, self.lane)
    }

    pub(super) fn quantity(&self) -> String {
        let total =
            |tokens: TokenUsage| tokens.prompt_total().saturating_add(tokens.output_total());
        self.tokens
            .map_or_else(String::new, |tokens| total(tokens).to_string())
    }

    pub(super) fn unit(&self) -> String {
        self.tokens.map_or_else(String::new, |_| "Tokens".into())
    }

    /// Who made the model: its id begins with it.
    pub(super) fn author(&self) -> &'a str {
        self.model.split_once('/').map_or("", |(author, _)| author)
    }
}
