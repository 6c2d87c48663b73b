//! The measurement, from start to table.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::gateway::Home;
use super::side::{Amount, Side};
use super::{Args, BenchError, proxy, report, upstream};

/// How much is sent for the record in each of [`TURNS`].
const FULL: Amount = Amount {
    alone: 2_000,
    together: 100,
    streams: 500,
    streams_together: 100,
};

/// How much is sent for a look.
const QUICK: Amount = Amount {
    alone: 400,
    together: 20,
    streams: 100,
    streams_together: 25,
};

/// How often the sides take turns, so that what else the machine does meets all
/// of them alike; once more at first, which is not counted.
const TURNS: usize = 8;

/// How often the gateway is started.
const STARTS: usize = 9;

/// How long a process that was just started is left alone before its memory is
/// looked at.
const SETTLING: Duration = Duration::from_secs(2);

/// Measures everything; the text is a table in Markdown.
pub(super) fn run(args: &Args) -> Result<String, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::io("start a runtime"))?;
    runtime.block_on(all(args))
}

async fn all(args: &Args) -> Result<String, BenchError> {
    let amount = if args.quick { &QUICK } else { &FULL };
    let upstream = upstream::start().await?;
    let homes = homes(args, upstream)?;
    let mut sides = vec![Side::new("direct", upstream, None)];
    let (process, address) = proxy::start(upstream).await?;
    sides.push(Side::new("bare proxy", address, Some(process)));
    for home in &homes {
        sides.push(started(home).await?);
    }

    tokio::time::sleep(SETTLING).await;
    for side in &mut sides {
        side.figures.idle = side.resident()?;
    }
    for turn in 0..=TURNS {
        for side in &mut sides {
            let work = side.turn(amount).await?;
            if turn > 0 {
                side.figures.add(work);
            }
        }
    }
    for side in &mut sides {
        side.figures.loaded = side.resident()?;
    }
    let figures = sides.into_iter().map(|side| (side.name, side.figures));
    Ok(report::table(figures.collect()))
}

/// Homes for the gateway that was built beside this program, and before it for
/// another build.
fn homes(args: &Args, upstream: SocketAddr) -> Result<Vec<Home>, BenchError> {
    let this = std::env::current_exe().map_err(BenchError::io("find this program"))?;
    let built = this.with_file_name("tollgate");
    let before = args.beside.as_deref().map(absolute).transpose()?;
    let programs = before.map(|program| ("before", program));
    let programs = programs.into_iter().chain([("tollgate", built)]);
    programs
        .map(|(name, program)| Home::new(name, program, &args.set, upstream))
        .collect()
}

fn absolute(program: &Path) -> Result<PathBuf, BenchError> {
    let what = format!("find {}", program.display());
    program.canonicalize().map_err(BenchError::io(what))
}

/// A gateway that was started often, and runs.
async fn started(home: &Home) -> Result<Side, BenchError> {
    home.fill().await?;
    let mut side = None;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        // The one before has gone before the next is begun: they share a ledger.
        drop(side.take());
        let (process, address, took) = home.start().await?;
        starts.push(took);
        side = Some(Side::new(home.name(), address, Some(process)));
    }
    let mut side = side.expect("it is started at least once");
    starts
        .into_iter()
        .for_each(|took| side.figures.starts.add(took));
    Ok(side)
}
