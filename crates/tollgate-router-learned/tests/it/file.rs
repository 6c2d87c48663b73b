use tollgate_router_learned::{LearnError, Learned, Outcomes, TrainConfig, train};

use crate::worlds::{models, two_tasks};

fn bytes() -> Vec<u8> {
    train(&two_tasks(120), &TrainConfig::default())
        .unwrap()
        .to_bytes()
}

#[test]
fn what_is_written_is_read_back() {
    let learned = train(&two_tasks(120), &TrainConfig::default()).unwrap();
    assert_eq!(Learned::from_bytes(&learned.to_bytes()).unwrap(), learned);
    let neutral = learned.without_models();
    assert_eq!(Learned::from_bytes(&neutral.to_bytes()).unwrap(), neutral);
}

#[test]
fn other_files_and_versions_are_refused_by_name() {
    let refused = |bytes: &[u8]| Learned::from_bytes(bytes).unwrap_err().to_string();
    assert!(
        refused(b"{}").contains("no learned router"),
        "{}",
        refused(b"{}")
    );
    let mut newer = bytes();
    newer[16] = 9;
    assert!(refused(&newer).contains("format 9"), "{}", refused(&newer));
}

#[test]
fn no_cut_and_no_changed_byte_is_read() {
    let whole = bytes();
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        assert!(
            Learned::from_bytes(&whole[..length]).is_err(),
            "cut at {length}"
        );
    }
    for place in (18..whole.len()).step_by(101) {
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        let refused = Learned::from_bytes(&changed).unwrap_err();
        assert!(
            matches!(refused, LearnError::Damaged { .. }),
            "{place}: {refused}"
        );
    }
}

#[test]
fn lines_that_are_no_outcomes_are_named() {
    let parse = |text: &str| {
        Outcomes::parse(models(&["a", "b"]), text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    let good = r#"{"id":"1","prompt":"p","q":[1,null]}"#;
    assert!(
        Outcomes::parse(
            models(&["a", "b"]),
            format!("{good}\n\n{good}\n").as_bytes()
        )
        .is_ok()
    );
    assert!(parse(&format!("{good}\n{{}}")).starts_with("line 2 is no row"));
    assert!(parse(r#"{"id":"1","prompt":"p","q":[1]}"#).contains("1 entries"));
    assert!(parse(r#"{"id":"1","prompt":"p","q":[1,2]}"#).contains("between 0 and 1"));
    assert!(parse(r#"{"id":"1","prompt":"p","q":[1,1],"out_tok":[3]}"#).contains("1 entries"));
}

#[test]
fn joined_tables_keep_each_model_once() {
    let table =
        |names: &[&str], text: &str| Outcomes::parse(models(names), text.as_bytes()).unwrap();
    let first = table(&["a", "b"], r#"{"id":"1","prompt":"p","q":[1,0]}"#);
    let second = table(&["c", "a"], r#"{"id":"2","prompt":"p","q":[0.5,0.25]}"#);
    let joined = Outcomes::joined(&[first, second]);
    let names: Vec<&str> = joined
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(joined.rows[0].q, [Some(1.0), Some(0.0), None]);
    assert_eq!(joined.rows[1].q, [Some(0.25), None, Some(0.5)]);
}
