//! How fast a key may call on one node.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tollgate_core::{Failure, FailureKind, Next, Origin, Timestamp};
use tollgate_keys::{Gate, LimitRefusal, Limits, WINDOW};

use crate::find::book_of;

fn gate(requests: u32, tokens: u64) -> Gate {
    Gate::new(Limits {
        requests: Some(requests),
        tokens: Some(tokens),
        concurrent: None,
    })
}

/// How many requests of so many tokens are let in now.
fn count(gate: &Gate, tokens: u64, now: Instant) -> usize {
    std::iter::from_fn(|| gate.take(tokens, now).ok()).count()
}

#[test]
fn what_has_no_limit_is_let_in() {
    let gate = Gate::new(Limits::default());
    let now = Instant::now();
    let all: Vec<_> = (0..1_000)
        .map(|_| gate.admit(u64::MAX, now).unwrap())
        .collect();
    assert_eq!(all.len(), 1_000);
}

#[test]
fn neither_is_taken_when_the_other_has_no_room() {
    let now = Instant::now();
    let full_of_tokens = gate(10, 100);
    let _first = full_of_tokens.take(100, now).unwrap();
    for _ in 0..50 {
        let refusal = full_of_tokens.take(1, now).unwrap_err();
        assert!(matches!(
            refusal,
            LimitRefusal::Tokens {
                limit: 100,
                asked: 1,
                ..
            }
        ));
    }
    assert_eq!(count(&full_of_tokens, 0, now), 9, "no request was taken");

    let full_of_requests = gate(1, 100);
    let first = full_of_requests.take(10, now).unwrap();
    for _ in 0..50 {
        let refusal = full_of_requests.take(90, now).unwrap_err();
        assert!(matches!(refusal, LimitRefusal::Requests { limit: 1, .. }));
    }
    first.cancel(now);
    assert!(
        full_of_requests.take(100, now).is_ok(),
        "no tokens were taken"
    );
}

#[test]
fn a_refusal_says_exactly_when_there_is_room() {
    let (gate, start) = (gate(2, 1_000), Instant::now());
    let _first = gate.take(400, start).unwrap();
    let _second = gate.take(400, start + Duration::from_secs(20)).unwrap();
    let now = start + Duration::from_secs(30);
    let refusal = gate.take(700, now).unwrap_err();
    let LimitRefusal::Requests { retry_after, .. } = refusal else {
        panic!("{refusal:?}");
    };
    // Only when both have gone is there room for so many tokens.
    assert_eq!(retry_after, Duration::from_millis(50_500));
    let at = now + retry_after;
    assert!(gate.take(700, at - Duration::from_millis(1)).is_err());
    assert!(gate.take(700, at).is_ok());
}

#[test]
fn an_estimate_is_corrected_both_ways() {
    let (gate, now) = (gate(10, 1_000), Instant::now());
    gate.take(900, now).unwrap().correct(100, now);
    gate.take(900, now).unwrap().correct(2_000, now);
    let refusal = gate.take(1, now).unwrap_err();
    assert!(matches!(refusal, LimitRefusal::Tokens { .. }));
    let later = now + WINDOW + Duration::from_secs(1);
    assert!(gate.take(1_000, later).is_ok());
}

#[test]
fn a_request_that_never_fits_is_told_so() {
    let (gate, now) = (gate(10, 1_000), Instant::now());
    let refusal = gate.take(1_001, now).unwrap_err();
    assert_eq!(
        refusal,
        LimitRefusal::TooLarge {
            limit: 1_000,
            asked: 1_001
        }
    );
    assert!(gate.take(1_000, now).is_ok());
}

#[test]
fn places_are_left_when_permits_are_dropped() {
    let gate = Gate::new(Limits {
        concurrent: Some(2),
        requests: Some(3),
        tokens: None,
    });
    let now = Instant::now();
    let one = gate.admit(1, now).unwrap();
    let two = gate.admit(1, now).unwrap();
    let refusal = gate.admit(1, now).unwrap_err();
    assert_eq!(refusal, LimitRefusal::Concurrent { limit: 2 });
    drop(one.permit);
    let three = gate.admit(1, now).unwrap();
    drop((two, three));
    // The rate is full now; who is refused for it leaves its place again.
    for _ in 0..5 {
        assert!(matches!(
            gate.admit(1, now),
            Err(LimitRefusal::Requests { .. })
        ));
    }
    let _places = [gate.enter().unwrap(), gate.enter().unwrap()];
}

#[test]
fn of_all_that_come_at_once_exactly_as_many_as_may_are_let_in() {
    const THREADS: usize = 8;
    let gate = Gate::new(Limits {
        requests: Some(100),
        tokens: Some(100_000),
        concurrent: Some(100),
    });
    let (now, together) = (Instant::now(), Barrier::new(THREADS));
    let admitted: Vec<_> = std::thread::scope(|scope| {
        let come = || {
            together.wait();
            let admitted = (0..200).filter_map(|_| gate.admit(10, now).ok());
            admitted.collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(come)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(admitted.len(), 100);
}

#[test]
fn another_book_inherits_what_was_used_and_has_its_own_limits() {
    let now = Instant::now();
    let at = Timestamp::from_secs(0);
    let (old, key) = book_of("requests_per_minute = 3\nmax_concurrent = 2");
    let shown = key.text().reveal();
    let gate = old.find(shown, at).unwrap().gate();
    let running = [gate.admit(1, now).unwrap(), gate.admit(1, now).unwrap()];

    let (new, key) = book_of("requests_per_minute = 4\nmax_concurrent = 3");
    let new = new.inherit(&old);
    let gate = new.find(key.text().reveal(), at).unwrap().gate();
    let third = gate.admit(1, now).unwrap();
    let refusal = gate.admit(1, now).unwrap_err();
    assert_eq!(refusal, LimitRefusal::Concurrent { limit: 3 });
    drop(running);
    let _fourth = gate.admit(1, now).unwrap();
    assert!(matches!(
        gate.admit(1, now),
        Err(LimitRefusal::Requests { limit: 4, .. })
    ));
    drop(third);
}

#[test]
fn refusals_become_failures_with_the_time_to_wait() {
    let after = Duration::from_millis(2_500);
    let check = |refusal: LimitRefusal, kind, status, expected: Option<Duration>| {
        let failure = Failure::from(refusal);
        assert_eq!((failure.kind(), failure.rule().status), (kind, status));
        assert_eq!(
            (failure.retry_after(), failure.next()),
            (expected, Next::Stop)
        );
        assert!(failure.hint().is_some());
        let gateways = kind == FailureKind::LedgerUnavailable;
        let origin = if gateways {
            Origin::Gateway
        } else {
            Origin::Caller
        };
        assert_eq!(failure.origin(), origin);
    };
    let limited = FailureKind::RateLimited;
    let second = Some(Duration::from_secs(1));
    check(LimitRefusal::Concurrent { limit: 1 }, limited, 429, second);
    let requests = LimitRefusal::Requests {
        limit: 1,
        retry_after: after,
    };
    check(requests, limited, 429, Some(after));
    let tokens = LimitRefusal::Tokens {
        limit: 1,
        asked: 1,
        retry_after: after,
    };
    check(tokens, limited, 429, Some(after));
    let large = LimitRefusal::TooLarge { limit: 1, asked: 2 };
    check(large, FailureKind::InvalidRequest, 400, None);
    check(
        LimitRefusal::StoreGone,
        FailureKind::LedgerUnavailable,
        503,
        second,
    );
}

/// What may happen at a gate, some time after the last thing.
#[derive(Debug, Clone)]
enum Step {
    Take(u64),
    Correct(usize, u64),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..=500).prop_map(Step::Take),
        1 => (any::<usize>(), 0_u64..=500).prop_map(|(which, tokens)| Step::Correct(which, tokens)),
        1 => any::<usize>().prop_map(Step::Cancel),
    ]
}

proptest! {
    /// Corrections downwards and cancellations give room for others, and never
    /// for more than there is. Pauses are mostly short, so that it fills.
    #[test]
    fn no_minute_comes_to_more_than_the_limit(
        steps in prop::collection::vec((step(), prop_oneof![0_u64..200, 0_u64..40_000]), 1..200),
    ) {
        let (gate, start) = (gate(8, 2_000), Instant::now());
        let mut now = start;
        let mut open = Vec::new();
        let mut log: Vec<(Instant, u64)> = Vec::new();
        for (step, pause) in steps {
            now += Duration::from_millis(pause);
            match step {
                Step::Take(tokens) => if let Ok(taken) = gate.take(tokens, now) {
                    open.push((log.len(), taken));
                    log.push((now, tokens));
                },
                Step::Correct(which, tokens) if !open.is_empty() => {
                    let (place, taken) = open.swap_remove(which % open.len());
                    let tokens = tokens.min(log[place].1);
                    taken.correct(tokens, now);
                    log[place].1 = tokens;
                }
                Step::Cancel(which) if !open.is_empty() => {
                    let (place, taken) = open.swap_remove(which % open.len());
                    taken.cancel(now);
                    // It was never sent, so it is in no minute.
                    log[place].0 = start - Duration::from_secs(1_000);
                }
                Step::Correct(..) | Step::Cancel(_) => {}
            }
        }
        for (end, _) in &log {
            let minute = log.iter().filter(|(at, _)| at <= end && *at + WINDOW >= *end);
            let (requests, tokens) = minute.fold((0, 0), |(n, sum), (_, t)| (n + 1, sum + t));
            let cancelled = *end < start;
            prop_assert!(cancelled || (requests <= 8 && tokens <= 2_000), "{} {}", requests, tokens);
        }
    }
}
