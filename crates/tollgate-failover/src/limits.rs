//! The configuration as the walk uses it: every value in its range.

use std::time::Duration;

use tollgate_core::UpstreamStream;

use crate::config::{
    BreakerConfig, FailoverConfig, HedgeConfig, OnRefusal, PanicConfig, RetryConfig,
};

/// Output is metered in bytes; one token is about four of them.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

impl FailoverConfig {
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
            buffer: Buffer {
                bytes: u64::from(self.buffer_tokens) * BYTES_PER_TOKEN,
                span: ms(self.buffer_for_ms),
            },
            upstream_stream: self.upstream_stream,
            strict: self.strict,
            on_refusal: self.on_refusal,
            max_in_flight: self.max_in_flight.max(1),
            hedge: self.hedge.rules(),
            panic: self.panic.rules(),
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
            slow_start: Duration::from_millis(self.slow_start_ms),
            slow_start_percent: self.slow_start_percent.clamp(1, 100),
            shortest_percent: 50,
        }
    }
}

impl HedgeConfig {
    fn rules(&self) -> Option<Hedging> {
        self.enabled.then(|| Hedging {
            percentile: self.percentile.clamp(50, 99),
            extra_percent: self.extra_percent.into(),
            min_samples: self.min_samples.max(1) as usize,
        })
    }
}

impl PanicConfig {
    fn rules(&self) -> Panic {
        Panic {
            factor_percent: self.factor_percent.max(100).into(),
            min_calls: self.min_calls.max(1).into(),
            window: Duration::from_millis(self.window_ms.max(1_000)),
            probe_every: Duration::from_millis(self.probe_every_ms.max(1)),
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
    pub(crate) buffer: Buffer,
    pub(crate) upstream_stream: UpstreamStream,
    pub(crate) strict: bool,
    pub(crate) on_refusal: OnRefusal,
    pub(crate) max_in_flight: u32,
    pub(crate) hedge: Option<Hedging>,
    pub(crate) panic: Panic,
}

/// How much of a stream is held back after its first semantic frame; nothing
/// when both are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Buffer {
    pub(crate) bytes: u64,
    pub(crate) span: Duration,
}

/// A valid [`HedgeConfig`] that is enabled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hedging {
    pub(crate) percentile: u32,
    pub(crate) extra_percent: u64,
    pub(crate) min_samples: usize,
}

/// A valid [`PanicConfig`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panic {
    pub(crate) factor_percent: u64,
    pub(crate) min_calls: u64,
    pub(crate) window: Duration,
    pub(crate) probe_every: Duration,
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
    pub(crate) slow_start: Duration,
    pub(crate) slow_start_percent: u32,
    /// Least share of the open time that jitter leaves.
    pub(crate) shortest_percent: u32,
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
