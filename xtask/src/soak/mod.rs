//! `cargo xtask soak`: a steady load for a long time.
//!
//! ```text
//!   load, so many requests a second ──► tollgate serve ──► tollgate sim
//!        └── one in ten ─────────────────────────────────►     │
//!   callers that send a byte every 5 s ──► tollgate serve
//! ```
//!
//! Half of the requests are streams. Each is sent at its moment, whether those
//! before it have been answered or not, and its time counts from that moment. At
//! the end the gateway is told to stop, and its ledger is verified.

mod load;
mod report;
mod slow;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use self::report::Report;
use crate::bench_server::BenchError;
use crate::bench_server::child::{Measured, free_address};
use crate::bench_server::gateway::Home;
use crate::error::Error;
use crate::workspace::{self, Workspace};
use crate::{output, program};

/// Arguments of `cargo xtask soak`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How long it goes on.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Requests in a second.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Callers beside them that send a byte every five seconds, and come back
    /// when they are sent away.
    #[arg(long, default_value_t = 0)]
    slow: usize,
    /// Takes the program as it is built for tests, not for release.
    #[arg(long)]
    dev: bool,
}

/// Loads a gateway steadily, and prints what it made of it.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let program = build(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::io("start a runtime"))?;
    let report = runtime.block_on(soak(args, &program))?;
    output::print(&report.to_string());
    Ok(())
}

fn build(args: &Args) -> Result<PathBuf, Error> {
    let root = workspace::root();
    let mut words = vec!["cargo", "build", "--package", "tollgate-cli"];
    words.extend((!args.dev).then_some("--release"));
    program::run(&root, &words, &[])?;
    let profile = if args.dev { "debug" } else { "release" };
    let target = Workspace::load(&root)?.target_directory;
    Ok(target.join(profile).join("tollgate"))
}

async fn soak(args: &Args, program: &Path) -> Result<Report, BenchError> {
    let simulated = free_address()?;
    let home = Home::new("soak", program.to_owned(), &[], simulated)?;
    let _simulator = simulator(program, simulated, home.folder()).await?;
    let (gateway, address, _) = home.start().await?;
    let minutes = Duration::from_secs(60 * args.minutes);
    let until = Instant::now() + minutes;
    let (load, slow, memory) = tokio::join!(
        load::steady(address, simulated, args.rate, until),
        slow::crowd(address, args.slow, until),
        watch::until(&gateway, until),
    );
    let cpu = gateway.cpu()?;
    let ended_well = gateway.stop()?;
    let verified = verified(program, home.folder())?;
    Ok(Report {
        minutes: args.minutes,
        rate: args.rate,
        load,
        slow,
        memory: memory?,
        cpu,
        ended_well,
        verified,
    })
}

/// The simulator as it is shipped, with the pace of a fast model.
async fn simulator(
    program: &Path,
    address: SocketAddr,
    folder: &Path,
) -> Result<Measured, BenchError> {
    const SCENARIO: &str = "output_tokens = 40\nlatency = { fixed = { first_token_ms = 20, tokens_per_second = 400 } }\n";
    /// How long it may take to listen.
    const PATIENCE: Duration = Duration::from_secs(10);
    let write = std::fs::write(folder.join("scenario.toml"), SCENARIO);
    write.map_err(BenchError::io("write the scenario"))?;
    let listen = address.to_string();
    let words = ["sim", "--listen", &listen, "--scenario", "scenario.toml"];
    let process = Measured::start_anywhere(program, &words, folder)?;
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        if begun.elapsed() > PATIENCE {
            return Err(BenchError::Silent { address });
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(process)
}

/// What `tollgate ledger verify` says of the books.
fn verified(program: &Path, folder: &Path) -> Result<String, BenchError> {
    let output = std::process::Command::new(program)
        .args(["ledger", "verify"])
        .env_clear()
        .env("HOME", folder)
        .current_dir(folder)
        .output()
        .map_err(BenchError::io("verify the ledger"))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(match output.status.success() {
        true => said,
        false => format!(
            "{said}\nNOT RIGHT: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    })
}
