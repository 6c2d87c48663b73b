//! Exactly what CI runs.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::{fixtures, output, program, schema, tidy, workspace};

/// One step, named after what it proves.
struct Step {
    name: &'static str,
    work: Work,
}

/// What a step does.
enum Work {
    /// Runs a program with extra environment variables.
    Run(
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    ),
    /// Calls another task of this program.
    Call(fn() -> Result<(), Error>),
    /// Does nothing, and says what is missing.
    Skip(&'static str),
}

#[rustfmt::skip]
fn steps(root: &Path) -> Vec<Step> {
    use Work::{Call, Run};
    vec![
        Step { name: "format", work: Run(&["cargo", "fmt", "--all", "--check"], &[]) },
        Step { name: "lint", work: Run(&["cargo", "clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]) },
        Step { name: "tidy", work: Call(|| tidy::run(tidy::Args::default())) },
        Step { name: "build", work: Run(&["cargo", "build", "--package", "tollgate-cli", "--bin", "tollgate"], &[]) },
        Step { name: "test", work: tests(root) },
        Step { name: "doctest", work: Run(&["cargo", "test", "--doc", "--workspace"], &[]) },
        Step { name: "docs", work: Run(&["cargo", "doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-Dwarnings")]) },
        Step { name: "schema", work: Call(|| schema::run(schema::Args { check: true })) },
        Step { name: "fixtures", work: Call(check_fixtures) },
        Step { name: "deny", work: deny(root) },
    ]
}

/// Runs all steps in order and stops at the first that fails.
pub(crate) fn run() -> Result<(), Error> {
    let root = workspace::root();
    let start = Instant::now();
    let mut times = Vec::new();
    for step in steps(&root) {
        let begun = Instant::now();
        output::say(&format!("\n==> {}: {}", step.name, step.work.in_words()));
        if let Err(error) = step.work.perform(&root) {
            output::say(&format!(
                "==> {} FAILED after {}",
                step.name,
                seconds(begun.elapsed())
            ));
            return Err(error);
        }
        output::say(&format!("==> {}: {}", step.name, seconds(begun.elapsed())));
        times.push((step.name, begun.elapsed()));
    }
    output::say(&format!(
        "\nall steps passed in {}",
        seconds(start.elapsed())
    ));
    for (name, time) in times {
        output::say(&format!("{name:>10}  {:>8}", seconds(time)));
    }
    Ok(())
}

impl Work {
    fn perform(&self, root: &Path) -> Result<(), Error> {
        match self {
            Self::Run(words, variables) => program::run(root, words, variables),
            Self::Call(task) => task(),
            Self::Skip(_) => Ok(()),
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Run(words, variables) => variables
                .iter()
                .map(|(name, value)| format!("{name}={value} "))
                .chain([words.join(" ")])
                .collect(),
            Self::Call(_) => "in this process".to_owned(),
            Self::Skip(why) => format!("SKIPPED, {why}"),
        }
    }
}

fn tests(root: &Path) -> Work {
    if program::has_cargo_command(root, "nextest") {
        return Work::Run(&["cargo", "nextest", "run", "--workspace"], &[]);
    }
    output::say("cargo-nextest is not installed; tests run with `cargo test`");
    // Doctests have their own step.
    Work::Run(
        &[
            "cargo",
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ],
        &[],
    )
}

fn deny(root: &Path) -> Work {
    if !program::has_cargo_command(root, "deny") {
        return Work::Skip("cargo-deny is not installed: licences, bans and sources unchecked");
    }
    // The advisories need a network, so they are no part of CI.
    Work::Run(
        &[
            "cargo",
            "deny",
            "--offline",
            "check",
            "--hide-inclusion-graph",
            "licenses",
            "bans",
            "sources",
        ],
        &[],
    )
}

fn check_fixtures() -> Result<(), Error> {
    let args = fixtures::Fixtures {
        source: None,
        check: true,
    };
    fixtures::run(args).map_err(Error::Fixtures)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
