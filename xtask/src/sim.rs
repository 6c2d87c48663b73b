use crate::error::Error;
use crate::{program, workspace};

/// Arguments of `cargo xtask sim`, which are those of the trials themselves.
#[derive(clap::Args, Debug)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// A trial or `all`, and flags; `--list` shows the trials, `--help` the flags.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        default_value = "--help"
    )]
    words: Vec<String>,
}

/// Runs trials, built for speed but not for release: that would take longer than they do.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let mut words = vec![
        "cargo",
        "run",
        "--quiet",
        "--profile",
        "trials",
        "--package",
        "tollgate-trials",
        "--",
    ];
    words.extend(args.words.iter().map(String::as_str));
    program::run(&workspace::root(), &words, &[])
}
