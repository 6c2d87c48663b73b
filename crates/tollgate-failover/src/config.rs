use std::ops::RangeInclusive;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InvalidConfig;

/// How a plan is walked: the `[failover]` table. Durations are in
/// milliseconds, shares in percent.
///
/// ```
/// use tollgate_failover::FailoverConfig;
/// let config = FailoverConfig { attempts: 9, ..FailoverConfig::default() };
/// assert_eq!(
///     config.check().unwrap_err().to_string(),
///     "failover.attempts is 9; it must be from 1 to 8",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FailoverConfig {
    /// Attempts per call, 1 to 8. Default 4.
    pub attempts: u32,
    /// Attempts of one candidate per call, 1 to 8. Default 2.
    pub per_target: u32,
    /// Longest wait for the first semantic frame of a stream. Default 30,000.
    pub first_event_ms: u64,
    /// The same for calls that need reasoning. Default 120,000.
    pub first_event_reasoning_ms: u64,
    /// Longest wait for an answer in one piece, which shows nothing before it
    /// is complete. Default 180,000.
    pub whole_ms: u64,
    /// The same for calls that need reasoning. Default 360,000.
    pub whole_reasoning_ms: u64,
    /// Longest silence between two semantic frames. Default 60,000.
    pub idle_ms: u64,
    /// The same for calls that need reasoning. Default 180,000.
    pub idle_reasoning_ms: u64,
    /// Share of a call's remaining time that one attempt may take before its
    /// first semantic frame, as long as other candidates are left. Default 60.
    pub attempt_share_percent: u32,
    /// No further attempt is begun with less time than this. Default 2,000.
    pub min_attempt_ms: u64,
    /// Longest wait between two attempts, whatever the upstream asks for.
    /// Default 20,000.
    pub max_wait_ms: u64,
    /// Whether consecutive candidates of a lane that takes lists travel as one
    /// attempt. Default true.
    pub group_models: bool,
    /// Most models of such a list, 1 to 8. Default 3.
    pub group_size: u32,
    /// Waits between attempts.
    pub backoff: BackoffConfig,
    /// When a target is taken out of service, and when it comes back.
    pub breaker: BreakerConfig,
    /// How many further attempts the traffic of a lane may cause.
    pub retries: RetryConfig,
}

impl Default for FailoverConfig {
    fn default() -> Self {
        Self {
            attempts: 4,
            per_target: 2,
            first_event_ms: 30_000,
            first_event_reasoning_ms: 120_000,
            whole_ms: 180_000,
            whole_reasoning_ms: 360_000,
            idle_ms: 60_000,
            idle_reasoning_ms: 180_000,
            attempt_share_percent: 60,
            min_attempt_ms: 2_000,
            max_wait_ms: 20_000,
            group_models: true,
            group_size: 3,
            backoff: BackoffConfig::default(),
            breaker: BreakerConfig::default(),
            retries: RetryConfig::default(),
        }
    }
}

/// Waits between attempts: full jitter up to `base · 2ⁿ`, at most `cap`. The
/// first failover to another lane does not wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackoffConfig {
    /// Longest first wait. Default 250.
    pub base_ms: u64,
    /// Longest wait. Default 8,000.
    pub cap_ms: u64,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            base_ms: 250,
            cap_ms: 8_000,
        }
    }
}

/// When a target is taken out of service, and when it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Failures in a row that open it; rate limits do not count. Default 5.
    pub failures: u32,
    /// It opens when fewer attempts than this succeed, rate limits counted.
    /// Default 80.
    pub min_success_percent: u32,
    /// Attempts in the window before that share is looked at. Default 20.
    pub min_attempts: u32,
    /// The window. Default 30,000.
    pub window_ms: u64,
    /// How long it stays open at first; doubled each time. Default 5,000.
    pub open_ms: u64,
    /// How long it stays open at most. Default 60,000.
    pub open_cap_ms: u64,
    /// How long an upstream can ask to be left alone at most. Default 600,000.
    pub retry_after_cap_ms: u64,
    /// Time without another opening that undoes one doubling. Default 60,000.
    pub forgive_ms: u64,
    /// Time between two probes. Default 1,000.
    pub probe_every_ms: u64,
    /// Probes that must succeed before it closes. Default 3.
    pub close_after: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 5,
            min_success_percent: 80,
            min_attempts: 20,
            window_ms: 30_000,
            open_ms: 5_000,
            open_cap_ms: 60_000,
            retry_after_cap_ms: 600_000,
            forgive_ms: 60_000,
            probe_every_ms: 1_000,
            close_after: 3,
        }
    }
}

/// How many further attempts the calls that begin on one lane may cause: a
/// share of those calls and a trickle, counted over the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Further attempts as a share of calls. Default 50.
    pub share_percent: u32,
    /// Further attempts per second beside that share. Default 10.
    pub per_second: u32,
    /// Attempts of the same target as a share of calls. Default 20.
    pub same_share_percent: u32,
    /// Attempts of the same target per second beside that share. Default 1.
    pub same_per_second: u32,
    /// The window. Default 10,000.
    pub window_ms: u64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            share_percent: 50,
            per_second: 10,
            same_share_percent: 20,
            same_per_second: 1,
            window_ms: 10_000,
        }
    }
}

// === valid values ===

const DAY_MS: u64 = 86_400_000;

impl FailoverConfig {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`InvalidConfig`] with key, value and range of the first that is not.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        self.ranges()
            .into_iter()
            .try_for_each(|(key, value, range)| {
                if range.contains(&value) {
                    Ok(())
                } else {
                    Err(InvalidConfig { key, value, range })
                }
            })
    }

    #[rustfmt::skip]
    fn ranges(&self) -> [(&'static str, u64, RangeInclusive<u64>); 29] {
        let Self { backoff, breaker, retries, .. } = self;
        [
            ("attempts",                    self.attempts.into(),               1..=8),
            ("per_target",                  self.per_target.into(),             1..=8),
            ("first_event_ms",              self.first_event_ms,                1..=DAY_MS),
            ("first_event_reasoning_ms",    self.first_event_reasoning_ms,      1..=DAY_MS),
            ("whole_ms",                    self.whole_ms,                      1..=DAY_MS),
            ("whole_reasoning_ms",          self.whole_reasoning_ms,            1..=DAY_MS),
            ("idle_ms",                     self.idle_ms,                       1..=DAY_MS),
            ("idle_reasoning_ms",           self.idle_reasoning_ms,             1..=DAY_MS),
            ("attempt_share_percent",       self.attempt_share_percent.into(),  1..=100),
            ("min_attempt_ms",              self.min_attempt_ms,                0..=DAY_MS),
            ("max_wait_ms",                 self.max_wait_ms,                   0..=DAY_MS),
            ("group_size",                  self.group_size.into(),             1..=8),
            ("backoff.base_ms",             backoff.base_ms,                    0..=DAY_MS),
            ("backoff.cap_ms",              backoff.cap_ms,                     0..=DAY_MS),
            ("breaker.failures",            breaker.failures.into(),            1..=1_000_000),
            ("breaker.min_success_percent", breaker.min_success_percent.into(), 0..=100),
            ("breaker.min_attempts",        breaker.min_attempts.into(),        1..=1_000_000),
            ("breaker.window_ms",           breaker.window_ms,                  10..=DAY_MS),
            ("breaker.open_ms",             breaker.open_ms,                    1..=DAY_MS),
            ("breaker.open_cap_ms",         breaker.open_cap_ms,                1..=DAY_MS),
            ("breaker.retry_after_cap_ms",  breaker.retry_after_cap_ms,         0..=DAY_MS),
            ("breaker.forgive_ms",          breaker.forgive_ms,                 1..=DAY_MS),
            ("breaker.probe_every_ms",      breaker.probe_every_ms,             1..=DAY_MS),
            ("breaker.close_after",         breaker.close_after.into(),         1..=1_000),
            ("retries.share_percent",       retries.share_percent.into(),       0..=1_000),
            ("retries.same_share_percent",  retries.same_share_percent.into(),  0..=1_000),
            ("retries.per_second",          retries.per_second.into(),          0..=1_000_000),
            ("retries.same_per_second",     retries.same_per_second.into(),     0..=1_000_000),
            ("retries.window_ms",           retries.window_ms,                  1_000..=DAY_MS),
        ]
    }

    /// The values as the walk uses them, forced into their ranges.
    pub(crate) fn limits(&self) -> Limits {
        let ms = Duration::from_millis;
        Limits {
            attempts: self.attempts.clamp(1, 8),
            per_target: self.per_target.clamp(1, 8),
            plain: Patience {
                first_event: ms(self.first_event_ms),
                whole: ms(self.whole_ms),
                idle: ms(self.idle_ms),
            },
            reasoning: Patience {
                first_event: ms(self.first_event_reasoning_ms),
                whole: ms(self.whole_reasoning_ms),
                idle: ms(self.idle_reasoning_ms),
            },
            attempt_share_percent: self.attempt_share_percent.clamp(1, 100),
            min_attempt: ms(self.min_attempt_ms),
            max_wait: ms(self.max_wait_ms),
            group_size: if self.group_models {
                self.group_size.clamp(1, 8) as usize
            } else {
                1
            },
            backoff_base: ms(self.backoff.base_ms),
            backoff_cap: ms(self.backoff.cap_ms),
            rules: self.breaker.rules(),
            retries: self.retries.rules(),
        }
    }
}

impl BreakerConfig {
    pub(crate) fn rules(&self) -> Rules {
        let ms = |millis: u64| Duration::from_millis(millis.max(1));
        Rules {
            failures: self.failures.max(1),
            min_success_percent: self.min_success_percent.min(100),
            min_attempts: self.min_attempts.max(1),
            window: ms(self.window_ms),
            open: ms(self.open_ms),
            open_cap: ms(self.open_cap_ms),
            retry_after_cap: ms(self.retry_after_cap_ms),
            forgive: ms(self.forgive_ms),
            probe_every: ms(self.probe_every_ms),
            close_after: self.close_after.max(1),
        }
    }
}

impl RetryConfig {
    fn rules(&self) -> Retries {
        Retries {
            share_percent: self.share_percent.into(),
            per_second: self.per_second.into(),
            same_share_percent: self.same_share_percent.into(),
            same_per_second: self.same_per_second.into(),
            window: Duration::from_millis(self.window_ms.max(1_000)),
        }
    }
}

/// A valid [`FailoverConfig`].
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) attempts: u32,
    pub(crate) per_target: u32,
    pub(crate) plain: Patience,
    pub(crate) reasoning: Patience,
    pub(crate) attempt_share_percent: u32,
    pub(crate) min_attempt: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) group_size: usize,
    pub(crate) backoff_base: Duration,
    pub(crate) backoff_cap: Duration,
    pub(crate) rules: Rules,
    pub(crate) retries: Retries,
}

/// How long one kind of call waits for a sign of life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) first_event: Duration,
    pub(crate) whole: Duration,
    pub(crate) idle: Duration,
}

/// A valid [`BreakerConfig`].
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) failures: u32,
    pub(crate) min_success_percent: u32,
    pub(crate) min_attempts: u32,
    pub(crate) window: Duration,
    pub(crate) open: Duration,
    pub(crate) open_cap: Duration,
    pub(crate) retry_after_cap: Duration,
    pub(crate) forgive: Duration,
    pub(crate) probe_every: Duration,
    pub(crate) close_after: u32,
}

/// A valid [`RetryConfig`].
#[derive(Debug, Clone)]
pub(crate) struct Retries {
    pub(crate) share_percent: u64,
    pub(crate) per_second: u64,
    pub(crate) same_share_percent: u64,
    pub(crate) same_per_second: u64,
    pub(crate) window: Duration,
}
