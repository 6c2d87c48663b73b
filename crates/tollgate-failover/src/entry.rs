//! What is known of one spot. Pure: time, rules and randomness are arguments.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{Breaker as State, Health, Planned, Spot, Usd};

use crate::breaker::Breaker;
use crate::door::Door;
use crate::in_flight::InFlight;
use crate::latency::{Latency, Recent};
use crate::limits::{Limits, Rules};
use crate::quota::Quotas;
use crate::throttle::Throttle;

/// One spot's breaker, and what else decides about its traffic.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) breaker: Breaker,
    /// The host on which it stands.
    pub(crate) authority: Arc<str>,
    pub(crate) latency: Latency,
    pub(crate) in_flight: InFlight,
    pub(crate) quotas: Quotas,
    pub(crate) throttle: Throttle,
    /// Worst cases of the calls that wanted to go here.
    pub(crate) worsts: Recent<Usd>,
    /// An account that cannot pay this much, and until when that is believed.
    pub(crate) unaffordable: Option<(Usd, Instant)>,
    /// When it last answered.
    pub(crate) worked_at: Option<Instant>,
    /// When it was last refused as a key.
    pub(crate) refused_at: Option<Instant>,
    /// Whether somebody asks the upstream from time to time; then no call has to.
    pub(crate) watched: bool,
    /// Opened for what was seen of others, and heals them when it heals.
    pub(crate) escalated: bool,
    pub(crate) last_failure: Option<String>,
    pub(crate) alarm: Option<String>,
}

impl Entry {
    pub(crate) fn new(now: Instant, authority: Arc<str>, rules: &Rules, limits: &Limits) -> Self {
        Self {
            breaker: Breaker::new(now, rules),
            authority,
            latency: Latency::default(),
            in_flight: InFlight::new(),
            quotas: Quotas::default(),
            throttle: Throttle::new(now, &limits.panic),
            worsts: Recent::default(),
            unaffordable: None,
            worked_at: None,
            refused_at: None,
            watched: false,
            escalated: false,
            last_failure: None,
            alarm: None,
        }
    }

    /// How an attempt of that candidate would be met at that moment.
    pub(crate) fn door(&self, planned: &Planned, at: Instant, rules: &Rules, full: u32) -> Door {
        let held_back = [
            self.cannot_pay_until(planned, at),
            self.quotas.exhausted_until(tokens_of(planned), at),
        ];
        let held_back = held_back.into_iter().flatten().max().map(Door::Shut);
        let crowded = (self.in_flight.count() >= full).then_some(Door::Full);
        self.by_breaker(at, rules)
            .max(held_back.or(crowded).unwrap_or(Door::Open))
    }

    /// Until when its breaker, or what it cannot pay, keeps this candidate away.
    pub(crate) fn shut_until(
        &self,
        planned: &Planned,
        at: Instant,
        rules: &Rules,
    ) -> Option<Instant> {
        match self.by_breaker(at, rules) {
            Door::Shut(moment) => Some(moment),
            _ => self.cannot_pay_until(planned, at),
        }
    }

    fn cannot_pay_until(&self, planned: &Planned, at: Instant) -> Option<Instant> {
        let (least, until) = self.unaffordable?;
        (planned.candidate.worst >= least && at < until).then_some(until)
    }

    fn by_breaker(&self, at: Instant, rules: &Rules) -> Door {
        let ready = self.breaker.ready_at(rules);
        match self.breaker.at(at) {
            State::Closed => match self.breaker.warming_percent(at, rules) {
                Some(percent) => Door::Warming {
                    kept_away: 100_u64.saturating_sub(percent),
                },
                None => Door::Open,
            },
            // Whoever watches asks at that moment, and then tells.
            State::Probing if self.watched => Door::Shut(at + ASKING),
            State::Open | State::Probing => match ready {
                Some(moment) if at < moment => Door::Shut(moment),
                _ => Door::Probe,
            },
        }
    }

    /// Whether a probe of that worst case is no dearer than half of the calls.
    /// Those that are turned away count as well, or a target whose calls have
    /// become dearer would never be probed.
    pub(crate) fn is_fair_probe(&mut self, worst: Usd) -> bool {
        self.worsts.push(worst);
        let median = self.worsts.percentile(50, ENOUGH_FOR_A_MEDIAN);
        median.is_none_or(|median| worst <= median)
    }

    /// Counts one more attempt of that candidate.
    pub(crate) fn count_attempt(&mut self, planned: &Planned) {
        self.quotas.spend(tokens_of(planned));
        self.worsts.push(planned.candidate.worst);
    }

    pub(crate) fn show(&self, spot: &Spot, now: Instant, rules: &Rules) -> Health {
        let counts = self.breaker.counts(now);
        let breaker = self.breaker.at(now);
        let opens_in = match breaker {
            State::Open => self.breaker.ready_at(rules).map(|moment| moment - now),
            State::Closed | State::Probing => None,
        };
        Health {
            breaker,
            failure_share: smoothed_share(counts.failures, counts.attempts),
            first_token_ms: self.latency.usual_ms(now).map(|ms| ms as f32),
            attempts: counts.attempts,
            in_flight: self.in_flight.count(),
            opens_in_ms: opens_in.map_or(0, millis_up),
            last_failure: self.last_failure.clone(),
            alarm: self.alarm.clone(),
            ..Health::unseen(spot.clone())
        }
    }
}

/// How long a call is kept away from a spot that is just being asked about.
const ASKING: Duration = Duration::from_secs(1);

/// A breaker sees about as many before it opens.
const ENOUGH_FOR_A_MEDIAN: usize = 5;

/// About what an attempt takes of a limit of tokens, as far as a plan tells.
fn tokens_of(planned: &Planned) -> u64 {
    u64::from(planned.candidate.output_tokens)
}

/// One failure in twenty is what is believed of a target before it was seen.
fn smoothed_share(failures: u32, attempts: u32) -> f32 {
    (failures as f32 + 1.0) / (attempts as f32 + 20.0)
}

fn millis_up(span: Duration) -> u64 {
    u64::try_from(span.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unseen_target_is_believed_to_fail_once_in_twenty() {
        assert_eq!(smoothed_share(0, 0), 0.05);
        assert_eq!(smoothed_share(20, 20), 0.525);
    }
}
