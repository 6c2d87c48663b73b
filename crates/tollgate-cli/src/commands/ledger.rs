use std::path::{Path, PathBuf};

use owo_colors::OwoColorize;
use serde::Serialize;
use tollgate::{StoreKind, Verified};

use crate::args::{Global, LedgerArgs, LedgerCommand};
use crate::exit::{Trouble, code};
use crate::{config, ledgers, ui};

pub(crate) async fn run(args: LedgerArgs, global: &Global) -> Result<(), Trouble> {
    let LedgerCommand::Verify { path } = args.command;
    let mut settings = config::load(global)?;
    if let Some(path) = &path {
        settings.ledger.store = StoreKind::Sqlite;
        settings.ledger.path.clone_from(path);
    }
    let found = ledgers::verify(&settings).await?;
    if global.json {
        ui::json(&found.iter().map(Line::new).collect::<Vec<_>>());
    } else {
        for (path, verified) in &found {
            ui::data(lines(path, verified));
        }
    }
    match (found.is_empty(), path) {
        (false, _) => verdict(&found),
        (true, Some(path)) => Err(missing(&path)),
        (true, None) => {
            ui::note(match settings.ledger.store {
                StoreKind::Memory => {
                    "nothing to verify: a ledger in memory does not outlive its process"
                }
                _ => "nothing to verify: there is no ledger yet",
            });
            Ok(())
        }
    }
}

/// A ledger in JSON.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a Path,
    ok: bool,
    #[serde(flatten)]
    verified: &'a Verified,
}

impl<'a> Line<'a> {
    fn new((path, verified): &'a (PathBuf, Verified)) -> Self {
        Self {
            path,
            ok: verified.is_ok(),
            verified,
        }
    }
}

fn lines(path: &Path, verified: &Verified) -> String {
    let older = match verified.older {
        0 => String::new(),
        older => format!(" and {older} older than the chain"),
    };
    let mut lines = vec![
        path.display().bold().to_string(),
        format!(
            "  checked  {} events{older}, {} attempts, {} windows of budgets",
            verified.events, verified.attempts, verified.windows
        ),
        format!("  head     {}", verified.head),
    ];
    match verified.is_ok() {
        true => lines.push(format!("  result   {}", "ok".green())),
        false => lines.push(format!("  result   {}", "does not add up".red())),
    }
    let differences = verified.differences.iter();
    lines.extend(differences.map(|difference| format!("  - {difference}")));
    if verified.omitted > 0 {
        lines.push(format!("  - and {} more", verified.omitted));
    }
    lines.join("\n")
}

fn verdict(found: &[(PathBuf, Verified)]) -> Result<(), Trouble> {
    let wrong = found.iter().filter(|(_, verified)| !verified.is_ok());
    match wrong.count() {
        0 => Ok(()),
        wrong => Err(Trouble::new(
            code::CHECK,
            format!("{wrong} of {} ledgers does not add up", found.len()),
        )
        .with_hint("keep the file as it is and compare it with a backup")),
    }
}

fn missing(path: &Path) -> Trouble {
    Trouble::new(code::LEDGER, format!("there is no ledger at {path:?}"))
        .with_hint("give the file that ledger.path names, or none for the configured one")
}
