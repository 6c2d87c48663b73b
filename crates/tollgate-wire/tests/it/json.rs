//! The lossless object.

use proptest::prelude::*;
use serde_json::value::RawValue;
use tollgate_wire::{ChatReply, ChatRequest, ChatResponse, Message, Object, Pricing, Raw, Usage};

/// Text of any JSON value, with the spellings that a reader through floats or maps would lose.
fn value_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?",
        Just("1.10".to_owned()),
        Just("-0".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\u0041\/\ud83d\ude00\ud800""#.to_owned()),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(("[a-c]{0,2}", inner), 0..5).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\" :\t{value}"))
                    .collect();
                format!("{{{}\n}}", members.join(","))
            }),
        ]
    })
}

fn members() -> impl Strategy<Value = Vec<(String, String)>> {
    let key = prop_oneof!["[a-d]{1,2}", any::<String>()];
    prop::collection::vec((key, value_text()), 0..12)
}

fn written(members: &[(String, String)], space: &str) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(key, value)| {
            format!(
                "{space}{}{space}:{space}{value}{space}",
                serde_json::to_string(key).unwrap()
            )
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #[test]
    fn any_object_comes_out_as_it_went_in(members in members()) {
        let object = Object::parse(written(&members, "\n \t").as_bytes()).unwrap();
        let text = written(&members, "");
        prop_assert_eq!(String::from_utf8(object.to_vec()).unwrap(), text.clone());
        prop_assert_eq!(serde_json::to_string(&object).unwrap(), text.clone());
        prop_assert_eq!(Object::parse(text.as_bytes()).unwrap(), object);
    }

    #[test]
    fn setting_one_member_leaves_the_others_alone(members in members(), position in any::<prop::sample::Index>()) {
        prop_assume!(!members.is_empty());
        let mut expected = members;
        let key = expected[position.index(expected.len())].0.clone();
        let mut object = Object::parse(written(&expected, "").as_bytes()).unwrap();
        object.set(&key, "new").unwrap();

        let last = expected.iter().rposition(|(name, _)| *name == key).unwrap();
        expected[last].1 = "\"new\"".to_owned();
        let mut index = 0;
        expected.retain(|(name, _)| { index += 1; index > last || *name != key });
        prop_assert_eq!(String::from_utf8(object.to_vec()).unwrap(), written(&expected, ""));

        object.remove(&key);
        expected.retain(|(name, _)| *name != key);
        prop_assert_eq!(String::from_utf8(object.to_vec()).unwrap(), written(&expected, ""));
    }

    #[test]
    fn a_duplicate_is_reported_exactly_when_there_is_one(keys in prop::collection::vec("[a-f]", 0..6)) {
        let members: Vec<_> = keys.iter().map(|key| (key.clone(), "1".to_owned())).collect();
        let object = Object::parse(written(&members, "").as_bytes()).unwrap();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        prop_assert_eq!(object.duplicate_key().is_some(), distinct.len() < keys.len());
    }
}

proptest! {
    #[test]
    fn any_document_and_any_request_come_out_as_they_went_in(
        odd in members(),
        known in prop::collection::vec((prop::sample::select([Usage::KEYS, Pricing::KEYS].concat()), value_text()), 0..6),
    ) {
        let known = known.into_iter().map(|(key, value)| (key.to_owned(), value));
        let members: Vec<_> = odd.into_iter().chain(known).collect();
        let text = written(&members, "");
        let object = Object::parse(text.as_bytes()).unwrap();
        // A typed field with a value of another kind is refused; whatever is read must be written unchanged.
        if let Ok(usage) = Usage::from_object(object.clone()) {
            prop_assert_eq!(usage.to_object(), object.clone());
        }
        if let Ok(pricing) = Pricing::from_object(object.clone()) {
            prop_assert_eq!(pricing.to_object(), object.clone());
        }
        let mut distinct = object;
        distinct.set("messages", &[Message::user("x")]).unwrap();
        if distinct.duplicate_key().is_none() {
            prop_assert_eq!(ChatRequest::parse(&distinct.to_vec()).unwrap().into_object(), distinct.clone());
            distinct.set("choices", &[1; 0]).unwrap();
            distinct.remove("error");
            prop_assert_eq!(ChatReply::parse(&distinct.to_vec()).unwrap(), ChatReply::Answer(ChatResponse::from_object(distinct)));
        }
    }
}

#[test]
fn the_last_of_two_members_counts() {
    let object = Object::parse(br#"{"a":1,"b":2,"a":3}"#).unwrap();
    assert_eq!((object.len(), object.duplicate_key()), (3, Some("a")));
    assert_eq!(object.read::<u64>("a").unwrap(), Some(3));
}

#[test]
fn absent_and_null_read_the_same_and_stay_different() {
    let object = Object::parse(br#"{"a":null}"#).unwrap();
    assert_eq!(
        (
            object.read::<u64>("a").unwrap(),
            object.read::<u64>("b").unwrap()
        ),
        (None, None)
    );
    assert!(object.contains("a") && !object.has_value("a") && !object.contains("b"));
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let text = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        Object::parse(text.as_bytes()).unwrap().to_vec(),
        text.as_bytes()
    );
}

#[test]
fn errors_name_the_place() {
    let check = |text: &str, expected: &str| {
        assert_eq!(
            Object::parse(text.as_bytes()).unwrap_err().to_string(),
            expected
        )
    };
    check("{\n  \"a\": 01}", "invalid number at line 2 column 9");
    check(
        "[1]",
        "invalid type: sequence, expected a JSON object at line 1 column 0",
    );
    check("{} {}", "trailing characters at line 1 column 4");
    let object = Object::parse(br#"{"max_tokens":"many"}"#).unwrap();
    let error = object.read::<u64>("max_tokens").unwrap_err();
    assert_eq!((error.place(), error.line()), ("max_tokens", 1));
}

#[test]
fn raw_values_are_kept_and_shown_as_their_text() {
    let raw: Box<RawValue> = serde_json::from_str("1.10").unwrap();
    let mut object = Object::new();
    object.set_raw("a", raw);
    object.set("b", &Raw::parse("1e2").unwrap()).unwrap();
    assert_eq!(object.to_vec(), br#"{"a":1.10,"b":1e2}"#);
    assert_eq!(format!("{object:?}"), r#"{"a": "1.10", "b": "1e2"}"#);
    assert_eq!(object.remove("a").unwrap().get(), "1.10");
    assert!(object.remove("a").is_none());
}
