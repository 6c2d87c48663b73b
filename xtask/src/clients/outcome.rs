//! What a script tells of its cases.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use super::list::Client;
use crate::error::Error;

/// Longest time without word of a case. The slowest, with starting the
/// interpreter before it, takes some ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Outcome {
    pub(super) case: String,
    pub(super) passed: bool,
    /// Of one that passed a remark, such as the exception that was raised; of
    /// one that failed, why.
    pub(super) note: String,
}

/// Runs a script, and gives what became of its cases. One that stops in the
/// middle, or for long, has failed in a case of its own.
pub(super) fn of(client: &Client, mut script: Command) -> Result<Vec<Outcome>, Error> {
    let mut process = script
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Start {
            command: client.script.into(),
            source,
        })?;
    let mut outcomes = Vec::new();
    let trouble = listen(&mut process, &mut outcomes);
    if let Some(note) = trouble {
        let _ = process.kill();
        outcomes.push(failed(note));
    }
    match process.wait() {
        Ok(status) if status.success() || outcomes.iter().any(|one| one.case == SCRIPT) => {}
        Ok(status) => outcomes.push(failed(format!("{} stopped: {status}", client.script))),
        Err(error) => outcomes.push(failed(error.to_string())),
    }
    if outcomes.is_empty() {
        outcomes.push(failed("it has no such case".into()));
    }
    Ok(outcomes)
}

/// The case of a script that did not come to its end.
const SCRIPT: &str = "script";

fn failed(note: String) -> Outcome {
    Outcome {
        case: SCRIPT.into(),
        passed: false,
        note,
    }
}

/// Collects outcomes until the script closes its output; gives what is wrong
/// when it does not.
fn listen(process: &mut Child, outcomes: &mut Vec<Outcome>) -> Option<String> {
    let told = process.stdout.take()?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(told).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => outcomes.extend(read(&line)),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                let last = outcomes.last().map_or("the start", |one| &one.case);
                return Some(format!("silent for {} s after {last}", PATIENCE.as_secs()));
            }
        }
    }
}

/// The outcome in a line; packages print lines of their own.
fn read(line: &str) -> Option<Outcome> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_outcome_are_passed_over() {
        let outcome = Outcome {
            case: "chat".into(),
            passed: true,
            note: String::new(),
        };
        let check = |line: &str, expected: Option<Outcome>| assert_eq!(read(line), expected);
        check(r#"{"case":"chat","passed":true,"note":""}"#, Some(outcome));
        check("Give feedback: https://example.com", None);
        check("", None);
        check("{}", None);
    }
}
