//! When many targets of one host fail, the host is at fault.

use std::time::Duration;

use dashmap::mapref::multiple::RefMulti;
use tokio::time::Instant;
use tollgate_core::Spot;

use crate::entry::Entry;

/// Fewer endpoints than this say nothing of their host.
const ENOUGH_ENDPOINTS: u32 = 3;

/// So many keys refused within [`AT_ONCE`] are not all wrong.
const ENOUGH_KEYS: u32 = 2;

const AT_ONCE: Duration = Duration::from_secs(10);

/// What worked so shortly before may be what still works.
const JUST_NOW: Duration = Duration::from_secs(1);

/// What is known of everything that stands on one host.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Endpoints that were tried of late.
    endpoints: u32,
    /// Those of them that are out of service.
    open: u32,
    /// Keys that were refused at about the same time.
    refused: u32,
    /// When the first of those went out of service.
    since: Option<Instant>,
    /// When something else on the host answered last.
    worked_at: Option<Instant>,
}

pub(crate) fn evidence<'s>(
    spots: impl Iterator<Item = RefMulti<'s, Spot, Entry>>,
    host: &str,
    now: Instant,
) -> Evidence {
    let mut evidence = Evidence::default();
    for entry in spots.filter(|entry| *entry.authority == *host) {
        let is_recent = |moment: &Instant| now.saturating_duration_since(*moment) <= AT_ONCE;
        let failed_at = match entry.key() {
            Spot::Endpoint { .. } => {
                let failed_at = entry.breaker.tripped_at();
                let tried = failed_at.is_some() || entry.breaker.counts(now).attempts > 0;
                evidence.endpoints += u32::from(tried);
                evidence.open += u32::from(failed_at.is_some());
                failed_at
            }
            Spot::Key { .. } => {
                let refused_at = entry.refused_at.filter(is_recent);
                evidence.refused += u32::from(refused_at.is_some());
                refused_at
            }
            Spot::Authority { .. } | Spot::Account { .. } => continue,
        };
        match failed_at {
            Some(moment) => {
                let since = evidence.since.map_or(moment, |since| since.min(moment));
                evidence.since = Some(since);
            }
            None => evidence.worked_at = evidence.worked_at.max(entry.worked_at),
        }
    }
    evidence
}

impl Evidence {
    /// Why the host is at fault, if it is.
    pub(crate) fn against_the_host(self, now: Instant) -> Option<String> {
        let Self {
            endpoints,
            open,
            refused,
            since,
            worked_at,
        } = self;
        // A host that answers others is not the one to blame.
        let answers_others = worked_at.is_some_and(|moment| {
            Some(moment) >= since || now.saturating_duration_since(moment) < JUST_NOW
        });
        if answers_others {
            return None;
        }
        if endpoints >= ENOUGH_ENDPOINTS && open * 2 >= endpoints {
            return Some(format!(
                "{open} of its {endpoints} endpoints are out of service"
            ));
        }
        (refused >= ENOUGH_KEYS).then(|| format!("{refused} of its keys were refused at once"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn half_of_three_endpoints_or_two_keys_are_enough() {
        let verdict = |endpoints, open, refused| {
            let evidence = Evidence {
                endpoints,
                open,
                refused,
                ..Evidence::default()
            };
            evidence.against_the_host(Instant::now()).is_some()
        };
        assert!(verdict(3, 2, 0));
        assert!(verdict(4, 2, 0));
        assert!(!verdict(5, 2, 0));
        assert!(!verdict(2, 2, 0));
        assert!(!verdict(2, 1, 1));
        assert!(verdict(0, 0, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_answers_others_is_not_to_blame() {
        let failed = Instant::now();
        let secs = Duration::from_secs;
        let is_to_blame = |worked_at, now| {
            let evidence = Evidence {
                endpoints: 3,
                open: 2,
                since: Some(failed),
                worked_at: Some(worked_at),
                ..Evidence::default()
            };
            evidence.against_the_host(now).is_some()
        };
        assert!(!is_to_blame(failed, failed + secs(60)));
        let before = failed - secs(1) / 2;
        assert!(!is_to_blame(before, failed), "it may still answer");
        assert!(is_to_blame(before, failed + secs(3)));
    }
}
