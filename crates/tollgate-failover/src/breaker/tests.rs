use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::BreakerConfig;

const FAILED: Verdict = Verdict::Failed {
    in_row: true,
    retry_after: None,
};
const LIMITED: Verdict = Verdict::Failed {
    in_row: false,
    retry_after: None,
};

fn rules() -> Rules {
    BreakerConfig::default().rules()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Feeds verdicts at one moment; returns the state after each.
fn feed(breaker: &mut Breaker, now: Instant, verdicts: &[Verdict]) -> Vec<State> {
    verdicts
        .iter()
        .map(|verdict| {
            breaker.record(now, *verdict, &rules(), 0);
            breaker.state()
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_open_it_and_a_success_starts_the_count_again() {
    let now = Instant::now();
    let mut breaker = Breaker::new(now, &rules());
    let row = [
        FAILED,
        FAILED,
        FAILED,
        FAILED,
        Verdict::Worked,
        FAILED,
        FAILED,
        FAILED,
        FAILED,
    ];
    assert!(
        feed(&mut breaker, now, &row)
            .iter()
            .all(|state| *state == State::Closed)
    );
    assert_eq!(feed(&mut breaker, now, &[FAILED]), [State::Open]);
}

#[tokio::test(start_paused = true)]
async fn rate_limits_count_by_share_only() {
    let now = Instant::now();
    let mut breaker = Breaker::new(now, &rules());
    let states = feed(&mut breaker, now, &[LIMITED; 20]);
    assert!(
        states[..19].iter().all(|state| *state == State::Closed),
        "{states:?}"
    );
    assert_eq!(states[19], State::Open);
}

#[tokio::test(start_paused = true)]
async fn it_opens_probes_once_a_second_and_closes_after_three() {
    let start = Instant::now();
    let mut breaker = Breaker::new(start, &rules());
    feed(&mut breaker, start, &[FAILED; 5]);
    // Roll 0 is the lower end of equal jitter: half of five seconds.
    let probing = start + Duration::from_millis(2_500);
    assert!(!breaker.take(probing - Duration::from_millis(1), &rules()));
    assert_eq!(breaker.at(probing), State::Probing);
    for probe in 0..3 {
        let now = probing + secs(probe);
        assert!(breaker.take(now, &rules()));
        assert!(!breaker.take(now + Duration::from_millis(999), &rules()));
        assert_eq!(breaker.state(), State::Probing);
        breaker.record(now, Verdict::Worked, &rules(), 0);
    }
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.counts(probing + secs(2)), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn each_failed_probe_doubles_the_open_time_and_quiet_minutes_halve_it() {
    let mut now = Instant::now();
    let mut breaker = Breaker::new(now, &rules());
    feed(&mut breaker, now, &[FAILED; 5]);
    let mut spans = Vec::new();
    for _ in 0..6 {
        let until = breaker.ready_at(&rules()).unwrap();
        spans.push((until - now).as_millis());
        now = until;
        assert!(breaker.take(now, &rules()));
        breaker.record(now, FAILED, &rules(), 0);
    }
    assert_eq!(spans, [2_500, 5_000, 10_000, 20_000, 30_000, 30_000]);

    now = breaker.ready_at(&rules()).unwrap();
    assert!(breaker.take(now, &rules()));
    feed(&mut breaker, now, &[Verdict::Worked; 3]);
    assert_eq!(breaker.state(), State::Closed);
    now += secs(6 * 60);
    feed(&mut breaker, now, &[FAILED; 5]);
    // Seven openings less six quiet minutes: the second span again.
    assert_eq!(breaker.ready_at(&rules()), Some(now + secs(5)));
}

#[tokio::test(start_paused = true)]
async fn the_upstreams_word_holds_in_every_state_is_capped_and_leaves_no_probing() {
    let now = Instant::now();
    let mut breaker = Breaker::new(now, &rules());
    let asked = Verdict::Failed {
        in_row: false,
        retry_after: Some(secs(3600)),
    };
    assert!(breaker.record(now, asked, &rules(), 0).is_some());
    assert_eq!(breaker.at(now), State::Open);
    assert!(!breaker.force(now, secs(1)));
    let over = now + secs(600);
    assert!(!breaker.take(over - Duration::from_millis(1), &rules()));
    assert!(breaker.take(over, &rules()));
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn forced_attempts_keep_the_pace_of_probes_and_a_success_ends_the_waiting() {
    let now = Instant::now();
    let mut breaker = Breaker::new(now, &rules());
    feed(&mut breaker, now, &[FAILED; 5]);
    assert!(!breaker.force(now + Duration::from_millis(999), secs(1)));
    assert!(breaker.force(now + secs(1), secs(1)));
    assert_eq!(feed(&mut breaker, now + secs(1), &[FAILED]), [State::Open]);
    assert!(!breaker.force(now + Duration::from_millis(1_999), secs(1)));
    assert!(breaker.force(now + secs(2), secs(1)));
    assert_eq!(
        feed(&mut breaker, now + secs(2), &[Verdict::Worked]),
        [State::Probing]
    );
}

// === model ===

/// The rules once more, as plainly as possible: a list of everything that
/// happened instead of buckets, seconds instead of instants.
#[derive(Debug)]
struct Model {
    state: State,
    until: u64,
    not_before: u64,
    probed: Option<u64>,
    successes: u32,
    row: u32,
    history: VecDeque<(u64, bool)>,
    epoch: u64,
    k: u32,
    closed: u64,
}

impl Model {
    fn new() -> Self {
        Self {
            state: State::Closed,
            until: 0,
            not_before: 0,
            probed: None,
            successes: 0,
            row: 0,
            history: VecDeque::new(),
            epoch: 0,
            k: 0,
            closed: 0,
        }
    }

    fn take(&mut self, now: u64) -> bool {
        let ready = match self.state {
            State::Closed => true,
            State::Open => now >= self.until,
            State::Probing => self.probed.is_none_or(|probed| now > probed),
        };
        if !ready || now < self.not_before {
            return false;
        }
        if self.state == State::Open {
            (self.state, self.successes) = (State::Probing, 0);
        }
        if self.state == State::Probing {
            self.probed = Some(now);
        }
        true
    }

    fn record(&mut self, now: u64, verdict: Verdict) {
        let failed = verdict != Verdict::Worked;
        self.history.push_back((now, failed));
        match verdict {
            Verdict::Worked => {
                self.row = 0;
                match self.state {
                    State::Closed => return,
                    State::Open => (self.state, self.successes) = (State::Probing, 1),
                    State::Probing => self.successes += 1,
                }
                if self.successes == 3 {
                    self.state = State::Closed;
                    self.history.clear();
                    (self.epoch, self.closed, self.probed) = (now, now, None);
                }
            }
            Verdict::Failed {
                in_row,
                retry_after,
            } => {
                if let Some(wait) = retry_after {
                    self.not_before = self.not_before.max(now + wait.as_secs().min(600));
                }
                self.row += u32::from(in_row);
                let opens = match self.state {
                    State::Closed => self.row >= 5 || self.too_few(now),
                    State::Open => false,
                    State::Probing => true,
                };
                if opens {
                    if self.state == State::Closed {
                        self.k = self.k.saturating_sub(((now - self.closed) / 60) as u32);
                    }
                    // Half of 5 s · 2ᵏ⁻¹ in whole seconds: the test's rules open for 8 s.
                    self.until = now + (4 << self.k.min(4)).min(30);
                    self.k += 1;
                    (self.state, self.probed) = (State::Open, Some(now));
                }
            }
        }
    }

    fn too_few(&self, now: u64) -> bool {
        // Buckets of three seconds, counted from the last closing.
        let bucket = |moment: u64| (moment - self.epoch) / 3;
        let recent: Vec<_> = self
            .history
            .iter()
            .filter(|(at, _)| bucket(now) - bucket(*at) < 10)
            .collect();
        let good = recent.iter().filter(|(_, failed)| !failed).count();
        recent.len() >= 20 && good * 100 < recent.len() * 80
    }
}

#[derive(Debug, Clone)]
enum Act {
    Wait(u64),
    Take,
    Record(Verdict),
}

/// Mostly short waits and failures: long quiet is where nothing happens.
fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0_u64..4).prop_map(Act::Wait),
        1 => (0_u64..150).prop_map(Act::Wait),
        4 => Just(Act::Take),
        6 => Just(Act::Record(Verdict::Worked)),
        6 => Just(Act::Record(FAILED)),
        2 => Just(Act::Record(LIMITED)),
        1 => (1_u64..1000).prop_map(|wait| Act::Record(Verdict::Failed {
            in_row: false,
            retry_after: Some(secs(wait)),
        })),
    ]
}

proptest! {
    #[test]
    fn it_behaves_like_the_plain_model(acts in prop::collection::vec(act(), 1..200)) {
        let rules = Rules { open: secs(8), ..rules() };
        let start = Instant::now();
        let mut passed = 0;
        let mut breaker = Breaker::new(start, &rules);
        let mut model = Model::new();
        for act in acts {
            let now = start + secs(passed);
            match act {
                Act::Wait(wait) => passed += wait,
                Act::Take => prop_assert_eq!(breaker.take(now, &rules), model.take(passed)),
                Act::Record(verdict) => {
                    breaker.record(now, verdict, &rules, 0);
                    model.record(passed, verdict);
                }
            }
            let open = breaker.phase != Phase::Closed;
            prop_assert_eq!(open, model.state != State::Closed, "after {:?}", model);
        }
    }
}
