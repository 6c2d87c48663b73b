//! A scores file as people read it: a line per model.

use std::fmt::Write;

use tollgate_core::Task;

use super::super::scores::{Score, Scores};

pub(super) fn toml(scores: &Scores) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "source = {}", quoted(&scores.source));
    let _ = writeln!(text, "date = {}", quoted(&scores.date));
    for (key, origin) in &scores.sources {
        let _ = write!(
            text,
            "\n[sources.{key}]\nname = {}\ndate = {}\nlicence = {}\n",
            quoted(&origin.name),
            quoted(&origin.date),
            quoted(&origin.licence)
        );
    }
    text.push_str("\n[models]\n");
    for (id, row) in &scores.models {
        let figures: Vec<String> = Task::ALL
            .iter()
            .filter_map(|task| Some(format!("{task} = {}", figure(row.score(*task)?))))
            .collect();
        let _ = writeln!(text, "{} = {{ {} }}", quoted(id), figures.join(", "));
    }
    text
}

fn figure(score: &Score) -> String {
    let (value, error) = score.parts();
    let from: Vec<String> = score.from().iter().map(|key| quoted(key)).collect();
    let from = from.join(", ");
    format!("{{ value = {value:.4}, error = {error:.4}, from = [{from}] }}")
}

/// A text as TOML has it: JSON's form is TOML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
