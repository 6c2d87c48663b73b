use axum::http::{HeaderName, HeaderValue};
use tollgate::Task;

use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// Reads headers that are refused, and says how.
fn refusal(pairs: &[(&str, &str)]) -> String {
    let failure = read(&headers(pairs)).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest, "{pairs:?}");
    format!("{failure}; {}", failure.hint().unwrap_or_default())
}

#[test]
fn every_header_takes_its_own_example() {
    for known in KNOWN {
        let name = format!("{PREFIX}{}", known.name);
        let hints = read(&headers(&[(&name, known.example)])).unwrap();
        // Of that one, whoever lets calls in takes note.
        let is_kept = known.name != "criticality";
        assert_eq!(hints != Hints::default(), is_kept, "{name}");
    }
}

#[test]
fn what_is_not_ours_is_not_read() {
    let others = headers(&[
        ("x-title", "a"),
        ("x-tollgateish", "b"),
        ("x-request-id", "c"),
    ]);
    assert_eq!(read(&others).unwrap(), Hints::default());
}

#[test]
fn the_header_of_openrouter_names_the_conversation() {
    let hints = read(&headers(&[("x-session-id", "s-1")])).unwrap();
    assert_eq!(hints.session.as_deref(), Some("s-1"));
}

#[test]
fn values_are_read_without_the_blanks_around_them() {
    let hints = read(&headers(&[
        ("x-tollgate-task", " code "),
        ("x-tollgate-max-cost", "0.05"),
        ("x-tollgate-tags", "team = search,, env=a=b"),
        ("x-tollgate-tags", "empty="),
    ]))
    .unwrap();
    assert_eq!(hints.task, Some(Task::Code));
    assert_eq!(hints.max_cost, Some("0.05".parse().unwrap()));
    let tags: Vec<_> = hints
        .tags
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(tags, [("team", "search"), ("env", "a=b"), ("empty", "")]);
}

#[test]
fn a_header_that_there_is_not_is_refused_with_the_one_that_was_meant() {
    for (name, hint) in [
        ("x-tollgate-maxcost", "did you mean x-tollgate-max-cost?"),
        ("x-tollgate-max-costs", "did you mean x-tollgate-max-cost?"),
        ("x-tollgate-tag", "did you mean x-tollgate-tags?"),
        ("x-tollgate-zzz", "there are: policy, task, max-cost"),
        ("x-tollgate-", "there are: policy"),
    ] {
        let refusal = refusal(&[(name, "1")]);
        assert!(
            refusal.contains(name) && refusal.contains(hint),
            "{refusal}"
        );
    }
}

#[test]
fn values_that_do_not_fit_are_refused_by_name() {
    let long = "a".repeat(LONGEST + 1);
    let many = "a=b,".repeat(MOST_TAGS + 1);
    for (name, value, why) in [
        (
            "x-tollgate-task",
            "cooking",
            "tasks are chat, code and reasoning",
        ),
        ("x-tollgate-policy", " ", "has no value"),
        ("x-tollgate-max-cost", "much", "not a decimal number"),
        ("x-tollgate-prefer-free", "yes", "is true or false"),
        (
            "x-tollgate-tags",
            "team:search",
            "\"team:search\", which is no name=value",
        ),
        ("x-tollgate-tags", "a=b, =c", "no name=value"),
        ("x-tollgate-tags", long.as_str(), "longer than"),
        ("x-tollgate-tags", many.as_str(), "more than 64 tags"),
    ] {
        let refusal = refusal(&[(name, value)]);
        assert!(refusal.contains(name) && refusal.contains(why), "{refusal}");
    }
}

#[test]
fn a_limit_that_comes_twice_is_refused() {
    let twice = [("x-tollgate-max-cost", "1"), ("x-tollgate-max-cost", "2")];
    assert!(refusal(&twice).contains("comes more than once"));
}
