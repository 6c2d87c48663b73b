//! What was seen of lanes and of models on them: one breaker and a few figures each.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;
use tollgate_core::{
    Breaker as State, Event, Failure, Health, HealthView, Observer, Planned, Scope, Spot,
};

use crate::backoff::Dice;
use crate::breaker::{Breaker, Verdict};
use crate::config::Rules;

/// Keeps health by verdicts, one per attempt.
///
/// Scopes map onto two kinds of spots. A lane is one authority, one account
/// and one key, so those three share the lane's breaker; a rate limit of a key
/// for one model and the endpoint itself share that of the model on the lane.
pub(crate) struct HealthBook {
    spots: DashMap<Spot, Entry>,
    rules: Rules,
    dice: Dice,
    observer: Arc<dyn Observer>,
}

struct Entry {
    breaker: Breaker,
    first_token: Option<FirstToken>,
    last_failure: Option<String>,
}

impl HealthBook {
    pub(crate) fn new(rules: Rules, dice: Dice, observer: Arc<dyn Observer>) -> Self {
        Self {
            spots: DashMap::new(),
            rules,
            dice,
            observer,
        }
    }

    /// When the next attempt of this candidate is let through; `None` when all are.
    pub(crate) fn ready_at(&self, planned: &Planned) -> Option<Instant> {
        both(planned)
            .iter()
            .filter_map(|spot| self.spots.get(spot)?.breaker.ready_at(&self.rules))
            .max()
    }

    /// Lets one attempt of this candidate through, if it may pass at this moment.
    pub(crate) fn take(&self, planned: &Planned, now: Instant) -> bool {
        // Looking first keeps a probe of the one breaker from being spent on a
        // refusal of the other.
        self.ready_at(planned).is_none_or(|moment| moment <= now)
            && both(planned)
                .into_iter()
                .all(|spot| self.take_spot(spot, now))
    }

    /// Lets one attempt through although a breaker is open, at the pace of probes.
    pub(crate) fn force(&self, planned: &Planned, now: Instant) -> bool {
        both(planned).iter().all(|spot| {
            self.spots
                .get_mut(spot)
                .is_none_or(|mut entry| entry.breaker.force(now, &self.rules))
        })
    }

    /// A candidate answered to the end.
    pub(crate) fn worked(&self, planned: &Planned, first_token: Option<Duration>) {
        for spot in both(planned) {
            self.tell(spot, Verdict::Worked, |entry, now| {
                if let Some(sample) = first_token {
                    entry.first_token = Some(FirstToken::after(entry.first_token, sample, now));
                }
            });
        }
    }

    /// An attempt failed; `blamed` are the candidates it is evidence against.
    pub(crate) fn failed<'p>(&self, blamed: impl Iterator<Item = &'p Planned>, failure: &Failure) {
        let rule = failure.rule();
        let verdict = Verdict::Failed {
            in_row: rule.trips,
            retry_after: failure.retry_after(),
        };
        let mut told = Vec::new();
        for planned in blamed {
            let Some(spot) = spot_of(rule.scope, planned) else {
                return;
            };
            if told.contains(&spot) {
                continue;
            }
            told.push(spot.clone());
            self.tell(spot, verdict, |entry, _| {
                entry.last_failure = Some(failure.to_string())
            });
        }
    }

    /// Health at this moment.
    pub(crate) fn view(&self) -> HealthView {
        let now = Instant::now();
        HealthView::new(
            self.spots
                .iter()
                .map(|spot| spot.value().show(spot.key(), now, &self.rules))
                .collect(),
        )
    }

    fn take_spot(&self, spot: Spot, now: Instant) -> bool {
        let Some(mut entry) = self.spots.get_mut(&spot) else {
            return true;
        };
        let before = entry.breaker.state();
        let passes = entry.breaker.take(now, &self.rules);
        let state = entry.breaker.state();
        drop(entry);
        if state != before {
            self.announce(spot, state, "its time out of service is over".to_owned());
        }
        passes
    }

    fn tell(&self, spot: Spot, verdict: Verdict, note: impl FnOnce(&mut Entry, Instant)) {
        let now = Instant::now();
        let mut entry = self
            .spots
            .entry(spot.clone())
            .or_insert_with(|| Entry::new(now, &self.rules));
        note(&mut entry, now);
        let why = entry
            .breaker
            .record(now, verdict, &self.rules, self.dice.roll());
        let state = entry.breaker.state();
        drop(entry);
        if let Some(why) = why {
            self.announce(spot, state, why);
        }
    }

    fn announce(&self, spot: Spot, breaker: State, why: String) {
        self.observer
            .on(&Event::BreakerChanged { spot, breaker, why });
    }
}

/// The spot whose health a failure of that scope counts against.
fn spot_of(scope: Scope, planned: &Planned) -> Option<Spot> {
    let [authority, account, key, endpoint] = both(planned);
    match scope {
        Scope::None => None,
        Scope::Key => Some(key),
        Scope::Account => Some(account),
        Scope::Authority => Some(authority),
        Scope::KeyModel | Scope::Endpoint => Some(endpoint),
    }
}

fn both(planned: &Planned) -> [Spot; 4] {
    Spot::of(&planned.lane, &planned.model)
}

impl Entry {
    fn new(now: Instant, rules: &Rules) -> Self {
        Self {
            breaker: Breaker::new(now, rules),
            first_token: None,
            last_failure: None,
        }
    }

    fn show(&self, spot: &Spot, now: Instant, rules: &Rules) -> Health {
        let counts = self.breaker.counts(now);
        let opens_in = match self.breaker.at(now) {
            State::Open => self.breaker.ready_at(rules).map(|moment| moment - now),
            State::Closed | State::Probing => None,
        };
        Health {
            spot: spot.clone(),
            in_flight: 0,
            alarm: None,
            breaker: self.breaker.at(now),
            failure_share: smoothed_share(counts.failures, counts.attempts),
            first_token_ms: self.first_token.map(|first_token| first_token.ms as f32),
            attempts: counts.attempts,
            opens_in_ms: opens_in.map_or(0, millis_up),
            last_failure: self.last_failure.clone(),
        }
    }
}

/// One failure in twenty is what is believed of a target before it was seen.
fn smoothed_share(failures: u32, attempts: u32) -> f32 {
    (failures as f32 + 1.0) / (attempts as f32 + 20.0)
}

fn millis_up(span: Duration) -> u64 {
    u64::try_from(span.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// Smoothed time to the first token. It follows a slow answer at once and
/// forgets it over ten seconds, so that trouble shows before it is over.
#[derive(Debug, Clone, Copy)]
struct FirstToken {
    ms: f64,
    at: Instant,
}

impl FirstToken {
    const DECAY: Duration = Duration::from_secs(10);

    fn after(earlier: Option<Self>, sample: Duration, now: Instant) -> Self {
        let sample = sample.as_secs_f64() * 1000.0;
        let ms = match earlier {
            Some(earlier) if earlier.ms > sample => {
                let age = now.saturating_duration_since(earlier.at);
                let kept = (-age.as_secs_f64() / Self::DECAY.as_secs_f64()).exp();
                sample + (earlier.ms - sample) * kept
            }
            _ => sample,
        };
        Self { ms, at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_token_time_rises_at_once_and_falls_slowly() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let slow = FirstToken::after(None, ms(900), start);
        let soon = FirstToken::after(Some(slow), ms(100), start);
        assert_eq!(soon.ms, 900.0);
        let later = FirstToken::after(Some(slow), ms(100), start + FirstToken::DECAY);
        assert!((later.ms - 394.3).abs() < 0.1, "{later:?}");
        assert_eq!(
            FirstToken::after(Some(later), ms(700), start + FirstToken::DECAY).ms,
            700.0
        );
    }

    #[test]
    fn an_unseen_target_is_believed_to_fail_once_in_twenty() {
        assert_eq!(smoothed_share(0, 0), 0.05);
        assert_eq!(smoothed_share(20, 20), 0.525);
    }
}
