//! A table with a known truth.

use std::path::PathBuf;

use tollgate_route_eval::Table;
use tollgate_router_learned::{OutcomeModel, Outcomes};

/// The sample of real outcomes of the crate that learns.
pub(crate) fn sample(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tollgate-router-learned/tests/data")
        .join(file)
}

/// `cheap` is right on sums, `dear` on everything; a third of the prompts are
/// poems, which only `dear` gets right. It costs ten times as much.
pub(crate) fn poems_and_sums(rows: usize) -> Table {
    let mut lines = String::new();
    for place in 0..rows {
        let poem = place % 3 == 0;
        let (task, kind, prompt) = match poem {
            true => (
                "poems",
                "chat",
                format!("Compose a melancholy poem about the sea, the moon and traveller {place}."),
            ),
            false => (
                "sums",
                "reasoning",
                format!(
                    "There are {place} coins in a box; {} are added. How many coins are there?",
                    place % 17
                ),
            ),
        };
        // One in ten answers is wrong whatever is asked.
        let lucky = |salt: usize| u8::from(!(place * 31 + salt * 17).is_multiple_of(10));
        let cheap = if poem { 0 } else { lucky(1) };
        lines.push_str(&format!(
            "{{\"id\":\"w/{place}\",\"task\":\"{task}\",\"kind\":\"{kind}\",\"prompt\":\"{prompt}\",\"in_tok\":20,\"q\":[{cheap},{}],\"out_tok\":[100,100]}}\n",
            lucky(1)
        ));
    }
    let model = |name: &str, price| OutcomeModel {
        name: name.to_owned(),
        input: Some(price),
        output: Some(price),
    };
    let models = vec![model("cheap", 1.0), model("dear", 10.0)];
    Table {
        name: "world".to_owned(),
        outcomes: Outcomes::parse(models, lines.as_bytes()).expect("valid rows"),
    }
}
