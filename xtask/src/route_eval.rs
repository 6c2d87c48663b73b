use crate::error::Error;
use crate::{program, workspace};

/// Arguments of `cargo xtask route-eval`, which are those of the evaluation itself.
#[derive(clap::Args, Debug)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// A folder of outcomes, and flags; `--help` shows them.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        default_value = "--help"
    )]
    words: Vec<String>,
}

/// Evaluates, built for release: times of decisions are among the figures.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let mut words = vec![
        "cargo",
        "run",
        "--quiet",
        "--release",
        "--package",
        "tollgate-route-eval",
        "--",
    ];
    words.extend(args.words.iter().map(String::as_str));
    // Paths are the caller's own, so it runs where the caller is.
    let here = std::env::current_dir().unwrap_or_else(|_| workspace::root());
    program::run(&here, &words, &[])
}
