use std::path::Path;

use owo_colors::OwoColorize;
use serde::Serialize;
use tollgate::{LedgerCheck, StoreKind};

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
    if let (true, Some(path)) = (found.is_empty(), path) {
        return Err(missing(&path));
    }
    if global.json {
        ui::json(&found.iter().map(Line::new).collect::<Vec<_>>());
    } else {
        for (path, check) in &found {
            ui::data(lines(path, check));
        }
    }
    if found.is_empty() {
        ui::note(match settings.ledger.store {
            StoreKind::Memory => {
                "nothing to verify: a ledger in memory does not outlive its process"
            }
            _ => "nothing to verify: there is no ledger yet",
        });
    }
    verdict(&found)
}

/// A ledger in JSON.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    ok: bool,
    #[serde(flatten)]
    check: &'a LedgerCheck,
}

impl<'a> Line<'a> {
    fn new((path, check): &'a (String, LedgerCheck)) -> Self {
        Self {
            path,
            ok: check.is_ok(),
            check,
        }
    }
}

fn lines(path: &str, check: &LedgerCheck) -> String {
    let mut lines = vec![path.bold().to_string()];
    if let LedgerCheck::File(verified) = check {
        let older = match verified.older {
            0 => String::new(),
            older => format!(" and {older} older than the chain"),
        };
        lines.push(format!(
            "  checked  {} events{older}, {} attempts, {} windows of budgets",
            verified.events, verified.attempts, verified.windows
        ));
        lines.push(format!("  head     {}", verified.head));
    }
    match check.is_ok() {
        true => lines.push(format!("  result   {}", "ok".green())),
        false => lines.push(format!("  result   {}", "does not add up".red())),
    }
    lines.extend(
        differences(check)
            .into_iter()
            .map(|one| format!("  - {one}")),
    );
    lines.join("\n")
}

fn differences(check: &LedgerCheck) -> Vec<String> {
    match check {
        LedgerCheck::File(verified) => {
            let told = verified.differences.iter().map(ToString::to_string);
            let more = Some(verified.omitted).filter(|omitted| *omitted > 0);
            told.chain(more.map(|omitted| format!("and {omitted} more")))
                .collect()
        }
        LedgerCheck::Shared { differences } => differences.clone(),
    }
}

fn verdict(found: &[(String, LedgerCheck)]) -> Result<(), Trouble> {
    let wrong = found.iter().filter(|(_, check)| !check.is_ok());
    match wrong.count() {
        0 => Ok(()),
        wrong => Err(Trouble::new(
            code::CHECK,
            format!("{wrong} of {} ledgers does not add up", found.len()),
        )
        .with_hint("keep it as it is and compare it with a backup")),
    }
}

fn missing(path: &Path) -> Trouble {
    Trouble::new(code::LEDGER, format!("there is no ledger at {path:?}"))
        .with_hint("give the file that ledger.path names, or none for the configured one")
}
