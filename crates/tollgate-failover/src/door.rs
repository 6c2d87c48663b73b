//! Whether a candidate may be tried.

use tokio::time::Instant;

/// How a candidate may be tried, from freely to not at all. A candidate stands
/// on several spots, and the worst of their doors is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Door {
    /// By every call.
    Open,
    /// By a growing share of calls; this many percent are kept away, as long as
    /// others can take them.
    Warming {
        /// 0 to 100.
        kept_away: u64,
    },
    /// By one call, to see whether it works again.
    Probe,
    /// Not while so many attempts are running.
    Full,
    /// Not before that moment.
    Shut(Instant),
}

impl Door {
    /// Whether ordinary calls pass.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Warming { .. })
    }

    /// Whether anything passes at the moment.
    pub(crate) fn passes(self) -> bool {
        self <= Self::Probe
    }
}
