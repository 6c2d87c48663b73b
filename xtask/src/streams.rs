use crate::error::Error;
use crate::{program, workspace};

/// Arguments of `cargo xtask streams`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many streams run at once.
    #[arg(long, default_value_t = 1_000)]
    streams: u32,
    /// How long each of them runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Holds many streams open at a server, and tells it to stop under them.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let words = [
        "cargo",
        "test",
        "--package",
        "tollgate-cli",
        "--test",
        "streams",
        "--",
        "--nocapture",
        "--test-threads=1",
    ];
    let (streams, seconds) = (args.streams.to_string(), args.seconds.to_string());
    program::run(
        &workspace::root(),
        &words,
        &[
            ("TOLLGATE_STREAMS", &streams),
            ("TOLLGATE_STREAM_SECONDS", &seconds),
        ],
    )
}
