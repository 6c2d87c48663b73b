//! `tollgate quality import`

use std::path::{Path, PathBuf};

use owo_colors::OwoColorize;
use tollgate::{Config, ImportOptions, ImportedScores, ScoresInput, import_scores};

use super::{catalog, from_catalog};
use crate::args::{Global, ImportArgs};
use crate::exit::{Trouble, code};
use crate::ui;

pub(super) async fn run(
    args: ImportArgs,
    mut config: Config,
    global: &Global,
) -> Result<(), Trouble> {
    let files = args.files.iter().map(read);
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let options = ImportOptions {
        form: args.format,
        date: args.date,
        licence: args.licence,
    };
    // The file that is about to be written may be the one that is in use.
    config.catalog.scores_path = None;
    let rows = catalog(config).await?.rows();
    let imported = import_scores(&files, &options, &rows).map_err(from_catalog)?;
    match &args.out {
        Some(path) => write(path, &imported)?,
        None if global.json => ui::json(&imported.to_json()),
        None => ui::data(imported.to_toml().trim_end()),
    }
    tell(&imported);
    Ok(())
}

fn read(path: &PathBuf) -> Result<ScoresInput, Trouble> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        Trouble::new(code::USAGE, format!("cannot read {path}: {error}"))
    })?;
    Ok(ScoresInput {
        path: path.clone(),
        text,
    })
}

fn write(path: &Path, imported: &ImportedScores) -> Result<(), Trouble> {
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let text = match is_json {
        true => format!("{:#}\n", imported.to_json()),
        false => imported.to_toml(),
    };
    std::fs::write(path, text).map_err(|error| {
        let path = path.display();
        Trouble::new(code::USAGE, format!("cannot write {path}: {error}"))
    })
}

/// What was found, and each name that was not.
fn tell(imported: &ImportedScores) {
    for line in &imported.unread {
        ui::warning(&format!("a line cannot be read and is left out: {line}"));
    }
    for (names, what) in [
        (&imported.unmatched, "no model of the catalog is called"),
        (&imported.unclear, "several names or models fit as well as"),
    ] {
        for name in names {
            ui::note(format!("{what} {name}"));
        }
    }
    let summary = format!(
        "{} names matched, {} unmatched, {} unclear; {} models have scores",
        imported.matched,
        imported.unmatched.len(),
        imported.unclear.len(),
        imported.models(),
    );
    ui::note(summary.dimmed());
}
