//! What calls share without a lock, under every interleaving with up to three
//! preemptions, which is where such mistakes show.

/// The shipped files, with loom's atomics in place of the standard library's.
#[path = "../../src/dice.rs"]
#[expect(dead_code, reason = "not all of it is shared")]
mod dice;
#[path = "../../src/in_flight.rs"]
mod in_flight;

use loom::thread;

use self::dice::Dice;
use self::in_flight::InFlight;
use crate::sync::{Arc, AtomicU32, Ordering};

fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn no_interleaving_lets_more_in_than_there_are_slots_or_loses_one() {
    explore(|| {
        let slots = InFlight::new();
        let inside = Arc::new(AtomicU32::new(0));
        let call = {
            let (slots, inside) = (slots.clone(), inside.clone());
            move || {
                let Some(ticket) = slots.enter(1) else {
                    return 0;
                };
                assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0, "two in one slot");
                inside.fetch_sub(1, Ordering::AcqRel);
                drop(ticket);
                1
            }
        };
        let other = thread::spawn(call.clone());
        let entered = call() + other.join().unwrap();
        assert!(
            entered >= 1,
            "one slot serves one caller whatever the other does"
        );
        assert_eq!(slots.count(), 0);
    });
}

#[test]
fn no_interleaving_gives_two_callers_the_same_roll() {
    explore(|| {
        let dice = Arc::new(Dice::new(7));
        let other = {
            let dice = dice.clone();
            thread::spawn(move || [dice.roll(), dice.roll()])
        };
        let mut rolls = vec![dice.roll(), dice.roll()];
        rolls.extend(other.join().unwrap());
        rolls.sort_unstable();
        rolls.dedup();
        assert_eq!(rolls.len(), 4);
    });
}
