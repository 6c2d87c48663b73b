use super::*;

fn scores(rows: &str) -> Result<Scores, String> {
    Scores::from_toml(&format!(
        "source = \"ours\"\ndate = \"2026-11-01\"\n[models]\n{rows}"
    ))
}

fn chat(scores: &Scores, name: &str) -> Option<f32> {
    scores
        .find([name].into_iter(), Task::Chat)
        .map(|quality| quality.mean)
}

#[test]
fn exact_rows_beat_patterns_and_long_patterns_beat_short_ones() {
    let scores = scores(
        "\"a/*\" = { chat = 0.1 }\n\"a/x*\" = { chat = 0.2 }\n\"a/xy\" = { chat = { value = 0.3, error = 0.01 } }",
    )
    .unwrap();
    assert_eq!(
        ["a/xy", "a/xz", "a/q", "b/xy"].map(|name| chat(&scores, name)),
        [Some(0.3), Some(0.2), Some(0.1), None]
    );
}

#[test]
fn a_row_without_the_task_leaves_it_to_the_next() {
    let scores = scores("\"a/*\" = { chat = 0.1 }\n\"a/x\" = { code = 0.9 }").unwrap();
    assert_eq!(chat(&scores, "a/x"), Some(0.1));
}

#[test]
fn toml_and_json_read_the_same() {
    let json = r#"{"source":"ours","date":"2026-11-01","models":{"a/b":{"code":0.5}}}"#;
    assert_eq!(Scores::from_json(json), scores("\"a/b\" = { code = 0.5 }"));
}

#[test]
fn what_is_no_score_is_an_error_that_names_the_row() {
    let problem = scores("\"a/b\" = { chat = 71.0 }").unwrap_err();
    assert_eq!(
        problem,
        "a/b: chat = 71 ± 0.05; a value is 0 to 1 and an error 0 to 0.5"
    );
    assert!(
        scores("\"a/b\" = { chatt = 0.5 }")
            .unwrap_err()
            .contains("chatt")
    );
    assert!(
        Scores::from_toml("source = \"x\"\ndate = \"today\"\n[models]")
            .unwrap_err()
            .contains("YYYY-MM-DD")
    );
}

#[test]
fn unmatched_rows_are_told() {
    let scores = scores("\"a/b\" = {}\n\"c/*\" = {}\n\"d/e\" = {}").unwrap();
    assert_eq!(scores.unmatched(["a/b", "c/d"].into_iter()), ["d/e"]);
}

#[test]
fn stars_stand_for_anything() {
    for (pattern, name, expected) in [
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abb", false),
        ("*-latest", "~é/x-latest", true),
        ("a", "ab", false),
    ] {
        assert_eq!(is_match(pattern, name), expected, "{pattern} {name}");
    }
}
