//! The last minute of one key, on one node.
//!
//! A sliding window and not a bucket that refills: a bucket lets twice its size
//! through in a minute, and whoever reads "60 requests per minute" in a
//! provider's bill does not expect 119.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Amount;

/// Any time of this length has at most what the limit says.
pub const WINDOW: Duration = Duration::from_secs(60);

/// What was taken within one slot is counted as one, so that a busy key is
/// 121 small entries, however many requests that is. It is counted for up to
/// this much longer than [`WINDOW`], and never shorter.
const SLOT: Duration = Duration::from_millis(500);

/// Slots for which what was taken counts after its own.
const COUNTS_FOR: u64 = 120;
const _: () = assert!(SLOT.as_millis() * COUNTS_FOR as u128 == WINDOW.as_millis());

/// What was taken in the last minute.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Where slot 0 begins: when something was taken first.
    origin: Option<Instant>,
    /// In the order of time, empty ones left out.
    slots: VecDeque<Slot>,
    /// The sum of all slots.
    used: Amount,
}

#[derive(Debug)]
struct Slot {
    at: u64,
    used: Amount,
}

impl Window {
    /// Takes all of it and returns the slot that it counts in, or takes nothing
    /// and returns after which time there is room, if nothing else is taken.
    /// `ask` must fit into `most`.
    pub(crate) fn take(
        &mut self,
        ask: Amount,
        most: Amount,
        now: Instant,
    ) -> Result<u64, Duration> {
        let at = self.slot_at(now);
        self.forget(at);
        let wanted = self.used + ask;
        if !wanted.fits(most) {
            return Err(self.room_in(wanted - most, now));
        }
        self.add(at, ask);
        Ok(at)
    }

    /// What more may be taken now.
    pub(crate) fn room(&mut self, most: Amount, now: Instant) -> Amount {
        let at = self.slot_at(now);
        self.forget(at);
        most - self.used
    }

    /// Replaces what was taken in a slot by what it came to. What does not count
    /// any more is not given back; what was missing then is counted now.
    pub(crate) fn correct(&mut self, slot: u64, taken: Amount, used: Amount, now: Instant) {
        let at = self.slot_at(now);
        self.forget(at);
        match self.slots.binary_search_by_key(&slot, |slot| slot.at) {
            Ok(place) => {
                self.slots[place].used = self.slots[place].used + used - taken;
                self.used = self.used + used - taken;
            }
            Err(_) => self.add(at, used - taken),
        }
    }

    fn slot_at(&mut self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(*self.origin.get_or_insert(now));
        let at = u64::try_from(since.as_millis() / SLOT.as_millis()).unwrap_or(u64::MAX);
        // Who asked the clock first may come second.
        self.slots.back().map_or(at, |last| at.max(last.at))
    }

    fn forget(&mut self, at: u64) {
        while let Some(first) = self.slots.front()
            && first.at + COUNTS_FOR < at
        {
            self.used = self.used - first.used;
            self.slots.pop_front();
        }
    }

    fn add(&mut self, at: u64, amount: Amount) {
        if amount == Amount::default() {
            return;
        }
        self.used = self.used + amount;
        match self.slots.back_mut().filter(|last| last.at == at) {
            Some(last) => last.used = last.used + amount,
            None => self.slots.push_back(Slot { at, used: amount }),
        }
    }

    /// When so much will not count any more.
    fn room_in(&self, missing: Amount, now: Instant) -> Duration {
        let mut freed = Amount::default();
        let enough = self.slots.iter().find(|slot| {
            freed = freed + slot.used;
            missing.fits(freed)
        });
        let Some((slot, origin)) = enough.zip(self.origin) else {
            return WINDOW;
        };
        let slots = u32::try_from(slot.at + COUNTS_FOR + 1).unwrap_or(u32::MAX);
        (origin + SLOT * slots).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: Amount = Amount {
        requests: 10,
        tokens: 1_000,
    };

    fn after(origin: Instant, millis: u64) -> Instant {
        origin + Duration::from_millis(millis)
    }

    #[test]
    fn a_take_counts_for_a_minute_and_half_a_second_at_most() {
        let start = Instant::now();
        let one = Amount {
            requests: 1,
            tokens: 100,
        };
        let mut window = Window::default();
        // The slot that it is in begins 400 ms before it.
        window.take(Amount::one(0), one, start).unwrap();
        let check = |window: &mut Window, millis, expected: Result<(), u64>| {
            let taken = window.take(Amount::one(100), one, after(start, millis));
            let taken = taken.map(|_| ());
            assert_eq!(taken, expected.map_err(Duration::from_millis), "{millis}");
        };
        check(&mut window, 0, Err(60_500));
        check(&mut window, 60_499, Err(1));
        check(&mut window, 60_900, Ok(()));
        check(&mut window, 60_900, Err(60_100));
        check(&mut window, 121_000, Ok(()));
    }

    #[test]
    fn what_it_came_to_replaces_what_was_taken() {
        let start = Instant::now();
        let mut window = Window::default();
        let (taken, now) = (Amount::one(600), start);
        let slot = window.take(taken, MOST, now).unwrap();
        assert!(window.take(taken, MOST, now).is_err());
        window.correct(slot, taken, Amount::one(100), now);
        assert_eq!(
            window.room(MOST, now),
            Amount {
                requests: 9,
                tokens: 900
            }
        );
        window.correct(slot, Amount::one(100), Amount::one(1_500), now);
        assert_eq!(
            window.room(MOST, now),
            Amount {
                requests: 9,
                tokens: 0
            }
        );
        // It does not count any more: nothing comes back, what is missing counts.
        let later = after(start, 61_000);
        window.correct(slot, taken, Amount::one(100), later);
        assert_eq!(window.room(MOST, later), MOST);
        window.correct(slot, taken, Amount::one(700), later);
        assert_eq!(
            window.room(MOST, later),
            Amount {
                requests: 10,
                tokens: 900
            }
        );
    }

    #[test]
    fn a_clock_that_was_read_earlier_is_no_harm() {
        let start = Instant::now();
        let mut window = Window::default();
        window.take(Amount::one(1), MOST, start).unwrap();
        window
            .take(Amount::one(1), MOST, after(start, 5_000))
            .unwrap();
        window
            .take(Amount::one(1), MOST, after(start, 100))
            .unwrap();
        let later = after(start, 60_600);
        assert_eq!(
            window.room(MOST, later).requests,
            8,
            "two of the later slot"
        );
    }

    proptest! {
        /// Steps are often nothing, so that slots fill, and often about a
        /// minute, so that they end.
        #[test]
        fn no_minute_has_more_than_the_limit_and_a_refusal_changes_nothing(
            steps in prop::collection::vec(
                (prop_oneof![Just(0_u64), 0_u64..3_000, 58_000_u64..62_000], 0_u64..=1_000),
                1..120,
            ),
        ) {
            let start = Instant::now();
            let (mut window, mut now) = (Window::default(), 0);
            let mut log: Vec<(u64, u64)> = Vec::new();
            for (step, tokens) in steps {
                now += step;
                let at = after(start, now);
                let before = window.room(MOST, at);
                let ask = Amount::one(tokens);
                match window.take(ask, MOST, at) {
                    Ok(_) => {
                        prop_assert!(ask.fits(before));
                        log.push((now, tokens));
                    }
                    Err(wait) => {
                        prop_assert!(!ask.fits(before));
                        prop_assert_eq!(window.room(MOST, at), before);
                        // Exactly then, and not before.
                        prop_assert!(ask.fits(clone_of(&window).room(MOST, at + wait)));
                        let early = at + wait - Duration::from_millis(1);
                        prop_assert!(!ask.fits(clone_of(&window).room(MOST, early)));
                    }
                }
            }
            for (end, _) in &log {
                let minute = log.iter().filter(|(at, _)| *at <= *end && *at + 60_000 >= *end);
                let (requests, tokens) = minute.fold((0, 0), |(n, sum), (_, t)| (n + 1, sum + t));
                prop_assert!(requests <= MOST.requests && tokens <= MOST.tokens);
            }
        }
    }

    fn clone_of(window: &Window) -> Window {
        let slots = window.slots.iter();
        Window {
            origin: window.origin,
            slots: slots
                .map(|Slot { at, used }| Slot {
                    at: *at,
                    used: *used,
                })
                .collect(),
            used: window.used,
        }
    }
}
