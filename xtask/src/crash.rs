use crate::error::Error;
use crate::{program, workspace};

/// Arguments of `cargo xtask crash`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How often the process is killed.
    #[arg(long, default_value_t = 1_000)]
    runs: u32,
}

/// Kills a gateway under load again and again, and compares what is left of
/// its ledger with the bill.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let words = [
        "cargo",
        "test",
        "--package",
        "tollgate",
        "--test",
        "crash",
        "--",
        "--nocapture",
    ];
    let runs = args.runs.to_string();
    program::run(
        &workspace::root(),
        &words,
        &[("TOLLGATE_CRASH_RUNS", &runs)],
    )
}
