use std::collections::BTreeSet;

use tollgate_route_eval::{folds, tasks_left_out};
use tollgate_router_learned::Outcomes;

use crate::world::poems_and_sums;

#[test]
fn each_row_is_tested_once_and_never_trained_on_then() {
    let outcomes = poems_and_sums(300).outcomes;
    let splits = folds(&outcomes, 5, 3);
    let mut tested: Vec<usize> = splits.iter().flat_map(|split| split.test.clone()).collect();
    tested.sort_unstable();
    assert_eq!(tested, (0..300).collect::<Vec<_>>());
    for split in &splits {
        let train: BTreeSet<_> = split.train.iter().collect();
        assert!(split.test.iter().all(|row| !train.contains(row)));
    }
    assert_eq!(splits, folds(&outcomes, 5, 3));
    assert_ne!(splits, folds(&outcomes, 5, 4));
}

#[test]
fn nearly_equal_prompts_are_on_one_side() {
    let base = poems_and_sums(200).outcomes;
    let mut rows = base.rows.clone();
    for (place, row) in base.rows.iter().enumerate().take(60) {
        let mut twin = row.clone();
        twin.id = format!("twin/{place}");
        twin.prompt = format!("{} Think well, and be brief.", words(place));
        rows[place].prompt = words(place);
        rows.push(twin);
    }
    let outcomes = Outcomes { rows, ..base };
    for split in folds(&outcomes, 4, 1) {
        let test: BTreeSet<usize> = split.test.iter().copied().collect();
        for place in 0..60 {
            assert_eq!(
                test.contains(&place),
                test.contains(&(200 + place)),
                "{place}"
            );
        }
    }
}

/// Twenty words that no other prompt has in this order.
fn words(place: usize) -> String {
    (0..20)
        .map(|word| format!("w{}", place * 20 + word))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_task_is_left_out_whole() {
    let outcomes = poems_and_sums(300).outcomes;
    let splits = tasks_left_out(&outcomes, 50);
    let names: Vec<&str> = splits.iter().map(|split| split.name.as_str()).collect();
    assert_eq!(names, ["poems", "sums"]);
    assert!(
        splits[0]
            .test
            .iter()
            .all(|row| outcomes.rows[*row].task == "poems")
    );
    assert!(
        splits[0]
            .train
            .iter()
            .all(|row| outcomes.rows[*row].task == "sums")
    );
    assert!(tasks_left_out(&outcomes, 250).is_empty());
}

#[test]
fn labels_can_be_fewer_and_are_the_same_for_a_seed() {
    let outcomes = poems_and_sums(300).outcomes;
    let few = |seed| {
        folds(&outcomes, 3, 1)
            .remove(0)
            .with_at_most(Some(50), &outcomes, seed)
    };
    assert_eq!(few(1).train.len(), 50);
    assert_eq!(few(1), few(1));
    assert_ne!(few(1).train, few(2).train);
}
