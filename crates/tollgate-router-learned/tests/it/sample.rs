//! On real prompts: too few to claim anything, enough to see that it works.

use std::collections::BTreeMap;

use tollgate_core::Task;
use tollgate_router_learned::{Learned, OutcomeModel, Outcomes, Scratch, TrainConfig, train};

fn sample() -> Vec<Outcomes> {
    let mut models: BTreeMap<String, Vec<OutcomeModel>> =
        serde_json::from_str(include_str!("../data/models.json")).unwrap();
    [
        ("llmrouter", include_str!("../data/llmrouter.jsonl")),
        ("zeroeval", include_str!("../data/zeroeval.jsonl")),
        ("mmlupro", include_str!("../data/mmlupro.jsonl")),
    ]
    .map(|(table, lines)| Outcomes::parse(models.remove(table).unwrap(), lines.as_bytes()).unwrap())
    .to_vec()
}

#[test]
fn real_prompts_of_a_task_are_told_from_those_of_others() {
    let outcomes = Outcomes::joined(&sample());
    assert_eq!(outcomes.rows.len(), 198);
    let learned = train(&outcomes, &TrainConfig::default()).unwrap();
    let mut scratch = Scratch::default();
    let mean = |kind: &str, scratch: &mut Scratch| {
        let rows = outcomes.rows.iter().filter(|row| row.kind == kind);
        let difficulties: Vec<f32> = rows
            .map(|row| {
                learned
                    .assess(row.core_task(), row.prompt.as_bytes(), scratch)
                    .difficulty()
            })
            .collect();
        difficulties.iter().sum::<f32>() / difficulties.len() as f32
    };
    assert!(mean("knowledge", &mut scratch).is_finite() && mean("code", &mut scratch).is_finite());
    let trained = outcomes.rows.iter().filter(|row| {
        learned
            .assess(row.core_task(), row.prompt.as_bytes(), &mut scratch)
            .trust()
            > 0.3
    });
    assert!(trained.count() > 150);
}

#[test]
fn the_shipped_head_reads_and_finds_proofs_harder_than_greetings() {
    let learned = Learned::from_bytes(tollgate_router_learned::NEUTRAL_DIFFICULTY).unwrap();
    assert!(learned.models().is_empty());
    assert!(tollgate_router_learned::NEUTRAL_DIFFICULTY.len() < 300_000);
    let mut scratch = Scratch::default();
    let mut difficulty = |task, prompt: &str| {
        learned
            .assess(task, prompt.as_bytes(), &mut scratch)
            .difficulty()
    };
    let hard = difficulty(
        Task::Reasoning,
        "Let $f$ be a polynomial of degree 5 with integer coefficients such that $f(k) = k^2$ for five integers. \
         Find the sum of all possible values of the remainder when $f(10)$ is divided by 1000.",
    );
    let easy = difficulty(
        Task::Reasoning,
        "Tom has 3 apples and buys 4 more apples at the market. How many apples does Tom have in total?",
    );
    assert!(hard > easy + 0.3, "{hard} {easy}");
}
