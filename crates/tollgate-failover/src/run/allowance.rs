//! What a call's limits leave: time, pauses, further attempts.

use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{Delivery, Failure, Scope};

use super::Walk;
use crate::backoff::{doubled, full_jitter, upward_jitter};
use crate::budget::Repeat;
use crate::commit::Timers;
use crate::itinerary::Asked;
use crate::limits::{BYTES_PER_TOKEN, Patience};
use crate::record::Running;
use crate::target::Target;

impl<'a> Walk<'a> {
    pub(super) fn timers(&self, running: &Running<'_>) -> Timers {
        let limits = &self.manager.limits;
        let patience = self.patience(&running.target);
        let wanted = match running.attempt.delivery {
            Delivery::Stream => patience.first_event,
            Delivery::Whole => patience.whole,
        };
        // Silence of a stream tells sooner than that of an answer in one piece.
        let enough = match running.attempt.delivery {
            Delivery::Stream => wanted / 3,
            Delivery::Whole => wanted,
        };
        let left = self.deadline.saturating_duration_since(running.started);
        let others = running.attempt.number < limits.attempts
            && self.itinerary.has_more_than(&running.target, limits);
        let share = if others {
            left * limits.attempt_share_percent / 100
        } else {
            left
        };
        Timers {
            first: running.started + wanted.min(share),
            // A caller in a hurry must not put targets out of service for others.
            first_scope: if share < enough {
                Scope::None
            } else {
                Scope::Endpoint
            },
            idle: patience.idle,
            deadline: self.deadline,
            on_refusal: limits.on_refusal,
            answers: self.trip.plan.profile.answers,
            affordable: self.affordable(running),
        }
    }

    /// Bytes of output that the call's ceiling leaves to an attempt whose frames
    /// are held back; whoever shows frames meters them.
    fn affordable(&self, running: &Running<'_>) -> Option<u64> {
        let ceiling = self.trip.plan.profile.ceiling?;
        let room = ceiling - self.trip.hold.kept();
        let quotes = running.target.members().map(|member| member.planned.quote);
        let tokens = quotes.map(|quote| quote.longest_within(room)).max()?;
        Some(tokens.saturating_mul(BYTES_PER_TOKEN))
    }

    /// When an attempt has shown nothing for longer than most: only where a
    /// second one beside it could be cancelled without costing much.
    pub(super) fn slow_at(&self, running: &Running<'_>) -> Option<Instant> {
        let planned = running.target.first().planned;
        let is_shown_as_it_comes = self.trip.call.delivery == Delivery::Stream;
        if !is_shown_as_it_comes || !planned.lane.stops_billing {
            return None;
        }
        Some(running.started + self.manager.health.slow_after(planned)?)
    }

    /// How long a target may be silent: longer when it is asked to reason, or
    /// does so by itself.
    pub(super) fn patience(&self, target: &Target<'_>) -> &'a Patience {
        let limits = &self.manager.limits;
        match self.reasons || target.members().any(|member| member.planned.reasons) {
            true => &limits.reasoning,
            false => &limits.plain,
        }
    }

    /// What a failure's upstream asks for, as moments.
    pub(super) fn asked(&self, failure: &Failure, now: Instant) -> Asked {
        let wait = failure
            .retry_after()
            .map(|after| after.min(self.manager.limits.rules.retry_after_cap));
        Asked {
            until: wait.map(|wait| now + wait),
            jittered: now + upward_jitter(wait.unwrap_or_default(), self.manager.dice.roll()),
        }
    }

    /// The jittered pause before the next attempt; none before the first.
    pub(super) fn pause(&self) -> Duration {
        let limits = &self.manager.limits;
        let Some(repeats) = self.failed_on.len().checked_sub(1) else {
            return Duration::ZERO;
        };
        let repeats = u32::try_from(repeats).unwrap_or(u32::MAX);
        let most = doubled(limits.backoff_base, repeats, limits.backoff_cap);
        full_jitter(most, self.manager.dice.roll())
    }

    /// The pause before a target; the first move away from a lane in trouble is
    /// made at once.
    pub(super) fn pause_before(&self, target: &Target<'_>, pause: Duration) -> Duration {
        let home = self.failed_on.first();
        let lane = &target.first().planned.lane.id;
        let is_first_move =
            self.failed_on.iter().all(|failed| Some(failed) == home) && home != Some(lane);
        if is_first_move { Duration::ZERO } else { pause }
    }

    /// Whether the retry budgets allow one more attempt. The first of a call
    /// is no repeat.
    pub(super) fn may_repeat(&self, repeat: Repeat, now: Instant) -> bool {
        let home = self.failed_on.first();
        home.is_none_or(|lane| self.manager.budgets.withdraw(lane, repeat, now))
    }
}
