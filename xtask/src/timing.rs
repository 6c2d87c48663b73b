use crate::error::Error;
use crate::{program, workspace};

/// Arguments of `cargo xtask timing`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many keys of each class are refused.
    #[arg(long, default_value_t = 1_000_000)]
    each: u32,
}

/// Measures whether keys whose beginning is known take longer to refuse.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let each = args.each.to_string();
    let words = [
        "cargo",
        "run",
        "--release",
        "--package",
        "tollgate-keys",
        "--example",
        "timing",
        "--",
        &each,
    ];
    program::run(&workspace::root(), &words, &[])
}
