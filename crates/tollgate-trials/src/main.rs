//! Runs trials, and says which promises were kept.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tollgate_trials::{TRIALS, Trial, find};

#[derive(Parser, Debug)]
#[command(
    name = "tollgate-trials",
    about = "Tries the promises of failover on the whole gateway, in virtual time",
    arg_required_else_help = true
)]
struct Args {
    /// Name of the trial, or `all`.
    #[arg(value_parser = named, required_unless_present = "list")]
    trial: Option<Trials>,
    /// List the trials and what they promise.
    #[arg(long, conflicts_with = "trial")]
    list: bool,
    /// Seed of all chance; the same seed gives the same result.
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Number of calls (of `seeds`: of worlds, of `roads`: of conversations); without it, each
    /// trial's own.
    #[arg(long, value_name = "N")]
    calls: Option<u32>,
    /// Print what happened too, line by line; for a single world of `seeds`.
    #[arg(long)]
    trace: bool,
    /// Print a JSON object for each trial, on a line of its own.
    #[arg(long)]
    json: bool,
}

/// The trials to run.
#[derive(Clone, Debug)]
struct Trials(&'static [Trial]);

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.trial {
        Some(trials) => run(&args, trials),
        None => list(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn named(name: &str) -> Result<Trials, String> {
    if name == "all" {
        return Ok(Trials(TRIALS));
    }
    match find(name) {
        Some(trial) => Ok(Trials(std::slice::from_ref(trial))),
        None => Err("there is no such trial; --list shows those there are".to_owned()),
    }
}

fn list() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    for Trial { name, promise, .. } in TRIALS {
        writeln!(out, "{name:<12} {promise}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the trials one after the other; fails when a promise was broken.
fn run(args: &Args, trials: &Trials) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut code = ExitCode::SUCCESS;
    for trial in trials.0 {
        let begun = Instant::now();
        let report = trial.run(args.seed, args.calls.unwrap_or(trial.calls))?;
        let mut out = io::stdout().lock();
        if args.trace {
            writeln!(out, "{}", report.trace.join("\n"))?;
        }
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            writeln!(out, "{report}    {:.1} s\n", begun.elapsed().as_secs_f64())?;
        }
        if !report.passes() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
