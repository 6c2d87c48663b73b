//! The server of the model, and what it counts by itself.

use std::ops::{Add, Sub};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http;
use super::install::write;
use crate::clients::servers::Server;
use crate::error::Error;

/// What the server calls its model.
pub(super) const NAME: &str = "smollm2-135m";

const SCRIPT: &str = include_str!("serve.py");

/// Longest time from a server that listens to one that is ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts the server, and waits until it is ready.
pub(super) fn start(python: &Path, scratch: &Path) -> Result<Server, Error> {
    let script = scratch.join("serve.py");
    write(&script, SCRIPT)?;
    let mut command = Command::new(python);
    let server = Server::start(command.arg(&script).arg(NAME).current_dir(scratch))?;
    let begun = Instant::now();
    loop {
        match http::get(&format!("{}/health", server.url)) {
            Ok(answer) if answer.status == 200 => return Ok(server),
            seen if begun.elapsed() > PATIENCE => {
                return Err(Error::NotServing {
                    command: format!("{command:?}"),
                    said: format!("{}/health: {seen:?}", server.url),
                });
            }
            _ => sleep(Duration::from_millis(100)),
        }
    }
}

/// Tokens, counted by whoever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    /// Of prompts, but for those that were in the cache.
    pub(super) input: u64,
    /// Of prompts, in the cache.
    pub(super) cached: u64,
    pub(super) output: u64,
}

impl Tokens {
    /// What the server has counted since it was started.
    pub(super) fn counted(server: &Server) -> Result<Self, String> {
        let answer = http::get(&format!("{}/metrics", server.url))?;
        let counter = |name: &str| {
            of_metrics(&answer.body, name).ok_or_else(|| format!("/metrics lacks {name}"))
        };
        Ok(Self {
            input: counter("llamacpp:prompt_tokens_total")?,
            cached: counter("llamacpp:prompt_tokens_cached_total")?,
            output: counter("llamacpp:tokens_predicted_total")?,
        })
    }

    /// What an answer of the server says.
    pub(super) fn of_usage(usage: &Value) -> Self {
        let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let cached = count("/prompt_tokens_details/cached_tokens");
        Self {
            input: count("/prompt_tokens").saturating_sub(cached),
            cached,
            output: count("/completion_tokens"),
        }
    }

    /// What the gateway booked: the member `tokens` of an attempt or of a report.
    pub(super) fn of_books(tokens: &Value) -> Self {
        let count = |key: &str| tokens.get(key).and_then(Value::as_u64).unwrap_or(0);
        Self {
            input: count("input"),
            cached: count("cache_read"),
            output: count("output"),
        }
    }
}

impl Add for Tokens {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input: self.input + other.input,
            cached: self.cached + other.cached,
            output: self.output + other.output,
        }
    }
}

impl Sub for Tokens {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_sub(other.input),
            cached: self.cached.saturating_sub(other.cached),
            output: self.output.saturating_sub(other.output),
        }
    }
}

impl std::fmt::Display for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            input,
            cached,
            output,
        } = self;
        write!(f, "{input} in, {cached} cached, {output} out")
    }
}

/// The value of a counter in Prometheus' text form.
fn of_metrics(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == name).then_some(value)
    })?;
    // Large counters come with an exponent.
    let value: f64 = value.trim().parse().ok()?;
    (value >= 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_their_whole_names() {
        let text = "# TYPE a:tokens_total counter\na:tokens_total_seconds 9.5\na:tokens_total 34\nb 1.5e+06\n";
        assert_eq!(of_metrics(text, "a:tokens_total"), Some(34));
        assert_eq!(of_metrics(text, "b"), Some(1_500_000));
        assert_eq!(of_metrics(text, "c"), None);
    }

    #[test]
    fn cached_tokens_are_counted_once() {
        let usage = serde_json::json!({"prompt_tokens": 33, "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 32}});
        let tokens = Tokens {
            input: 1,
            cached: 32,
            output: 5,
        };
        assert_eq!(Tokens::of_usage(&usage), tokens);
        let booked = serde_json::json!({"input": 1, "cache_read": 32, "output": 5, "reasoning": 0});
        assert_eq!(Tokens::of_books(&booked), tokens);
    }
}
