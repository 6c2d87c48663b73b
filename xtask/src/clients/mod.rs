//! Published clients against the gateway, with the simulator behind it.
//!
//! Each client has a script in `xtask/clients` that runs its cases and tells of
//! each in a line of JSON. Here is what is around it: installing the clients,
//! a gateway and a simulator for each, and the table of what passed.

pub(crate) mod install;
mod list;
mod outcome;
mod pages;
pub(crate) mod servers;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::{output, program, workspace};

use self::list::{CLIENTS, Client};
use self::outcome::Outcome;

/// Arguments of `cargo xtask clients`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Runs this client alone, such as `openai-python`.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Runs this case alone, such as `stream`.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Writes the table, and the snippets of the pages, to docs/clients.
    #[arg(long, conflicts_with_all = ["only", "case"])]
    write: bool,
    /// Tries this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// A client, and what became of it.
struct Tried {
    client: &'static Client,
    outcomes: Result<Vec<Outcome>, Skipped>,
}

/// Why a client was not tried.
#[derive(Debug)]
struct Skipped(String);

/// Tries the clients and prints what passed; fails when a case did.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let root = workspace::root();
    let wanted = wanted(args.only.as_deref())?;
    let folder = folder()?;
    let binary = match &args.binary {
        // The servers run in folders of their own.
        Some(binary) => std::path::absolute(binary).map_err(|source| Error::Read {
            path: binary.clone(),
            source,
        })?,
        None => build(&root, &folder)?,
    };
    let mut tried = Vec::new();
    for client in wanted {
        output::say(&format!("==> {}", client.name));
        let outcomes = match install::ready(client, &root, &folder)? {
            Ok(command) => Ok(attempt(
                client,
                &command,
                &binary,
                &folder,
                args.case.as_deref(),
            )?),
            Err(skipped) => Err(skipped),
        };
        if let Err(Skipped(why)) = &outcomes {
            output::say(&format!("    SKIPPED: {why}"));
        }
        tried.push(Tried { client, outcomes });
    }
    output::print(&table::of(&tried));
    if args.write {
        pages::write(&root, &tried)?;
    }
    let failures = tried
        .iter()
        .flat_map(|one| one.outcomes.iter().flatten())
        .filter(|outcome| !outcome.passed);
    match failures.count() {
        0 => Ok(()),
        count => Err(Error::Findings {
            task: "clients",
            count,
        }),
    }
}

/// Runs the script of a client beside servers of its own, so that what one
/// client's faults have taught the gateway is no concern of the next.
fn attempt(
    client: &Client,
    command: &[PathBuf],
    binary: &Path,
    folder: &Path,
    case: Option<&str>,
) -> Result<Vec<Outcome>, Error> {
    let scratch = folder.join("scratch").join(client.name);
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(|source| Error::Write {
            path: scratch.clone(),
            source,
        })?;
    }
    fs::create_dir_all(&scratch).map_err(|source| Error::Write {
        path: scratch.clone(),
        source,
    })?;
    let servers = servers::Servers::start(binary, &scratch)?;
    let outcomes = outcome::of(client, servers.script(command, case))?;
    for outcome in outcomes.iter().filter(|outcome| !outcome.passed) {
        output::say(&format!("    FAILED {}: {}", outcome.case, outcome.note));
    }
    Ok(outcomes)
}

fn wanted(only: Option<&str>) -> Result<Vec<&'static Client>, Error> {
    let wanted: Vec<_> = CLIENTS
        .iter()
        .filter(|client| only.is_none_or(|name| name == client.name))
        .collect();
    if wanted.is_empty() {
        let names: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
        return Err(Error::NoSuchClient {
            known: names.join(", "),
        });
    }
    Ok(wanted)
}

/// Where clients are installed and run: beside what cargo builds, and like it
/// not worth keeping.
pub(crate) fn folder() -> Result<PathBuf, Error> {
    let program = std::env::current_exe().map_err(|source| Error::Start {
        command: "xtask".into(),
        source,
    })?;
    let target = program.ancestors().nth(2).unwrap_or(&program);
    Ok(target.join("clients"))
}

pub(crate) fn build(root: &Path, folder: &Path) -> Result<PathBuf, Error> {
    let words = [
        "cargo",
        "build",
        "--package",
        "tollgate-cli",
        "--bin",
        "tollgate",
    ];
    program::run(root, &words, &[])?;
    Ok(folder.with_file_name("debug").join("tollgate"))
}
