//! `cargo xtask prices`: the table of what providers charge, from two published lists.
//!
//! Reads the price file of the package litellm and the slim data of
//! genai-prices (`.json` or `.json.gz`), takes every number from its text, and
//! writes `prices.json`, one model per line, and a report of where the two
//! lists disagree. Where they do, the dearer price is taken.

mod attos;
mod genai;
mod listed;
mod litellm;
mod merge;
mod read;
mod report;
mod sellers;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use self::merge::Seller;
use crate::output::say;

/// Where the table, its report and their README are.
const FOLDER: &str = "crates/tollgate-catalog/data";

/// Arguments of `cargo xtask prices`.
#[derive(ClapArgs, Debug)]
pub(crate) struct Args {
    /// `model_prices_and_context_window_backup.json` of the package litellm.
    #[arg(long, value_name = "FILE")]
    litellm: PathBuf,
    /// `data_slim.json` of genai-prices.
    #[arg(long, value_name = "FILE")]
    genai: PathBuf,
    /// Which litellm it is, as the table says it.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "PyPI package litellm 1.109.1"
    )]
    litellm_version: String,
    /// Which genai-prices it is, as the table says it.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "pydantic/genai-prices 47df840a5ab1"
    )]
    genai_version: String,
    /// The day on which both were taken, `YYYY-MM-DD`.
    #[arg(long, value_name = "DATE", default_value = "2026-11-23")]
    date: String,
    /// Write nothing; fail when the table or the report differ.
    #[arg(long)]
    check: bool,
}

/// Writes the table and its report, or checks them.
///
/// # Errors
/// A sentence that names the file and says how to mend it.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    let litellm = litellm::parse(&read::text(&args.litellm)?)
        .map_err(|error| format!("{}: {error}", args.litellm.display()))?;
    let genai = genai::parse(&read::text(&args.genai)?, &args.date)
        .map_err(|error| format!("{}: {error}", args.genai.display()))?;
    let sellers: Vec<Seller> = sellers::SELLERS
        .iter()
        .map(|seller| merge::merge(seller, &litellm, &genai))
        .collect();
    let origin = table::Origin {
        date: &args.date,
        sources: [&args.litellm_version, &args.genai_version],
    };
    let folder = folder()?;
    let files = [
        ("prices.json", table::write(&origin, &sellers)),
        ("prices-report.md", report::write(&origin, &sellers)),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        if args.check {
            compare(&path, &text)?;
        } else {
            fs::write(&path, &text)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            say(&format!("wrote {FOLDER}/{name} ({} bytes)", text.len()));
        }
    }
    Ok(())
}

fn compare(path: &Path, text: &str) -> Result<(), String> {
    let found = fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if found == text {
        return Ok(());
    }
    Err(format!(
        "{} is not what the sources give; write it with `cargo xtask prices`",
        path.display()
    ))
}

fn folder() -> Result<PathBuf, String> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .map(|root| root.join(FOLDER))
        .ok_or_else(|| format!("{} has no parent folder", xtask.display()))
}
