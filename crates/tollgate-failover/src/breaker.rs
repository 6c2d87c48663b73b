//! One breaker: closed → open → probing → closed. Pure: time and randomness
//! are arguments.

use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::Breaker as State;

use crate::backoff::{doubled, jitter_down};
use crate::limits::Rules;
use crate::window::Window;

/// What one attempt says about a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answered to the end.
    Worked,
    /// It failed.
    Failed {
        /// Whether this counts as a failure in a row (a rate limit does not).
        in_row: bool,
        /// How long the upstream asked to be left alone.
        retry_after: Option<Duration>,
    },
}

/// Keeps one target's traffic flowing, or stops it.
///
/// Beside its state it remembers the upstream's own word (`not_before`), which
/// holds in every state: even a closed breaker refuses until then, and then
/// simply closes again, since being limited is not being broken.
#[derive(Debug)]
pub(crate) struct Breaker {
    phase: Phase,
    in_row: u32,
    window: Window<Counts>,
    not_before: Option<Instant>,
    last_probe: Option<Instant>,
    opened_at: Option<Instant>,
    // Set while traffic grows after a closing.
    warming_since: Option<Instant>,
    // Doublings of the open time, plus one; forgiven with time.
    openings: u32,
    closed_since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Instant },
    Probing { successes: u32 },
}

/// Attempts in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) attempts: u32,
    pub(crate) failures: u32,
}

impl Breaker {
    pub(crate) fn new(now: Instant, rules: &Rules) -> Self {
        Self {
            phase: Phase::Closed,
            in_row: 0,
            window: Window::new(now, rules.window),
            not_before: None,
            last_probe: None,
            opened_at: None,
            warming_since: None,
            openings: 0,
            closed_since: now,
        }
    }

    /// The state as it was last announced; [`at`](Self::at) looks ahead.
    pub(crate) fn state(&self) -> State {
        match (self.phase, self.not_before) {
            (Phase::Closed, None) => State::Closed,
            (Phase::Closed, Some(_)) | (Phase::Open { .. }, _) => State::Open,
            (Phase::Probing { .. }, _) => State::Probing,
        }
    }

    /// The state that an attempt would meet at that moment: an open breaker
    /// whose time is over lets a probe through.
    pub(crate) fn at(&self, now: Instant) -> State {
        let waits = self.not_before.is_some_and(|moment| now < moment);
        match self.phase {
            Phase::Closed if waits => State::Open,
            Phase::Closed => State::Closed,
            Phase::Open { until } if waits || now < until => State::Open,
            Phase::Open { .. } | Phase::Probing { .. } => State::Probing,
        }
    }

    /// When the next attempt is let through; `None` when all are.
    pub(crate) fn ready_at(&self, rules: &Rules) -> Option<Instant> {
        let by_phase = match self.phase {
            Phase::Closed => None,
            Phase::Open { until } => Some(until),
            Phase::Probing { .. } => Some(
                self.last_probe
                    .map_or(self.closed_since, |probe| probe + rules.probe_every),
            ),
        };
        by_phase.max(self.not_before)
    }

    /// Until when the upstream asked to be left alone.
    pub(crate) fn asked_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|moment| now < *moment)
    }

    /// The share of traffic, in percent, that is let through while it grows
    /// after a closing; `None` when that is all.
    pub(crate) fn warming_percent(&self, now: Instant, rules: &Rules) -> Option<u64> {
        let since = self.warming_since.filter(|_| self.phase == Phase::Closed)?;
        let warm = now.saturating_duration_since(since);
        if warm >= rules.slow_start {
            return None;
        }
        let least = u64::from(rules.slow_start_percent);
        let grown = warm.as_millis() * u128::from(100 - least) / rules.slow_start.as_millis();
        Some(least + u64::try_from(grown).unwrap_or(100))
    }

    /// Lets one attempt through, if it may pass at this moment.
    pub(crate) fn take(&mut self, now: Instant, rules: &Rules) -> bool {
        if self.ready_at(rules).is_some_and(|moment| now < moment) {
            return false;
        }
        self.not_before = None;
        match self.phase {
            Phase::Closed => {}
            Phase::Open { .. } => {
                self.phase = Phase::Probing { successes: 0 };
                self.last_probe = Some(now);
            }
            Phase::Probing { .. } => self.last_probe = Some(now),
        }
        true
    }

    /// Lets one attempt through although the breaker is open, if the last probe
    /// was `every` ago: for calls that have nowhere else to go. Never against
    /// the upstream's own word.
    pub(crate) fn force(&mut self, now: Instant, every: Duration) -> bool {
        let paced = self.last_probe.is_none_or(|probe| probe + every <= now);
        let is_closed = self.phase == Phase::Closed;
        if self.asked_until(now).is_some() || !(is_closed || paced) {
            return false;
        }
        if !is_closed {
            self.last_probe = Some(now);
        }
        true
    }

    /// Opens it for what is known from elsewhere. `None` when it was open.
    pub(crate) fn trip(&mut self, now: Instant, rules: &Rules, roll: u64) -> Option<()> {
        if !matches!(self.phase, Phase::Closed) {
            return None;
        }
        self.open(now, rules, roll);
        Some(())
    }

    /// Leaves it alone until that moment, without a verdict.
    pub(crate) fn wait_until(&mut self, moment: Instant) {
        self.not_before = self.not_before.max(Some(moment));
    }

    /// Opens it once more, for longer, when its time was over and it is known
    /// from elsewhere that it still does not work.
    pub(crate) fn reopen(&mut self, now: Instant, rules: &Rules, roll: u64) {
        if self.phase != Phase::Closed {
            self.open(now, rules, roll);
        }
    }

    /// Since when it is not closed any more. Being asked to wait is not being
    /// open.
    pub(crate) fn tripped_at(&self) -> Option<Instant> {
        self.opened_at.filter(|_| self.phase != Phase::Closed)
    }

    /// Lets a probe through at once, for what is known from elsewhere.
    pub(crate) fn probe_now(&mut self, now: Instant) {
        if let Phase::Open { until } = &mut self.phase {
            *until = (*until).min(now);
        }
    }

    /// Closes it for what is known from elsewhere, so that traffic grows again.
    /// `None` when it was closed, or the upstream's own word holds.
    pub(crate) fn heal(&mut self, now: Instant, rules: &Rules) -> Option<()> {
        if self.phase == Phase::Closed || self.asked_until(now).is_some() {
            return None;
        }
        self.close(now, rules);
        Some(())
    }

    /// Takes note of an attempt's verdict. Returns why, when the state changed.
    pub(crate) fn record(
        &mut self,
        now: Instant,
        verdict: Verdict,
        rules: &Rules,
        roll: u64,
    ) -> Option<String> {
        let before = self.state();
        let why = match verdict {
            Verdict::Worked => self.worked(now, rules),
            Verdict::Failed {
                in_row,
                retry_after,
            } => {
                let asked = retry_after
                    .filter(|wait| !wait.is_zero())
                    .map(|wait| wait.min(rules.retry_after_cap));
                self.not_before = self.not_before.max(asked.map(|wait| now + wait));
                self.failed(now, in_row, rules, roll).or_else(|| {
                    asked.map(|wait| format!("the upstream asks to wait {} ms", wait.as_millis()))
                })
            }
        };
        why.filter(|_| self.state() != before)
    }

    /// Attempts in the window.
    pub(crate) fn counts(&self, now: Instant) -> Counts {
        self.window
            .recent(now)
            .fold(Counts::default(), |sum, bucket| Counts {
                attempts: sum.attempts + bucket.attempts,
                failures: sum.failures + bucket.failures,
            })
    }

    fn worked(&mut self, now: Instant, rules: &Rules) -> Option<String> {
        self.window.at(now).attempts += 1;
        self.in_row = 0;
        // A success while open is an attempt that was forced, or begun before:
        // as good as a probe.
        let successes = match self.phase {
            Phase::Closed => return None,
            Phase::Open { .. } => 1,
            Phase::Probing { successes } => successes + 1,
        };
        if successes < rules.close_after {
            self.phase = Phase::Probing { successes };
            return Some("an attempt succeeded".to_owned());
        }
        self.close(now, rules);
        Some(format!("{successes} probes succeeded"))
    }

    fn failed(&mut self, now: Instant, in_row: bool, rules: &Rules, roll: u64) -> Option<String> {
        let bucket = self.window.at(now);
        bucket.attempts += 1;
        bucket.failures += 1;
        self.in_row += u32::from(in_row);
        let why = match self.phase {
            Phase::Open { .. } => return None,
            Phase::Probing { .. } => "a probe failed".to_owned(),
            Phase::Closed => self.reason_to_open(now, rules)?,
        };
        self.open(now, rules, roll);
        Some(why)
    }

    fn reason_to_open(&self, now: Instant, rules: &Rules) -> Option<String> {
        if self.in_row >= rules.failures {
            return Some(format!("{} failures in a row", self.in_row));
        }
        let Counts { attempts, failures } = self.counts(now);
        let successes = u64::from(attempts - failures);
        let too_few = successes * 100 < u64::from(attempts) * u64::from(rules.min_success_percent);
        (attempts >= rules.min_attempts && too_few)
            .then(|| format!("only {successes} of the last {attempts} attempts succeeded"))
    }

    fn open(&mut self, now: Instant, rules: &Rules, roll: u64) {
        if self.phase == Phase::Closed {
            self.opened_at = Some(now);
            let quiet = now.saturating_duration_since(self.closed_since).as_millis();
            let forgiven = quiet / rules.forgive.as_millis();
            let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
            self.openings = self.openings.saturating_sub(forgiven);
        }
        let span = doubled(rules.open, self.openings, rules.open_cap);
        self.openings = self.openings.saturating_add(1);
        self.phase = Phase::Open {
            until: now + jitter_down(span, rules.shortest_percent, roll),
        };
        // The attempt that opened it is the last that was seen to fail.
        self.last_probe = Some(now);
    }

    fn close(&mut self, now: Instant, rules: &Rules) {
        self.phase = Phase::Closed;
        self.closed_since = now;
        self.last_probe = None;
        self.in_row = 0;
        self.warming_since = (!rules.slow_start.is_zero()).then_some(now);
        // What was counted before belongs to the trouble that is over.
        self.window = Window::new(now, rules.window);
    }
}

#[cfg(test)]
mod tests;
