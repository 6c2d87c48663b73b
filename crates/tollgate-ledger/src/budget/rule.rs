use std::collections::BTreeSet;
use std::sync::Arc;

use tollgate_core::{BudgetWindow, CallerId, Dimension, LaneId, ModelId, Task, Timestamp, Usd};

use super::calendar::Calendar;
use super::config::{BudgetConfig, OnSoft, Per};
use crate::InvalidConfig;

/// A budget as it is applied.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(super) name: Arc<str>,
    /// What its counters are kept under: counted otherwise, they are others.
    pub(super) id: Arc<str>,
    pub(super) limit: Usd,
    /// Where telling begins.
    pub(super) soft: Usd,
    pub(super) on_soft: OnSoft,
    pub(super) calendar: Calendar,
    pub(super) per: Per,
    only: Vec<String>,
    /// Whether calls count here. What calls hold that began while it was so is
    /// theirs until they end.
    pub(super) in_force: bool,
}

/// Who spends, as far as it is known when a call is admitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) caller: &'a CallerId,
    pub(crate) task: Task,
    pub(crate) tags: &'a [(String, String)],
}

/// On what it is spent, which is known attempt by attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct What<'a> {
    pub(crate) model: &'a ModelId,
    pub(crate) lane: &'a LaneId,
}

impl Rule {
    pub(crate) fn new(name: &str, config: &BudgetConfig) -> Result<Self, InvalidConfig> {
        let wrong = |key, message| InvalidConfig::Budget {
            name: name.to_owned(),
            key,
            message,
        };
        if config.limit <= Usd::ZERO {
            let message = format!(
                "{} lets nothing through; give a limit above 0",
                config.limit
            );
            return Err(wrong("limit", message));
        }
        if !(1..=100).contains(&config.soft_percent) {
            let message = format!("{} is no share; give 1 to 100", config.soft_percent);
            return Err(wrong("soft_percent", message));
        }
        if config.per == Per::All && !config.only.is_empty() {
            let message = "\"only\" needs \"per\": it says of what the values are".to_owned();
            return Err(wrong("only", message));
        }
        let calendar = Calendar::new(
            config.window,
            config.zone.as_deref(),
            config.anchor.as_deref(),
        )
        .map_err(|(key, message)| wrong(key, message))?;
        let soft = config.limit.share_ceil(config.soft_percent.into(), 100);
        Ok(Self {
            name: name.into(),
            id: match &config.per {
                Per::All => name.into(),
                per => format!("{name}/{per}").into(),
            },
            limit: config.limit,
            soft: soft.unwrap_or(config.limit),
            on_soft: config.on_soft.clone(),
            calendar,
            per: config.per.clone(),
            only: config.only.clone(),
            in_force: true,
        })
    }

    /// Whether what was counted for the other is what this one would have
    /// counted too.
    pub(super) fn counts_like(&self, other: &Self) -> bool {
        self.in_force
            && other.in_force
            && self.id == other.id
            && self.calendar == other.calendar
            && self.only == other.only
    }

    /// Whether the key is known only when an attempt is.
    pub(super) fn is_by_attempt(&self) -> bool {
        matches!(self.per, Per::Model | Per::Lane)
    }

    /// Whose share a call spends; `None` when it does not count here, or not
    /// before its attempts are known.
    pub(super) fn key_of_call<'a>(&self, who: Who<'a>) -> Option<&'a str> {
        let key = match &self.per {
            Per::All => "",
            Per::Caller => who.caller.as_str(),
            Per::Task => who.task.as_str(),
            Per::Tag(name) => {
                let mut named = who.tags.iter().filter(|(tag, _)| tag == name);
                named.next().map_or("", |(_, value)| value)
            }
            Per::Model | Per::Lane => return None,
        };
        (self.in_force && self.counts(key)).then_some(key)
    }

    /// Whose share an attempt spends, when that depends on the attempt.
    pub(super) fn key_of_attempt<'a>(&self, what: What<'a>) -> Option<&'a str> {
        let key = match &self.per {
            Per::Model => what.model.as_str(),
            Per::Lane => what.lane.as_str(),
            Per::All | Per::Caller | Per::Task | Per::Tag(_) => return None,
        };
        (self.in_force && self.counts(key)).then_some(key)
    }

    /// What reports break down by to find the same keys; `None` when all share one.
    pub(super) fn dimension(&self) -> Option<Dimension> {
        match &self.per {
            Per::All => None,
            Per::Caller => Some(Dimension::Caller),
            Per::Task => Some(Dimension::Task),
            Per::Tag(name) => Some(Dimension::Tag(name.clone())),
            Per::Model => Some(Dimension::Planned),
            Per::Lane => Some(Dimension::Lane),
        }
    }

    /// Whether spending under that key counts.
    pub(super) fn counts(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one == key)
    }

    /// Whether nothing can be spent here under other keys than those.
    pub(super) fn has_no_key_beside<'a>(
        &self,
        windows: impl IntoIterator<Item = &'a BudgetWindow>,
    ) -> bool {
        let keys: BTreeSet<&str> = windows.into_iter().map(|window| &*window.key).collect();
        match &self.per {
            Per::All => !keys.is_empty(),
            _ => !self.only.is_empty() && self.only.iter().all(|key| keys.contains(&**key)),
        }
    }

    /// The most that one call may take of what is left, when it does not say
    /// itself how much it needs: a tenth, so that others find something too,
    /// but no less than a hundredth of the limit.
    pub(super) fn share_of(&self, room: Usd) -> Usd {
        let part = |amount: Usd, parts| Usd::from_nanos(amount.nanos() / parts);
        part(room, 10).max(part(self.limit, 100)).min(room)
    }

    pub(super) fn window_of(&self, at: Timestamp) -> (Timestamp, Option<Timestamp>) {
        let start = self.calendar.start_of(at);
        (start, self.calendar.end_of(start))
    }
}
