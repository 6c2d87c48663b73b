use std::fs;
use std::path::Path;
use std::sync::Arc;

use tollgate_core::{RoutingPolicy, Task};
use tollgate_policy_balanced::Balanced;
use tollgate_route_eval::{EvalError, Priced, read_table, tables_in, taken_for};
use tollgate_router::{CostOptimizer, RouterConfig};

use crate::world::{poems_and_sums, sample};

#[test]
fn tables_are_found_and_read_with_their_models() {
    let paths = tables_in(&sample("")).unwrap();
    let names: Vec<_> = paths
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["llmrouter.jsonl", "mmlupro.jsonl", "zeroeval.jsonl"]
    );
    for path in &paths {
        let table = read_table(path).unwrap();
        assert!(table.outcomes.rows.len() >= 60, "{}", table.name);
    }
}

#[test]
fn what_is_missing_is_named() {
    let missing = read_table(&sample("nothing.jsonl")).unwrap_err();
    assert!(missing.to_string().contains("nothing.jsonl"), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("models.json"), "{}").unwrap();
    fs::write(folder.path().join("unlisted.jsonl"), "").unwrap();
    let unlisted = read_table(&folder.path().join("unlisted.jsonl")).unwrap_err();
    assert!(matches!(unlisted, EvalError::NoModels { .. }), "{unlisted}");
    let nowhere = tables_in(Path::new("no-such-folder")).unwrap_err();
    assert!(nowhere.to_string().contains("no-such-folder"));
}

#[test]
fn models_without_a_price_are_no_candidates() {
    let mut table = poems_and_sums(100);
    table.outcomes.models[0].input = None;
    let refused = Priced::of(&table, &[]).unwrap_err();
    assert!(
        matches!(refused, EvalError::NothingToChoose { .. }),
        "{refused}"
    );
}

#[test]
fn recorded_costs_stand_in_for_prices() {
    let mut table = poems_and_sums(100);
    for model in &mut table.outcomes.models {
        (model.input, model.output) = (None, None);
    }
    for (place, row) in table.outcomes.rows.iter_mut().enumerate() {
        let output = 50.0 + place as f64;
        row.out_tok = vec![Some(output), Some(output)];
        row.cost_usd = vec![Some(20e-6 + 2e-6 * output), Some(3e-3)];
    }
    let priced = Priced::of(&table, &[]).unwrap();
    let row = &priced.outcomes.rows[0];
    assert_eq!(priced.cost(row, 1), 3e-3);
    // 20 prompt tokens at 1e-6 each, and 2e-6 for each of the answer's.
    let expected = priced.expected_cost(row, 0, 200.0);
    assert!((expected - 420e-6).abs() < 1e-9, "{expected}");
}

#[test]
fn programs_and_sums_are_taken_for_what_they_are() {
    let policy: Arc<dyn RoutingPolicy> = Arc::new(Balanced::default());
    let policies = vec![("balanced".to_owned(), policy)];
    let optimizer = CostOptimizer::new(RouterConfig::default(), policies).unwrap();
    let mut right = [0; Task::COUNT];
    let mut all = [0; Task::COUNT];
    for path in tables_in(&sample("")).unwrap() {
        for taken in taken_for(&read_table(&path).unwrap(), &optimizer).unwrap() {
            let task = match taken.kind.as_str() {
                "code" => Task::Code,
                "reasoning" => Task::Reasoning,
                _ => Task::Chat,
            };
            right[task.index()] += taken.rows[task.index()];
            all[task.index()] += taken.rows.iter().sum::<usize>();
        }
    }
    for task in Task::ALL {
        let (right, all) = (right[task.index()], all[task.index()]);
        assert!(
            all >= 20 && right * 4 >= all * 3,
            "{task}: {right} of {all}"
        );
    }
}
