use std::sync::Arc;

use tollgate_core::{ApiKey, CallerId, CallerKeys, Price, Pricing, Rate, Rates};
use tollgate_testkit::builders::{self, NOON, lane_id, model};
use tollgate_testkit::views::{ModelSpec, view};
use tollgate_wire::Request;

use super::*;

const MODEL: &str = "a/one";

/// A model that is read from its cache at a tenth, and written to it for free
/// or at a price.
fn offered(cache_write: Option<Rate>) -> CatalogView {
    let pricing = Pricing::Known(Price {
        base: Rates {
            input: Rate::from_attos(10),
            cache_read: Some(Rate::from_attos(1)),
            cache_write,
            ..Rates::default()
        },
        overrides: Vec::new(),
    });
    view([
        ModelSpec::new(MODEL).pricing(pricing),
        ModelSpec::new("a/dear"),
    ])
}

fn after(seconds: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(seconds))
}

fn turn<'a>(model: &'a ModelId, lane: &'a LaneId, cached: u64) -> Turn<'a> {
    Turn {
        at: NOON,
        model,
        lane,
        prompt: 5_000,
        cached,
        writes_cost: false,
        order: &[],
    }
}

/// What is expected of the next turn after these, each with what was cached of
/// it, where writing to the cache costs nothing or something.
fn expected_after(turns: &[u64], writes_cost: bool) -> u64 {
    let (sessions, conversation) = (Sessions::default(), Conversation(1));
    let (model, lane) = (model(MODEL), lane_id("openrouter"));
    for cached in turns {
        sessions.note(
            conversation,
            Turn {
                writes_cost,
                ..turn(&model, &lane, *cached)
            },
        );
    }
    let warm = sessions.warm(conversation, NOON, &offered(None));
    warm.map_or(0, |warm| warm.tokens)
}

// === who has read what ===

#[test]
fn all_of_a_prompt_is_expected_to_be_cached_where_that_is_free() {
    assert_eq!(expected_after(&[0], false), 5_000);
    assert_eq!(expected_after(&[0, 5_000], false), 5_000);
}

#[test]
fn as_large_a_part_is_expected_as_was_found_of_the_turn_before() {
    assert_eq!(expected_after(&[0, 2_000], false), 2_000);
    assert_eq!(expected_after(&[0, 9_000], false), 5_000);
}

#[test]
fn who_has_cached_nothing_of_a_second_turn_is_not_expected_to() {
    assert_eq!(expected_after(&[0, 0], false), 0);
    assert_eq!(expected_after(&[0, 0, 0], false), 0);
    assert_eq!(expected_after(&[0, 0, 4_000], false), 4_000);
}

#[test]
fn where_writing_costs_the_provider_must_have_said_that_it_caches() {
    assert_eq!(expected_after(&[0], true), 0);
    assert_eq!(expected_after(&[4_000], true), 5_000);
}

#[test]
fn a_conversation_that_rests_for_ten_minutes_is_forgotten() {
    let sessions = Sessions::default();
    let (model, lane) = (model(MODEL), lane_id("openrouter"));
    sessions.note(Conversation(1), turn(&model, &lane, 0));
    let warm = |seconds| sessions.warm(Conversation(1), after(seconds), &offered(None));
    assert!(warm(600).is_some());
    assert!(warm(601).is_none());
}

#[test]
fn short_prompts_are_not_cached() {
    let sessions = Sessions::default();
    let (model, lane) = (model(MODEL), lane_id("openrouter"));
    let short = Turn {
        prompt: 1_023,
        ..turn(&model, &lane, 0)
    };
    sessions.note(Conversation(1), short);
    assert_eq!(sessions.warm(Conversation(1), NOON, &offered(None)), None);
}

#[test]
fn nothing_is_expected_where_the_cache_is_no_cheaper_or_the_offer_is_gone() {
    let sessions = Sessions::default();
    for (id, lane) in [
        ("a/dear", "openrouter"),
        (MODEL, "gone"),
        ("a/gone", "openrouter"),
    ] {
        let (model, lane) = (model(id), lane_id(lane));
        sessions.note(Conversation(1), turn(&model, &lane, 4_000));
        let warm = sessions.warm(Conversation(1), NOON, &offered(None));
        assert_eq!(warm, None, "{id} on {lane}");
    }
}

#[test]
fn a_bounded_number_is_remembered_the_newest() {
    let sessions = Sessions::default();
    let (model, lane) = (model(MODEL), lane_id("openrouter"));
    for number in 0..=MOST as u64 {
        sessions.note(Conversation(number), turn(&model, &lane, 0));
    }
    let is_known = |number| sessions.kept().read(Conversation(number), NOON).is_some();
    assert!(!is_known(0) && is_known(1) && is_known(MOST as u64));
    let kept = sessions.kept();
    assert_eq!((kept.last.len(), kept.order.len()), (MOST, MOST));
}

#[test]
fn what_has_rested_too_long_takes_no_room() {
    let sessions = Sessions::default();
    let (model, lane) = (model(MODEL), lane_id("openrouter"));
    for number in 0..100 {
        sessions.note(Conversation(number), turn(&model, &lane, 0));
    }
    let late = Turn {
        at: after(700),
        ..turn(&model, &lane, 0)
    };
    sessions.note(Conversation(7), late);
    let kept = sessions.kept();
    assert_eq!((kept.last.len(), kept.order.len()), (1, 1));
}

#[test]
fn a_conversation_that_goes_on_outlives_its_first_turn() {
    let sessions = Sessions::default();
    let (model, lane) = (model(MODEL), lane_id("openrouter"));
    for (number, seconds) in [(1, 0), (1, 500), (2, 1_000)] {
        let at = after(seconds);
        sessions.note(
            Conversation(number),
            Turn {
                at,
                ..turn(&model, &lane, 1)
            },
        );
    }
    assert!(
        sessions
            .kept()
            .read(Conversation(1), after(1_000))
            .is_some()
    );
}

// === which conversation ===

fn call(surface: Surface, body: &str) -> Call {
    Call {
        request: Arc::new(Request::parse(surface, body.as_bytes()).unwrap()),
        ..builders::call(1, MODEL)
    }
}

/// A chat of these messages, with more fields before them.
fn chat(fields: &str, messages: &[(&str, &str)]) -> Call {
    let messages: Vec<_> = messages
        .iter()
        .map(|(role, content)| format!(r#"{{"role":"{role}","content":{content}}}"#))
        .collect();
    call(
        Surface::Chat,
        &format!(
            r#"{{{fields}"model":"a/one","messages":[{}]}}"#,
            messages.join(",")
        ),
    )
}

const BEGINNING: [(&str, &str); 2] = [("system", r#""Be brief.""#), ("user", r#""Hello""#)];

fn going_on() -> Vec<(&'static str, &'static str)> {
    [
        &BEGINNING[..],
        &[("assistant", r#""Hi""#), ("user", r#""Why?""#)],
    ]
    .concat()
}

#[test]
fn a_conversation_is_known_by_how_it_begins() {
    let sessions = Sessions::default();
    let of = |call: &Call| sessions.conversation(call).unwrap();
    let first = of(&chat("", &BEGINNING));
    assert_eq!(of(&chat("", &going_on())), first);
    assert_ne!(of(&chat("", &BEGINNING[1..])), first);
    assert_ne!(
        of(&chat("", &[BEGINNING[0], ("user", r#""Goodbye""#)])),
        first
    );
}

#[test]
fn marks_of_where_to_cache_do_not_make_another_conversation() {
    let sessions = Sessions::default();
    let of = |content: &str| sessions.conversation(&chat("", &[("user", content)]));
    let marked = r#"[{"type":"text","text":"Hello","cache_control":{"type":"ephemeral"}}]"#;
    assert_eq!(of(r#"[{"type":"text","text":"Hello"}]"#), of(marked));
    assert_ne!(of(r#"[{"type":"text","text":"Goodbye"}]"#), of(marked));
    let image = |url| format!(r#"[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]"#);
    assert_ne!(of(&image("https://a")), of(&image("https://b")));
}

#[test]
fn a_name_goes_before_the_beginning_and_a_session_before_a_key() {
    let sessions = Sessions::default();
    let of = |call: &Call| sessions.conversation(call).unwrap();
    let other = [("user", r#""Something else""#)];
    let session = r#""session_id":"s","#;
    let both = r#""session_id":"s","prompt_cache_key":"k","#;
    let key = r#""prompt_cache_key":"k","#;
    assert_eq!(of(&chat(session, &BEGINNING)), of(&chat(both, &other)));
    assert_eq!(of(&chat(key, &BEGINNING)), of(&chat(key, &other)));
    assert_ne!(of(&chat(key, &BEGINNING)), of(&chat(session, &BEGINNING)));
    let mut by_header = chat(key, &other);
    by_header.hints.session = Some("s".into());
    assert_eq!(of(&by_header), of(&chat(session, &BEGINNING)));
    // No name at all.
    let empty = r#""session_id":"","#;
    assert_eq!(of(&chat(empty, &BEGINNING)), of(&chat("", &BEGINNING)));
    // The name "s" is not the key "s".
    let same = r#""prompt_cache_key":"s","#;
    assert_ne!(of(&chat(same, &BEGINNING)), of(&chat(session, &BEGINNING)));
}

#[test]
fn callers_and_their_own_keys_have_conversations_of_their_own() {
    let sessions = Sessions::default();
    let own = chat("", &BEGINNING);
    let mut others = own.clone();
    others.caller = CallerId::new("other").unwrap();
    let mut keyed = own.clone();
    keyed.keys = CallerKeys::default().with(lane_id("openrouter"), ApiKey::new("sk-1"));
    let all = [own, others, keyed].map(|call| sessions.conversation(&call));
    assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
}

#[test]
fn all_chats_are_conversations_and_nothing_else_is() {
    let sessions = Sessions::default();
    let of = |surface, body| sessions.conversation(&call(surface, body));
    let messages =
        r#"{"model":"a/one","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}"#;
    assert!(of(Surface::Messages, messages).is_some());
    assert!(of(Surface::Responses, r#"{"model":"a/one","input":"Hello"}"#).is_some());
    assert_eq!(
        of(Surface::Embeddings, r#"{"model":"a/one","input":"Hello"}"#),
        None
    );
}

#[test]
fn only_prompts_that_can_be_cached_are_looked_at() {
    let (sessions, view) = (Sessions::default(), offered(None));
    let call = chat("", &BEGINNING);
    let mut profile = builders::profile();
    assert_eq!(sessions.recognise(&call, &mut profile, &view), None);
    profile.prompt.high = LEAST_CACHED;
    assert!(sessions.recognise(&call, &mut profile, &view).is_some());
}

#[test]
fn the_order_of_endpoints_is_remembered_for_the_next_turn() {
    let sessions = Sessions::default();
    let (model, lane) = (model(MODEL), lane_id("openrouter"));
    let order: [Arc<str>; 2] = ["one/fp8".into(), "two".into()];
    let asked = Turn {
        order: &order,
        ..turn(&model, &lane, 0)
    };
    let next = |turn| {
        sessions.note(Conversation(1), turn);
        let warm = sessions.warm(Conversation(1), NOON, &offered(None));
        warm.unwrap().order
    };
    assert_eq!(next(asked), order);
    assert!(next(turn(&model, &lane, 5_000)).is_empty());
}
