//! `cargo xtask bench-server`: what the gateway adds to a request.
//!
//! ```text
//!            core 1                      core 0                core 1
//!        ┌── load ──────────────────────────────────────────► upstream   direct
//!        ├── load ───────────► bare proxy ──────────────────► upstream   the yardstick
//!        └── load ───────────► tollgate serve ──────────────► upstream   what is measured
//! ```
//!
//! The yardstick is the least that anything between client and upstream costs
//! on the same HTTP stack. All three are measured by turns in one run, since
//! figures of two runs on a shared machine say little about each other.

pub(crate) mod child;
mod error;
pub(crate) mod gateway;
pub(crate) mod load;
mod measure;
mod proxy;
pub(crate) mod quantile;
mod report;
mod side;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;

pub(crate) use self::error::BenchError;
use crate::error::Error;
use crate::workspace::{self, Workspace};
use crate::{output, program};

/// Arguments of `cargo xtask bench-server`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Sends a tenth as much: for a look, not for the record.
    #[arg(long)]
    quick: bool,
    /// Measures another build of the gateway in the same run: what it was before a change.
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<PathBuf>,
    /// Sets a configuration key of the gateway, such as `ledger.durability=relaxed`; may be
    /// repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What this process is; the command starts itself again for each.
    #[arg(long, value_enum, hide = true, default_value_t = Role::Start)]
    role: Role,
    /// Where the bare proxy listens.
    #[arg(long, hide = true, required_if_eq("role", "proxy"))]
    listen: Option<SocketAddr>,
    /// Where the bare proxy sends.
    #[arg(long, hide = true, required_if_eq("role", "proxy"))]
    upstream: Option<SocketAddr>,
}

/// The processes of a measurement.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Builds what is measured.
    Start,
    /// Upstream and load.
    Measure,
    /// The yardstick.
    Proxy,
}

/// Measures what the gateway adds, and prints it beside what a bare proxy does.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    match (args.role, args.listen, args.upstream) {
        (Role::Proxy, Some(listen), Some(upstream)) => proxy::run(listen, upstream)?,
        (Role::Measure, ..) => output::print(&measure::run(args)?),
        _ => start(args)?,
    }
    Ok(())
}

/// Builds gateway, yardstick and load as they are released, and runs the load
/// on a core of its own.
fn start(args: &Args) -> Result<(), Error> {
    let root = workspace::root();
    // One after the other, or cargo would give the gateway the features that
    // only the load needs.
    for package in ["tollgate-cli", "xtask"] {
        let words = ["cargo", "build", "--release", "--package", package];
        program::run(&root, &words, &[])?;
    }
    let load = Workspace::load(&root)?
        .target_directory
        .join("release/xtask");
    let load = load.to_string_lossy();
    let mut words = vec!["taskset", "-c", child::LOAD_CORE, &load];
    words.extend(["bench-server", "--role", "measure"]);
    words.extend(args.quick.then_some("--quick"));
    let beside = args
        .beside
        .as_ref()
        .map(|program| program.to_string_lossy());
    words.extend(beside.iter().flat_map(|program| ["--beside", program]));
    words.extend(args.set.iter().flat_map(|set| ["--set", set]));
    program::run(&root, &words, &[])
}
