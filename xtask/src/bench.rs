use crate::error::Error;
use crate::{program, workspace};

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Keep the results under this name, as the baseline of later runs.
    #[arg(long, value_name = "NAME", conflicts_with = "against")]
    save: Option<String>,
    /// Compare with the results that were saved under this name.
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
}

/// Runs the benchmarks; criterion keeps and compares the baselines.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    // The library of that package has no benchmarks and does not know criterion's flags.
    let mut words = vec![
        "cargo",
        "bench",
        "--package",
        "tollgate-benches",
        "--bench",
        "*",
        "--",
    ];
    words.extend(baseline(args));
    program::run(&workspace::root(), &words, &[])
}

fn baseline(args: &Args) -> Vec<&str> {
    match (&args.save, &args.against) {
        (Some(name), _) => vec!["--save-baseline", name],
        (None, Some(name)) => vec!["--baseline", name],
        (None, None) => Vec::new(),
    }
}
