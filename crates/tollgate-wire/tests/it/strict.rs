use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_wire::{MAX_DEPTH, MAX_MEMBERS, MAX_TOKEN_IDS, MAX_VALUES, check_strictly};

/// The error of a text, or nothing when it passes.
fn check(text: &str, expected: &str) {
    let error = check_strictly(text.as_bytes()).err();
    let error = error.map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(error, expected, "{}", &text[..text.len().min(120)]);
}

#[test]
fn documents_that_all_readers_understand_alike_pass() {
    for text in [
        "0",
        " null ",
        r#""""#,
        "[]",
        "{}",
        "[[],{},[{}]]",
        r#"{"a":1,"A":2,"b":{"a":[{"a":1},{"a":2}]}}"#,
        r#"[-0,0.5,-1.25e+3,1E-400,12345678901234567890123]"#,
        r#"["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","é😀"]"#,
        "\t{\r\n\"a\" : [ true , false ] }\n",
    ] {
        check(text, "");
    }
}

#[test]
fn a_key_that_is_there_twice_is_named_with_its_path_however_it_is_spelt() {
    let twice = |place: &str| format!("`{place}`: is there twice; send it once");
    check(r#"{"a":1,"a":1}"#, &twice("a"));
    check(r#"{"model":1,"x":{},"mod\u0065l":1}"#, &twice("model"));
    check(
        r#"{"x":1,"provider":{"order":[],"only":[],"order":[]}}"#,
        &twice("provider.order"),
    );
    check(
        r#"{"messages":[{"role":"user"},{"role":"a","content":"b","role":"c"}]}"#,
        &twice("messages[1].role"),
    );
    check(r#"[[{"é":1,"\u00e9":2}]]"#, &twice("[0][0].é"));
    check(r#"{"":1,"":2}"#, "is there twice; send it once");
}

#[test]
fn a_fault_of_syntax_is_named_with_its_path_and_place() {
    let cases = [
        (
            "",
            "the text ends where a value should be at line 1 column 1",
        ),
        ("{", "expected a key, a string at line 1 column 2"),
        (
            r#"{"a":"#,
            "`a`: the text ends where a value should be at line 1 column 6",
        ),
        (r#"{"a":1,}"#, "expected a key, a string at line 1 column 8"),
        (
            r#"{"a" 1}"#,
            "expected `:` behind the key at line 1 column 6",
        ),
        ("[1 2]", "`[0]`: expected `,` or `]` at line 1 column 4"),
        (
            "{\n\"n\": NaN}",
            "`n`: expected a value; NaN and Infinity are no JSON at line 2 column 6",
        ),
        (
            r#"{"n":1e999}"#,
            "`n`: is too large a number at line 1 column 11",
        ),
        (
            r#"{"n":-1E+400}"#,
            "`n`: is too large a number at line 1 column 13",
        ),
        (
            r#"{"n":01}"#,
            "`n`: a number begins with 0 at line 1 column 8",
        ),
        (r#"{"n":-}"#, "`n`: expected a digit at line 1 column 7"),
        (r#"{"n":1.}"#, "`n`: expected a digit at line 1 column 8"),
        (r#"{"n":+1}"#, "`n`: expected a value at line 1 column 6"),
        (
            "{\"s\":\"a\u{0}b\"}",
            "`s`: a string holds a control character; escape it at line 1 column 7",
        ),
        (
            r#"{"s":"\x"}"#,
            "`s`: a string holds an unknown escape at line 1 column 8",
        ),
        (
            r#"{"s":"\u12"}"#,
            "`s`: a string holds an unknown escape at line 1 column 8",
        ),
        (
            r#"{"s":"a"#,
            "`s`: the text ends within a string at line 1 column 8",
        ),
        (
            r#"{"\ud800":1}"#,
            "the key holds half of a surrogate pair at line 1 column 10",
        ),
        ("{} {}", "more text follows the document at line 1 column 4"),
        (
            "\u{feff}{}",
            "the text begins with a byte order mark; send it without at line 1 column 1",
        ),
        ("nul", "expected a value at line 1 column 1"),
    ];
    for (text, expected) in cases {
        check(text, expected);
    }
}

#[test]
fn only_text_in_utf_8_passes() {
    let error = check_strictly(b"{\"a\":\"\xff\"}").unwrap_err();
    assert!(error.to_string().starts_with("expected UTF-8"), "{error}");
}

#[test]
fn depth_and_members_have_limits() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    check(&deep(MAX_DEPTH), "");
    let error = check_strictly(deep(MAX_DEPTH + 1).as_bytes()).unwrap_err();
    assert_eq!(error.message(), "is nested more than 64 deep");
    let objects = r#"{"a":"#.repeat(1_000_000);
    let error = check_strictly(objects.as_bytes()).unwrap_err();
    assert_eq!(error.message(), "is nested more than 64 deep");

    let wide = |members: usize| {
        let members: Vec<_> = (0..members).map(|key| format!("\"{key}\":0")).collect();
        format!("{{\"a\":{{{}}}}}", members.join(","))
    };
    check(&wide(MAX_MEMBERS), "");
    let error = check_strictly(wide(MAX_MEMBERS + 1).as_bytes()).unwrap_err();
    assert_eq!(
        (error.place(), error.message()),
        ("a", "has more than 10000 members")
    );
}

#[test]
fn values_have_a_limit_in_all_and_token_ids_one_for_each_list() {
    let list = |element: &str, count: usize| format!("[{}]", vec![element; count].join(","));
    let check_place = |text: String, expected: Option<(&str, &str)>| {
        let error = check_strictly(text.as_bytes()).err();
        let error = error.as_ref().map(|error| (error.place(), error.message()));
        assert_eq!(error, expected, "{}…", &text[..40]);
    };
    // The document and the list are values as well.
    let (most, too_many) = (MAX_VALUES - 2, MAX_VALUES - 1);
    let full = "the document has more than 500000 values up to here; write large data as texts, or send less of it";
    let at_the_end = Some(("a[499998]", full));
    check_place(format!("{{\"a\":{}}}", list("[]", most)), None);
    for element in ["[]", "{}", "\"\""] {
        check_place(format!("{{\"a\":{}}}", list(element, too_many)), at_the_end);
    }
    // However they are spread.
    let rows = list(&list("true", 999), 500);
    check_place(format!("{{\"a\":{rows}}}"), Some(("a[499][997]", full)));

    // Tokens of a prompt, or of several, are no values. Whatever stands among them is.
    let long = "has more than 4194304 numbers; send a text instead";
    check_place(format!("{{\"a\":{}}}", list("0", MAX_TOKEN_IDS)), None);
    check_place(
        format!("{{\"a\":[[-1],{}]}}", list("0", MAX_TOKEN_IDS + 1)),
        Some(("a[1][4194304]", long)),
    );
    check_place(
        format!("{{\"a\":[0,{}", &list("null", too_many)[1..]),
        Some(("a[499999]", full)),
    );
    check_place(
        format!("{{\"a\":[null,{}", &list("0", too_many)[1..]),
        at_the_end,
    );
    check_place(
        format!("{{\"a\":[{{\"b\":{}}}]}}", list("0", MAX_VALUES)),
        Some(("a[0].b[499996]", full)),
    );
}

/// Any document, shallow and with few distinct keys.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,3}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_written_as_json_passes(document in document()) {
        prop_assert_eq!(check_strictly(document.to_string().as_bytes()), Ok(()));
        prop_assert_eq!(check_strictly(format!("{document:#}").as_bytes()), Ok(()));
    }

    /// Edits make most texts wrong and leave some right; both readers must agree, but for the duplicates, numbers and
    /// halves of surrogates that only one of them refuses.
    #[test]
    fn what_another_reader_refuses_is_refused(
        document in document(),
        place in any::<prop::sample::Index>(),
        edit in prop::sample::select(vec!["", "\"", "{", "}", "[", "]", ",", ":", "\\", "0", "-", "e", ".", "\u{1}", "n", " "]),
    ) {
        let text = document.to_string();
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let place = places[place.index(places.len())];
        let next = text[place..].chars().next().map_or(0, char::len_utf8);
        let edited = format!("{}{edit}{}", &text[..place], &text[place + next..]);
        let theirs = serde_json::from_str::<Value>(&edited).is_ok();
        match check_strictly(edited.as_bytes()) {
            Ok(()) => prop_assert!(theirs, "{}", edited),
            Err(error) => prop_assert!(!theirs || error.message().contains("twice"), "{}: {}", edited, error),
        }
    }

    #[test]
    fn a_key_added_again_at_any_depth_is_found(document in document(), key in "[a-z]{1,3}") {
        let text = format!("{{\"x\":[{document},{{\"{key}\":{document},\"other\":0,\"{key}\":1}}]}}");
        let error = check_strictly(text.as_bytes()).unwrap_err();
        prop_assert_eq!(error.place(), format!("x[1].{key}"));
    }
}
