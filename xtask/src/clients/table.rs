//! The table of clients and cases.

use std::fmt::Write as _;

use super::outcome::Outcome;
use super::{Skipped, Tried};

/// The cases in the table's order, with what they mean.
#[rustfmt::skip]
const CASES: &[(&str, &str)] = &[
    ("snippet", "the snippet of its page runs"),
    ("chat", "a chat, whole"),
    ("stream", "a stream: the same text, usage and cost at its end"),
    ("tools", "a tool is called, and its result answered"),
    ("schema", "an answer by a JSON Schema"),
    ("reasoning", "reasoning is seen"),
    ("responses", "Responses, whole"),
    ("responses-stream", "Responses, as a stream"),
    ("messages", "Messages, whole"),
    ("messages-stream", "Messages, as a stream"),
    ("count-tokens", "tokens of Messages are counted, without a call upstream"),
    ("embeddings", "embeddings, as numbers and as base64"),
    ("completions", "completions of a prompt"),
    ("models", "the list of models, read by the client's types"),
    ("model", "one model, or its endpoints"),
    ("generation", "the record of a generation"),
    ("key", "the caller's standing"),
    ("credits", "the credits"),
    ("bad-parameter", "400: its exception, after one request"),
    ("unknown-model", "404: the same"),
    ("budget", "402: the same, and nothing sent upstream"),
    ("rate-limited", "429: the same, with the time to wait"),
    ("unavailable", "502, when everything fails: the same"),
    ("failover", "the first choice is down, and nobody notices"),
    ("cut", "a stream that breaks off ends as an error"),
    ("cancel", "a client that leaves ends the call upstream; it is booked"),
    ("image", "an image of 5 MiB"),
    ("virtual", "`tollgate/auto`"),
    ("tags", "user and tags are in the ledger"),
    ("headers", "the cost is in the headers"),
];

/// The cases whose remarks say how a failure looks to a program.
const TELLING: &[&str] = &[
    "bad-parameter",
    "unknown-model",
    "budget",
    "rate-limited",
    "unavailable",
    "cut",
];

/// Both tables: what passed, and how failures look. In Markdown.
pub(super) fn of(tried: &[Tried]) -> String {
    let mut text = head("case", tried);
    for (case, meaning) in CASES {
        let cells = tried.iter().map(|one| cell(one, case));
        line(&mut text, &format!("{case}: {meaning}"), cells);
    }
    for one in tried {
        let others = one.outcomes.iter().flatten();
        for outcome in others.filter(|outcome| !CASES.iter().any(|(case, _)| outcome.case == *case))
        {
            let _ = writeln!(
                text,
                "\n{}: {}: {}",
                one.client.name, outcome.case, outcome.note
            );
        }
        if let Err(Skipped(why)) = &one.outcomes {
            let _ = writeln!(text, "\n{} was not tried: {why}.", one.client.name);
        }
    }
    text.push_str("\nHow failures look to a program:\n\n");
    text.push_str(&head("case", tried));
    for case in TELLING {
        let cells = tried.iter().map(|one| match outcome(one, case) {
            Some(outcome) if outcome.passed => outcome.note.clone(),
            _ => String::new(),
        });
        line(&mut text, case, cells);
    }
    text
}

fn head(first: &str, tried: &[Tried]) -> String {
    let mut text = String::new();
    line(
        &mut text,
        first,
        tried.iter().map(|one| one.client.name.into()),
    );
    line(&mut text, "---", tried.iter().map(|_| "---".into()));
    text
}

fn line(text: &mut String, first: &str, cells: impl Iterator<Item = String>) {
    let _ = write!(text, "| {first} |");
    for cell in cells {
        let _ = write!(text, " {cell} |");
    }
    text.push('\n');
}

fn cell(tried: &Tried, case: &str) -> String {
    match outcome(tried, case) {
        Some(outcome) if outcome.passed => "yes".into(),
        Some(_) => "**no**".into(),
        None => String::new(),
    }
}

fn outcome<'a>(tried: &'a Tried, case: &str) -> Option<&'a Outcome> {
    let mut outcomes = tried.outcomes.iter().flatten();
    outcomes.find(|outcome| outcome.case == case)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::list::CLIENTS;

    #[test]
    fn a_table_says_what_passed_what_failed_and_what_was_not_tried() {
        let outcome = |case: &str, passed, note: &str| Outcome {
            case: case.into(),
            passed,
            note: note.into(),
        };
        let told = vec![
            outcome("chat", true, ""),
            outcome("stream", false, "no text"),
            outcome("cut", true, "APIError"),
            outcome("script", false, "it stopped"),
        ];
        let tried = [
            Tried {
                client: &CLIENTS[0],
                outcomes: Ok(told),
            },
            Tried {
                client: &CLIENTS[1],
                outcomes: Err(Skipped("no Python".into())),
            },
        ];
        let text = of(&tried);
        let check = |line: &str| assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        check("| case | curl | openai-python |");
        check("| chat: a chat, whole | yes |  |");
        check("| stream: a stream: the same text, usage and cost at its end | **no** |  |");
        check("| cut | APIError |  |");
        check("curl: script: it stopped");
        check("openai-python was not tried: no Python.");
    }
}
