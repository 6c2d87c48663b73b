use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tollgate_core::{AfterCommit, UpstreamStream};

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
    /// Tokens of a stream that are held back, so that an answer that breaks off
    /// early can still come from another target unseen. Both limits may be set;
    /// the first to be reached ends the holding back. Default 0: the first
    /// semantic frame is shown at once.
    pub buffer_tokens: u32,
    /// How long the beginning of a stream is held back. Default 0.
    #[serde(alias = "buffer_for")]
    pub buffer_for_ms: u64,
    /// What happens to an answer that breaks off after some of it was shown.
    /// Default `error`.
    #[schemars(with = "String", extend("enum" = ["error", "restart", "resume"]))]
    pub after_commit: AfterCommit,
    /// How answers in one piece are fetched. Default `as_asked`.
    #[schemars(with = "String", extend("enum" = ["as_asked", "always"]))]
    pub upstream_stream: UpstreamStream,
    /// Whether lanes are passed over on which a request would lose something:
    /// fields that only OpenRouter knows, or what a translation into a chat
    /// cannot say. Otherwise the answer tells what was lost. Default false.
    pub strict: bool,
    /// What a refusal by policy (moderation, a guardrail, a model that refuses)
    /// means. Default `pass_on`.
    pub on_refusal: OnRefusal,
    /// Most attempts that one model on one lane has running at the same time,
    /// so that one slow provider cannot take every slot. Default 1,024.
    pub max_in_flight: u32,
    /// A second attempt beside one that is slow to begin.
    pub hedge: HedgeConfig,
    /// What holds when everything that could serve a call is out of service.
    pub panic: PanicConfig,
}

/// What a refusal by policy means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRefusal {
    /// It is the answer.
    #[default]
    PassOn,
    /// Another target may be asked.
    FailOver,
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
            buffer_tokens: 0,
            buffer_for_ms: 0,
            after_commit: AfterCommit::Error,
            upstream_stream: UpstreamStream::AsAsked,
            strict: false,
            on_refusal: OnRefusal::PassOn,
            max_in_flight: 1_024,
            hedge: HedgeConfig::default(),
            panic: PanicConfig::default(),
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
    /// How long traffic grows from `slow_start_percent` to all of it after it
    /// closed, as long as others can take the rest. Default 10,000.
    pub slow_start_ms: u64,
    /// Share of the traffic that it gets at first. Default 10.
    pub slow_start_percent: u32,
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
            slow_start_ms: 10_000,
            slow_start_percent: 10,
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

/// A second attempt beside one that is slow to begin: whichever begins first
/// answers, the other is cancelled and booked. Only streams are hedged, on
/// lanes that stop billing when a stream is closed, and only while the call's
/// hold covers both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeConfig {
    /// Whether it is done at all. Default false.
    pub enabled: bool,
    /// An attempt is slow when it took longer to begin than this share of those
    /// before it on the same target. Default 95.
    pub percentile: u32,
    /// Second attempts as a share of calls, over 30 s. Default 5.
    pub extra_percent: u32,
    /// Answers of a target that must have been seen before. Default 20.
    pub min_samples: u32,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            percentile: 95,
            extra_percent: 5,
            min_samples: 20,
        }
    }
}

/// What holds when everything that could serve a call is out of service:
/// breakers become advice, and calls are let through at the rate at which they
/// succeed (Google's adaptive throttling: those beyond `factor` times the
/// successes are refused at random), and beside that one probe per target and
/// interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PanicConfig {
    /// Calls let through as a multiple of successes, in percent. Default 200.
    pub factor_percent: u32,
    /// Calls in the window before that is looked at. Default 20.
    pub min_calls: u32,
    /// The window. Default 30,000.
    pub window_ms: u64,
    /// Time between two probes of one target. Default 2,000.
    pub probe_every_ms: u64,
}

impl Default for PanicConfig {
    fn default() -> Self {
        Self {
            factor_percent: 200,
            min_calls: 20,
            window_ms: 30_000,
            probe_every_ms: 2_000,
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
    fn ranges(&self) -> [(&'static str, u64, RangeInclusive<u64>); 41] {
        let Self { backoff, breaker, retries, hedge, panic, .. } = self;
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
            ("breaker.slow_start_ms",       breaker.slow_start_ms,              0..=DAY_MS),
            ("breaker.slow_start_percent",  breaker.slow_start_percent.into(),  1..=100),
            ("buffer_tokens",               self.buffer_tokens.into(),          0..=1_000_000),
            ("buffer_for_ms",               self.buffer_for_ms,                 0..=DAY_MS),
            ("max_in_flight",               self.max_in_flight.into(),          1..=1_000_000),
            ("hedge.percentile",            hedge.percentile.into(),            50..=99),
            ("hedge.extra_percent",         hedge.extra_percent.into(),         0..=100),
            ("hedge.min_samples",           hedge.min_samples.into(),           1..=100),
            ("panic.factor_percent",        panic.factor_percent.into(),        100..=1_000),
            ("panic.min_calls",             panic.min_calls.into(),             1..=1_000_000),
            ("panic.window_ms",             panic.window_ms,                    1_000..=DAY_MS),
            ("panic.probe_every_ms",        panic.probe_every_ms,               1..=DAY_MS),
        ]
    }
}
