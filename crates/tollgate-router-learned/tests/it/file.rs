use tollgate_core::Task;
use tollgate_router_learned::{LearnError, Learned, Outcomes, Scratch, TrainConfig, train};

use crate::worlds::{PROGRAM, models, two_tasks};

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

/// FNV-1a, as the file's own: a seal against accidents that anybody can forge.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 8;
    let sum = bytes[..end]
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn a_forged_file_is_refused_or_gives_numbers() {
    let whole = bytes();
    assert!(Learned::from_bytes(&with_checksum(whole.clone())).is_ok());
    let mut read = 0;
    for place in (18..whole.len() - 12).step_by(37) {
        for forged in [f32::NAN, -1.0, 3e38, -3e38] {
            let mut changed = whole.clone();
            changed[place..place + 4].copy_from_slice(&forged.to_le_bytes());
            let Ok(learned) = Learned::from_bytes(&with_checksum(changed)) else {
                continue;
            };
            read += 1;
            let assessment = learned.assess(Task::Code, PROGRAM, &mut Scratch::default());
            for seat in learned
                .models()
                .iter()
                .filter_map(|name| learned.seat(name))
            {
                let estimate = learned.known(&assessment, seat);
                assert!(
                    (0.0..=1.0).contains(&estimate.quality),
                    "{forged} at {place}"
                );
                assert!(
                    estimate.error.is_finite(),
                    "{forged} at {place}: {estimate:?}"
                );
            }
        }
    }
    assert!(read > 100, "{read}");
}

#[test]
fn a_caution_that_is_none_is_refused() {
    for given in [-1.0, f32::NAN, f32::INFINITY, 101.0] {
        let config = TrainConfig {
            caution: Some(given),
            ..TrainConfig::default()
        };
        let refused = train(&two_tasks(120), &config).unwrap_err();
        assert!(matches!(refused, LearnError::Caution { .. }), "{refused}");
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
