use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tollgate_core::{Advice, Usd};

/// One `[budgets.NAME]` table: what may be spent in a while, and by whom.
///
/// A call is admitted only when its worst case fits into every budget that it
/// counts in; it counts in the windows of the moment it was admitted, however
/// long it takes and whenever its cost becomes known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// Most that may be spent in one window, in US dollars.
    #[schemars(with = "f64")]
    pub limit: Usd,
    /// How long a window is: `hour`, `day`, `week`, `month` or `lifetime`;
    /// `month` unless said otherwise.
    #[serde(default)]
    pub window: Period,
    /// Time zone that windows begin in, such as `Europe/Berlin`; `UTC` unless
    /// said otherwise.
    #[serde(default)]
    pub zone: Option<String>,
    /// When a window begins: a minute (`"15"`) of an hour, a time (`"09:30"`)
    /// of a day, a weekday (`"monday"`), a day of the month (`"1"` to `"28"`).
    /// The beginning of the hour, midnight, Monday and the 1st unless said
    /// otherwise.
    #[serde(default)]
    pub anchor: Option<String>,
    /// Whose spending is counted together: `all`, or apart for each `caller`,
    /// `task`, `tag.NAME`, `model` or `lane`; `all` unless said otherwise. `key`
    /// stands for `caller`, and `user` for `tag.user`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub per: Per,
    /// Counts only these callers, tasks, tags' values, models or lanes; with
    /// `per` they are each counted apart. Everything when empty.
    #[serde(default)]
    pub only: Vec<String>,
    /// Share of the limit, in percent, at which somebody is told; 80 unless
    /// said otherwise.
    #[serde(default = "eighty")]
    pub soft_percent: u8,
    /// What happens from there on, beside the warning.
    #[serde(default)]
    #[schemars(with = "String")]
    pub on_soft: OnSoft,
}

fn eighty() -> u8 {
    80
}

impl BudgetConfig {
    /// A budget of that much a month, over everything.
    pub fn new(limit: Usd) -> Self {
        Self {
            limit,
            window: Period::default(),
            zone: None,
            anchor: None,
            per: Per::default(),
            only: Vec::new(),
            soft_percent: eighty(),
            on_soft: OnSoft::default(),
        }
    }
}

/// How long a budget's window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// An hour of the clock.
    Hour,
    /// A day of the calendar: 23 or 25 hours when clocks change.
    Day,
    /// A week of the calendar.
    Week,
    /// A month of the calendar.
    #[default]
    Month,
    /// For ever.
    Lifetime,
}

impl Period {
    /// The name used in configuration and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Lifetime => "lifetime",
        }
    }
}

/// Whose spending a budget counts together.
///
/// The provider that OpenRouter is going to choose is not known when money is
/// held; lanes are: `openrouter` and each direct provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Per {
    /// Everybody's.
    #[default]
    All,
    /// Each caller's.
    Caller,
    /// Each task's.
    Task,
    /// That of each value of the caller's tag of that name.
    Tag(String),
    /// Each planned model's.
    Model,
    /// Each lane's.
    Lane,
}

const TAG: &str = "tag.";

/// Words, and other words for the same.
const PLAIN: [(&str, Per); 7] = [
    ("all", Per::All),
    ("caller", Per::Caller),
    ("task", Per::Task),
    ("model", Per::Model),
    ("lane", Per::Lane),
    ("global", Per::All),
    ("key", Per::Caller),
];

impl FromStr for Per {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "user" {
            return Ok(Self::Tag(text.to_owned()));
        }
        if let Some(name) = text.strip_prefix(TAG).filter(|name| !name.is_empty()) {
            return Ok(Self::Tag(name.to_owned()));
        }
        let known = PLAIN.iter().find(|(name, _)| *name == text);
        known.map(|(_, per)| per.clone()).ok_or_else(|| {
            format!("unknown {text:?}; it is all, caller, task, model, lane or tag.NAME")
        })
    }
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Tag(name) = self {
            return write!(f, "{TAG}{name}");
        }
        let known = PLAIN.iter().find(|(_, per)| per == self);
        f.pad(known.map_or("", |(name, _)| name))
    }
}

/// What a budget does once its soft limit is passed, beside telling.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum OnSoft {
    /// Nothing.
    #[default]
    Warn,
    /// Takes only models that cost nothing.
    FreeOnly,
    /// Ranks by the policy of that name.
    Policy(String),
}

impl OnSoft {
    pub(super) fn advise(&self, advice: &mut Advice) {
        match self {
            Self::Warn => {}
            Self::FreeOnly => advice.free_only = true,
            Self::Policy(name) => {
                advice.policy.get_or_insert_with(|| name.as_str().into());
            }
        }
    }
}

const POLICY: &str = "policy:";

impl FromStr for OnSoft {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix(POLICY)) {
            ("warn", _) => Ok(Self::Warn),
            ("free_only", _) => Ok(Self::FreeOnly),
            (_, Some(name)) if !name.is_empty() => Ok(Self::Policy(name.to_owned())),
            _ => Err(format!(
                "unknown {text:?}; it is warn, free_only or policy:NAME, such as policy:cheapest"
            )),
        }
    }
}

impl fmt::Display for OnSoft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Warn => f.pad("warn"),
            Self::FreeOnly => f.pad("free_only"),
            Self::Policy(name) => write!(f, "{POLICY}{name}"),
        }
    }
}

/// Both are one word of text in files.
macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

as_text!(Per, OnSoft);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for text in ["all", "caller", "task", "tag.team", "model", "lane"] {
            assert_eq!(text.parse::<Per>().unwrap().to_string(), text);
        }
        assert_eq!("key".parse(), Ok(Per::Caller));
        assert_eq!("user".parse(), "tag.user".parse::<Per>());
        for text in ["warn", "free_only", "policy:cheapest"] {
            assert_eq!(text.parse::<OnSoft>().unwrap().to_string(), text);
        }
        assert!("tag.".parse::<Per>().unwrap_err().contains("tag.NAME"));
        assert!(
            "policy:"
                .parse::<OnSoft>()
                .unwrap_err()
                .contains("policy:NAME")
        );
    }
}
