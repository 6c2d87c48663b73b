//! When many targets of one host fail, the host is at fault.

use std::time::Duration;

use dashmap::mapref::multiple::RefMulti;
use tokio::time::Instant;
use tollgate_core::{Breaker, Spot};

use crate::entry::Entry;

/// Fewer endpoints than this say nothing of their host.
const ENOUGH_ENDPOINTS: u32 = 3;

/// So many keys refused within [`AT_ONCE`] are not all wrong.
const ENOUGH_KEYS: u32 = 2;

const AT_ONCE: Duration = Duration::from_secs(10);

/// What is known of everything that stands on one host.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Endpoints that were tried of late.
    endpoints: u32,
    /// Those of them that are out of service.
    open: u32,
    /// Keys that were refused at about the same time.
    refused: u32,
}

pub(crate) fn evidence<'s>(
    spots: impl Iterator<Item = RefMulti<'s, Spot, Entry>>,
    host: &str,
    now: Instant,
) -> Evidence {
    let mut evidence = Evidence::default();
    for entry in spots.filter(|entry| *entry.authority == *host) {
        let open = entry.breaker.at(now) == Breaker::Open;
        let refused = entry
            .refused_at
            .is_some_and(|moment| now.saturating_duration_since(moment) <= AT_ONCE);
        match entry.key() {
            Spot::Endpoint { .. } if open || entry.breaker.counts(now).attempts > 0 => {
                evidence.endpoints += 1;
                evidence.open += u32::from(open);
            }
            Spot::Key { .. } => evidence.refused += u32::from(refused),
            _ => {}
        }
    }
    evidence
}

impl Evidence {
    /// Why the host is at fault, if it is.
    pub(crate) fn against_the_host(self) -> Option<String> {
        let Self {
            endpoints,
            open,
            refused,
        } = self;
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

    fn verdict(endpoints: u32, open: u32, refused: u32) -> bool {
        let evidence = Evidence {
            endpoints,
            open,
            refused,
        };
        evidence.against_the_host().is_some()
    }

    #[test]
    fn half_of_three_endpoints_or_two_keys_are_enough() {
        assert!(verdict(3, 2, 0));
        assert!(verdict(4, 2, 0));
        assert!(!verdict(5, 2, 0));
        assert!(!verdict(2, 2, 0));
        assert!(!verdict(2, 1, 1));
        assert!(verdict(0, 0, 2));
    }
}
