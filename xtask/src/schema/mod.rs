//! `cargo xtask schema`: the configuration reference and the OpenAPI document, from the code's own
//! schemas.

mod page;

use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::{output, program, workspace};

/// Prints the JSON Schema of the configuration. It is asked of the binary, so
/// that this program need not be built with the crates that it checks.
const SOURCE: [&str; 7] = [
    "cargo",
    "run",
    "--quiet",
    "--package=tollgate-cli",
    "--bin=tollgate",
    "--",
    "schema",
];

/// Prints the OpenAPI document of the server.
const OPENAPI_SOURCE: [&str; 6] = [
    "cargo",
    "run",
    "--quiet",
    "--package=tollgate-server",
    "--example",
    "openapi",
];

const SCHEMA_FILE: &str = "docs/reference/config.schema.json";
const PAGE_FILE: &str = "docs/reference/configuration.md";
const OPENAPI_FILE: &str = "docs/openapi.json";

/// Arguments of `cargo xtask schema`.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    /// Write nothing; fail when the files are not what the code gives.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes the files, or checks them.
pub(crate) fn run(args: Args) -> Result<(), Error> {
    let root = workspace::root();
    let schema = json_of(&root, &SOURCE)?;
    let openapi = json_of(&root, &OPENAPI_SOURCE)?;
    let files = [
        (SCHEMA_FILE, format!("{schema:#}\n")),
        (PAGE_FILE, page::render(&schema)),
        (OPENAPI_FILE, format!("{openapi:#}\n")),
    ];
    if args.check {
        return check(&root, &files);
    }
    for (name, text) in &files {
        write(&root.join(name), text)?;
        output::say(&format!("wrote {name}"));
    }
    Ok(())
}

fn json_of(root: &Path, command: &[&str]) -> Result<Value, Error> {
    let json = program::read(root, command)?;
    serde_json::from_slice(&json).map_err(|source| Error::Json {
        command: command.join(" "),
        source,
    })
}

fn check(root: &Path, files: &[(&str, String)]) -> Result<(), Error> {
    let stale: Vec<String> = files
        .iter()
        .filter(|(name, text)| std::fs::read_to_string(root.join(name)).ok().as_ref() != Some(text))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    Err(Error::Stale { files: stale })
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::Write {
        path: path.to_path_buf(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
