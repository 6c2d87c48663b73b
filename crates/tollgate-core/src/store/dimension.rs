use std::fmt;

use serde::{Serialize, Serializer};

use crate::{AttemptRecord, CallFacts, Timestamp};

/// What the names of tags begin with.
const TAG: &str = "tag.";

/// The tag that says for whom a call is made; it is a dimension by its own name too.
const USER: &str = "user";

/// Other words for some dimensions.
const ALIASES: &[(&str, Dimension)] = &[("key", Dimension::Caller), ("served", Dimension::Model)];

/// What reports can be broken down by.
///
/// The model that a caller named, the one that the plan took and the one that
/// answered are three dimensions: `requested`, `planned` and `model`.
///
/// ```
/// use tollgate_core::Dimension;
/// let env = Dimension::from_name("tag.env");
/// assert_eq!(env, Some(Dimension::Tag("env".into())));
/// assert_eq!(Dimension::Requested.to_string(), "requested");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dimension {
    /// The model that served, else the one that was planned.
    Model,
    /// What the caller named as the model.
    Requested,
    /// The model that the plan took; of a list, the first.
    Planned,
    /// The provider that served.
    Provider,
    /// What calls were about.
    Task,
    /// The policy that ranked.
    Policy,
    /// Who called: the name of a key.
    Caller,
    /// The lane taken.
    Lane,
    /// Credits, BYOK or direct.
    Billing,
    /// Where the cost comes from; `none` when nothing was billed.
    Source,
    /// The UTC day of admission.
    Day,
    /// The UTC hour of admission.
    Hour,
    /// The caller's tag of that name, the first if there are several; empty
    /// without one.
    Tag(String),
}

impl Dimension {
    /// All dimensions with their names, but for tags, of which there is no end.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Model, "model"),
        (Self::Requested, "requested"),
        (Self::Planned, "planned"),
        (Self::Provider, "provider"),
        (Self::Task, "task"),
        (Self::Policy, "policy"),
        (Self::Caller, "caller"),
        (Self::Lane, "lane"),
        (Self::Billing, "billing"),
        (Self::Source, "source"),
        (Self::Day, "day"),
        (Self::Hour, "hour"),
    ];

    /// The dimension of that name; tags are named `tag.NAME`. `key` stands for
    /// `caller`, `served` for `model`, and `user` for `tag.user`.
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(tag) = name.strip_prefix(TAG) {
            return (!tag.is_empty()).then(|| Self::Tag(tag.to_owned()));
        }
        if name == USER {
            return Some(Self::Tag(USER.to_owned()));
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        let known = Self::ALL.iter().find(|(_, known)| *known == name);
        let found = alias.map(|(_, one)| one).or(known.map(|(one, _)| one));
        found.cloned()
    }

    /// This dimension's value for one attempt: what every store groups by.
    pub fn value(&self, facts: &CallFacts, record: &AttemptRecord) -> String {
        match self {
            Self::Model => record.model().to_string(),
            Self::Requested => facts.requested.clone(),
            Self::Planned => record.requested.to_string(),
            Self::Provider => record
                .provider()
                .map_or_else(|| "unknown".into(), ToString::to_string),
            Self::Task => facts.task.to_string(),
            Self::Policy => facts.policy.clone(),
            Self::Caller => facts.caller.to_string(),
            Self::Lane => record.lane.to_string(),
            Self::Billing => record.billing.to_string(),
            Self::Source => record
                .cost
                .map_or_else(|| "none".into(), |cost| cost.source.to_string()),
            Self::Day => Self::day(facts.at.day()),
            Self::Hour => Self::hour(facts.at),
            Self::Tag(name) => Self::tag(&facts.tags, name),
        }
    }

    /// How reports write a UTC day, given in days since 1970: `2026-08-08`.
    pub fn day(days: i64) -> String {
        let (year, month, day) = Timestamp::from_secs(days.saturating_mul(86_400)).date();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// How reports write the UTC hour of a moment: `2026-08-08T12:00:00Z`.
    pub fn hour(at: Timestamp) -> String {
        Timestamp::from_secs(at.secs().div_euclid(3_600) * 3_600).to_string()
    }

    /// The value of the first tag of that name; empty without one.
    pub fn tag(tags: &[(String, String)], name: &str) -> String {
        let mut named = tags.iter().filter(|(tag, _)| tag == name);
        named
            .next()
            .map_or_else(String::new, |(_, value)| value.clone())
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Tag(name) = self {
            return write!(f, "{TAG}{name}");
        }
        let known = Self::ALL.iter().find(|(one, _)| one == self);
        f.pad(known.map_or("", |(_, name)| name))
    }
}

impl Serialize for Dimension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let tag = (Dimension::Tag("a.b".into()), "tag.a.b");
        for (dimension, name) in Dimension::ALL.iter().chain([&tag]) {
            assert_eq!(Dimension::from_name(name).as_ref(), Some(dimension));
            assert_eq!(dimension.to_string(), *name);
        }
        assert_eq!(Dimension::from_name("key"), Some(Dimension::Caller));
        assert_eq!(Dimension::from_name("served"), Some(Dimension::Model));
        assert_eq!(
            Dimension::from_name("user"),
            Dimension::from_name("tag.user")
        );
        for name in ["", "tag", "tag.", "Model", "model "] {
            assert_eq!(Dimension::from_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn hours_and_days_begin_at_or_before_their_moments() {
        let at = |millis| Timestamp::from_millis(millis);
        assert_eq!(Dimension::hour(at(3_599_999)), "1970-01-01T00:00:00Z");
        assert_eq!(Dimension::hour(at(3_600_000)), "1970-01-01T01:00:00Z");
        assert_eq!(Dimension::hour(at(-1)), "1969-12-31T23:00:00Z");
        assert_eq!(Dimension::day(at(-1).day()), "1969-12-31");
    }
}
