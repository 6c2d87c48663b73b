//! After an attempt: what does it say, and of whom?

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{
    Billing, Breaker as State, Failure, FailureKind, LimitLeft, Origin, Planned, Scope, Spot,
};

use super::{ACCOUNT_POLL, HealthBook, endpoint_of, spot_of, spots_of};
use crate::breaker::Verdict;

/// How long a model that does not exist any more is left alone.
const GONE: Duration = Duration::from_secs(600);

/// A key that worked within this time is suspected when it is refused; any
/// other is taken for wrong.
const KEY_MEMORY: Duration = Duration::from_secs(24 * 3600);

impl HealthBook {
    /// A candidate answered to the end.
    pub(crate) fn worked(&self, planned: &Planned, first_token: Option<Duration>) {
        for spot in spots_of(planned) {
            // An answer that began before its account ran dry, or its key was
            // refused, says nothing of how they are now.
            let is_at_once = matches!(spot, Spot::Account { .. } | Spot::Key { .. });
            if is_at_once && self.is_open(&spot) {
                continue;
            }
            let changed = self.tell(&spot, planned, Verdict::Worked, |entry, now| {
                entry.worked_at = Some(now);
                entry.alarm = None;
                entry.throttle.accepted(now);
                if let Some(sample) = first_token {
                    entry.latency.note(sample, now);
                }
            });
            let healed = changed == Some(State::Closed);
            if healed && matches!(spot, Spot::Authority { .. }) {
                self.heal_what_stands_on(&spot, planned);
            }
        }
    }

    /// A candidate was outrun before it began: it takes at least that long. Were only
    /// those counted that won, the usual time would fall with each that did not, and
    /// ordinary answers would count as slow.
    pub(crate) fn outrun(&self, planned: &Planned, waited: Duration) {
        self.change(&endpoint_of(planned), planned, |entry| {
            entry.latency.note(waited, Instant::now());
        });
    }

    /// A candidate began to answer: its key is accepted and its account pays,
    /// however the answer ends.
    pub(crate) fn began(&self, planned: &Planned) {
        let [_, account, key, _] = spots_of(planned);
        for spot in [account, key] {
            if self.is_probing(&spot) {
                self.tell(&spot, planned, Verdict::Worked, |entry, _| {
                    entry.alarm = None;
                });
            }
        }
    }

    fn is_open(&self, spot: &Spot) -> bool {
        let entry = self.spots.get(spot);
        entry.is_some_and(|entry| entry.breaker.state() == State::Open)
    }

    fn is_probing(&self, spot: &Spot) -> bool {
        let entry = self.spots.get(spot);
        entry.is_some_and(|entry| entry.breaker.state() == State::Probing)
    }

    /// What an answer's head says of rate limits.
    pub(crate) fn learn(&self, planned: &Planned, limits: &[LimitLeft]) {
        let now = Instant::now();
        for limit in limits {
            if let Some(spot) = spot_of(limit.scope, planned) {
                self.change(&spot, planned, |entry| entry.quotas.learn(limit, now));
            }
        }
    }

    /// An attempt failed; `blamed` are the candidates it is evidence against.
    pub(crate) fn failed<'p>(
        self: &Arc<Self>,
        blamed: impl Iterator<Item = &'p Planned>,
        failure: &Failure,
    ) {
        let rule = failure.rule();
        let mut told = Vec::new();
        for planned in blamed {
            self.note_unaffordable(planned, failure);
            let Some(spot) = spot_of(rule.scope, planned) else {
                continue;
            };
            if told.contains(&spot) {
                continue;
            }
            told.push(spot.clone());
            self.count_failure(&spot, planned, failure);
        }
    }

    fn count_failure(self: &Arc<Self>, spot: &Spot, planned: &Planned, failure: &Failure) {
        // Our own limiter's refusal is no evidence against an upstream.
        if failure.origin() == Origin::Gateway && failure.kind() == FailureKind::RateLimited {
            return self.wait(spot, planned, failure);
        }
        let is_gone = failure.kind() == FailureKind::NotFound;
        let verdict = Verdict::Failed {
            in_row: failure.rule().trips,
            retry_after: if is_gone {
                Some(GONE)
            } else {
                failure.retry_after()
            },
        };
        let state = self.tell(spot, planned, verdict, |entry, now| {
            entry.last_failure = Some(failure.to_string());
            if failure.kind() == FailureKind::Auth {
                entry.refused_at = Some(now);
            }
        });
        // A closed door after a Retry-After is a limit, and nobody's trouble.
        if state != Some(State::Open) || !(failure.rule().trips || is_gone) {
            return;
        }
        match spot {
            Spot::Endpoint { .. } if is_gone => self.alarm(
                spot,
                "the upstream does not serve it any more, or not like this: left alone for 10 minutes",
            ),
            Spot::Account { .. } => {
                self.alarm(spot, "the account has no money left: add credits, or raise its limit");
                self.watch(spot, planned);
            }
            Spot::Key { .. } => {
                if !self.has_worked(spot) {
                    self.alarm(spot, "the key was never accepted: check that it is right");
                }
                self.watch(spot, planned);
            }
            Spot::Authority { .. } | Spot::Endpoint { .. } => {}
        }
        self.escalate(planned);
    }

    /// Leaves a spot alone for as long as a failure says, and no more.
    fn wait(&self, spot: &Spot, planned: &Planned, failure: &Failure) {
        if let Some(wait) = failure.retry_after() {
            let now = Instant::now();
            self.change(spot, planned, |entry| entry.breaker.wait_until(now + wait));
        }
    }

    /// One request was too dear for what is left; smaller ones may pass.
    fn note_unaffordable(&self, planned: &Planned, failure: &Failure) {
        if failure.kind() != FailureKind::Payment || failure.rule().scope != Scope::None {
            return;
        }
        // Callers' own accounts have nothing to do with each other.
        if planned.lane.billing == Billing::Caller {
            return;
        }
        let [_, account, ..] = spots_of(planned);
        let until = Instant::now() + ACCOUNT_POLL;
        self.change(&account, planned, |entry| {
            let least = entry
                .unaffordable
                .map_or(planned.candidate.worst, |(least, _)| least);
            entry.unaffordable = Some((least.min(planned.candidate.worst), until));
        });
    }

    fn has_worked(&self, spot: &Spot) -> bool {
        let worked_at = self.spots.get(spot).and_then(|entry| entry.worked_at);
        worked_at.is_some_and(|moment| moment.elapsed() < KEY_MEMORY)
    }
}
