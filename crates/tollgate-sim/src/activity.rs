//! What the account did, by UTC day: the rows of `GET /activity`, and the windows of `GET /key`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::bill::{BillLine, Sums};
use crate::clock::{day_start, iso_date, month_start, week_start};
use crate::json::{Object, object};

/// How many days `GET /activity` goes back.
const DAYS_BACK: u64 = 30;

/// Sums of everything charged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity(BTreeMap<Place, Row>);

/// What is summed apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Days since 1970.
    day: u64,
    model: String,
    provider: String,
    key: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    sums: Sums,
    requests: u64,
    prompt: u64,
    completion: u64,
    reasoning: u64,
    cached: u64,
}

/// Spans of time that end now and begin at midnight UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Window {
    Day,
    /// From Monday on.
    Week,
    Month,
}

impl Activity {
    pub(crate) fn add(&mut self, line: &BillLine) {
        let place = Place {
            day: day(line.at),
            model: line.model.clone(),
            provider: line.provider.clone(),
            key: line.key.clone(),
        };
        let row = self.0.entry(place).or_default();
        row.sums.add(line);
        row.requests += 1;
        row.prompt += line.prompt_tokens;
        row.completion += line.completion_tokens;
        row.reasoning += line.reasoning_tokens;
        row.cached += line.cached_tokens;
    }

    /// What a key was charged in a window that ends now, in seconds since 1970.
    pub(crate) fn of_key(&self, key: &str, window: Window, now: u64) -> Sums {
        self.sum(window, now, |place| place.key == key)
    }

    /// What all keys together were charged in such a window.
    pub(crate) fn of_account(&self, window: Window, now: u64) -> Sums {
        self.sum(window, now, |_| true)
    }

    fn sum(&self, window: Window, now: u64, is_asked: impl Fn(&Place) -> bool) -> Sums {
        let first = day(match window {
            Window::Day => day_start(now),
            Window::Week => week_start(now),
            Window::Month => month_start(now),
        });
        let rows = self.0.iter().filter(|(place, _)| is_asked(place));
        rows.filter(|(place, _)| place.day >= first)
            .fold(Sums::default(), |sums, (_, row)| sums.plus(&row.sums))
    }

    /// The rows of the last days, of which the latest are not shown yet; with a date (`2026-08-08`)
    /// only those of that day.
    pub(crate) fn rows(&self, now: u64, lag_days: u64, date: Option<&str>) -> Vec<Object> {
        let Some(shown) = shown(day(now), lag_days) else {
            return Vec::new();
        };
        let mut rows: BTreeMap<(u64, &str, &str), Row> = BTreeMap::new();
        for (place, row) in &self.0 {
            let is_asked = date.is_none_or(|date| date_of(place.day) == date);
            if shown.contains(&place.day) && is_asked {
                let sum = rows.entry((place.day, &place.model, &place.provider));
                sum.or_default().merge(row);
            }
        }
        rows.iter()
            .map(|(place, row)| row.to_json(*place))
            .collect()
    }
}

impl Row {
    fn merge(&mut self, other: &Self) {
        self.sums = self.sums.plus(&other.sums);
        self.requests += other.requests;
        self.prompt += other.prompt;
        self.completion += other.completion;
        self.reasoning += other.reasoning;
        self.cached += other.cached;
    }

    fn to_json(self, (day, model, provider): (u64, &str, &str)) -> Object {
        object! {
            "date": date_of(day),
            "model": model,
            "model_permaslug": model,
            "endpoint_id": format!("{provider}/{model}"),
            "provider_name": provider,
            "usage": self.sums.credits + self.sums.fees,
            "byok_usage_inference": self.sums.provider_cost,
            "requests": self.requests,
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "reasoning_tokens": self.reasoning,
            "cached_tokens": self.cached,
        }
    }
}

fn shown(today: u64, lag_days: u64) -> Option<RangeInclusive<u64>> {
    let last = today.checked_sub(lag_days)?;
    Some(today.saturating_sub(DAYS_BACK)..=last)
}

fn day(seconds: u64) -> u64 {
    seconds / 86_400
}

fn date_of(day: u64) -> String {
    iso_date(day * 86_400)[..10].to_owned()
}
