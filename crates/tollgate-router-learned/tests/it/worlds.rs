//! Outcomes with a known truth.

use tollgate_router_learned::{OutcomeModel, OutcomeRow, Outcomes};

pub(crate) fn models(names: &[&str]) -> Vec<OutcomeModel> {
    let model = |name: &&str| OutcomeModel {
        name: (*name).to_owned(),
        input: None,
        output: None,
    };
    names.iter().map(model).collect()
}

pub(crate) fn row(
    place: usize,
    task: &str,
    kind: &str,
    prompt: String,
    q: Vec<Option<f32>>,
) -> OutcomeRow {
    OutcomeRow {
        id: format!("{task}/{place}"),
        task: task.to_owned(),
        kind: kind.to_owned(),
        bench: String::new(),
        contaminated: false,
        prompt,
        in_tok: None,
        q,
        out_tok: Vec::new(),
        cost_usd: Vec::new(),
    }
}

const PEOPLE: [&str; 7] = ["Ada", "Ben", "Cem", "Dora", "Emil", "Fay", "Gus"];
const THINGS: [&str; 11] = [
    "apples", "boats", "coins", "drums", "eggs", "forks", "gloves", "hats", "inks", "jars", "kites",
];

/// `coder` is good at programs, `counter` at sums, `plain` is middling at both;
/// sums with three steps are harder for all.
pub(crate) fn two_tasks(rows: usize) -> Outcomes {
    let all = (0..rows).map(|place| {
        let (person, thing) = (PEOPLE[place % 7], THINGS[place % 11]);
        let luck = |salt: usize| ((place * 7919 + salt * 104_729) % 1_000) as f32 / 1_000.0;
        let answers = |chances: [f32; 3]| {
            let answer = |(salt, chance): (usize, &f32)| Some(f32::from(u8::from(luck(salt) < *chance)));
            chances.iter().enumerate().map(answer).collect()
        };
        if place % 2 == 0 {
            let prompt = format!("Write a function def count_{thing}(items): that returns the list of {thing} of {person}.");
            row(place, "programs", "code", prompt, answers([0.95, 0.3, 0.6]))
        } else if place % 4 == 1 {
            let prompt = format!("{person} has {place} {thing} and buys 3 more. How many {thing} does {person} have?");
            row(place, "sums", "reasoning", prompt, answers([0.5, 0.97, 0.8]))
        } else {
            let prompt = format!("{person} gives half of {place} {thing} away, then a third of the remainder, then doubles the remainder. How many {thing} remain overall?");
            row(place, "sums", "reasoning", prompt, answers([0.05, 0.85, 0.4]))
        }
    });
    Outcomes {
        models: models(&["coder", "counter", "plain"]),
        rows: all.collect(),
    }
}

pub(crate) const PROGRAM: &[u8] =
    b"Write a function def merge_hats(items): that returns the list of hats of Zoe.";
pub(crate) const SUM: &[u8] = b"Zoe has 12 coins and buys 3 more. How many coins does Zoe have?";
pub(crate) const HARD_SUM: &[u8] = b"Zoe gives half of 80 coins away, then a third of the remainder, then doubles the remainder. How many coins remain overall?";
pub(crate) const STRANGE: &[u8] =
    "Wer hat den Schlüssel zum Gartenhaus zuletzt gesehen, und warum lag er im Brunnen?".as_bytes();
