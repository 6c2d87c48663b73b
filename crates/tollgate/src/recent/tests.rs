use tollgate_core::{Ended, Hold, Outcome, Usd};
use tollgate_testkit::builders::{facts, record};

use super::*;

fn settled(call: u128, generation: &str) -> Event {
    let mut attempt = record(1, "a/b", 5);
    attempt.served.generation = Some(GenerationId::new(generation).unwrap());
    let hold = Hold::new(facts(call), Usd::ZERO);
    let outcome = Outcome {
        ended: Ended::Complete,
        attempts: vec![attempt],
        took_ms: 1,
    };
    Event::Settled {
        receipt: Receipt::new(&hold, outcome),
    }
}

fn call_of(recent: &Recent, id: &str) -> Option<CallId> {
    recent.find(id).map(|receipt| receipt.facts.call)
}

#[test]
fn a_call_is_found_by_its_own_id_and_by_its_generations() {
    let recent = Recent::default();
    recent.on(&settled(1, "gen-1"));
    let call = facts(1).call;
    assert_eq!(call_of(&recent, "gen-1"), Some(call));
    assert_eq!(call_of(&recent, &call.to_string()), Some(call));
    for unknown in ["gen-2", "", &facts(2).call.to_string()] {
        assert_eq!(call_of(&recent, unknown), None, "{unknown}");
    }
}

#[test]
fn the_oldest_are_forgotten_with_all_their_ids() {
    let recent = Recent::default();
    for call in 0..=MOST as u128 {
        recent.on(&settled(call, &format!("gen-{call}")));
    }
    assert_eq!(call_of(&recent, "gen-0"), None);
    assert!(call_of(&recent, "gen-1").is_some());
    let kept = recent.kept.lock().unwrap();
    let counts = [
        kept.order.len(),
        kept.receipts.len(),
        kept.generations.len(),
    ];
    assert_eq!(counts, [MOST; 3]);
}

#[test]
fn an_id_that_was_given_twice_is_the_later_calls() {
    let recent = Recent::default();
    recent.on(&settled(0, "gen-twice"));
    for call in 1..MOST as u128 {
        recent.on(&settled(call, &format!("gen-{call}")));
    }
    recent.on(&settled(MOST as u128, "gen-twice"));
    assert_eq!(
        call_of(&recent, "gen-twice"),
        Some(facts(MOST as u128).call)
    );
}
