//! A router that learns from recorded outcomes: trained here, and tried on others.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use owo_colors::OwoColorize;
use tollgate_route_eval::{Priced, Report, ScoreConfig, forecast_with, read_table};
use tollgate_router_learned::{
    Learned, NEUTRAL_DIFFICULTY, Outcomes, TrainConfig, train, train_neutral,
};

use crate::args::{Global, RouterCommand};
use crate::exit::{Trouble, code};
use crate::ui;

/// The word for what comes with the program, as in the configuration.
const NEUTRAL: &str = "neutral";

pub(crate) fn run(command: &RouterCommand, global: &Global) -> Result<(), Trouble> {
    match command {
        RouterCommand::Train {
            outcomes,
            out,
            neutral,
        } => learn(outcomes, out, *neutral, global),
        RouterCommand::Eval {
            outcomes,
            model,
            resamples,
        } => evaluate(outcomes, model, *resamples, global),
    }
}

fn learn(files: &[PathBuf], out: &Path, neutral: bool, global: &Global) -> Result<(), Trouble> {
    let mut tables = Vec::new();
    for file in files {
        let table = read_table(file).map_err(|error| unusable(&error))?.outcomes;
        if let Some(kind) = table.unknown_kind() {
            ui::warning(&format!(
                "{}: rows of the kind {kind:?} count as chat; kinds are code, reasoning, knowledge, chat and mixed",
                file.display()
            ));
        }
        tables.push(table);
    }
    let learned = match neutral {
        true => train_neutral(&tables),
        false => train(&Outcomes::joined(&tables), &TrainConfig::default()),
    };
    let learned = learned.map_err(|error| unusable(&error))?;
    let bytes = learned.to_bytes();
    fs::write(out, &bytes).map_err(|error| {
        Trouble::new(
            code::USAGE,
            format!("cannot write {}: {error}", out.display()),
        )
    })?;
    let rows: usize = tables.iter().map(|table| table.rows.len()).sum();
    if global.json {
        ui::json(&serde_json::json!({
            "rows": rows,
            "models": learned.models(),
            "caution": learned.caution(),
            "bytes": bytes.len(),
        }));
    } else {
        let models = learned.models().len();
        let caution = match models {
            0 => String::new(),
            _ => format!(", caution {:.1}", learned.caution()),
        };
        let size = bytes.len();
        ui::note(format!("{rows} rows, {models} models{caution}, {size} bytes").dimmed());
    }
    Ok(())
}

fn evaluate(file: &Path, model: &Path, resamples: usize, global: &Global) -> Result<(), Trouble> {
    let bytes = match model.to_str() {
        Some(NEUTRAL) => NEUTRAL_DIFFICULTY.to_vec(),
        _ => fs::read(model).map_err(|error| {
            let cannot = format!("cannot read {}: {error}", model.display());
            Trouble::new(code::USAGE, cannot).with_hint(format!(
                "make one with `tollgate router train`, or say `{NEUTRAL}` for what comes with the program"
            ))
        })?,
    };
    let learned = Learned::from_bytes(&bytes).map_err(|error| unusable(&error))?;
    let table = read_table(file).map_err(|error| unusable(&error))?;
    let priced = Priced::of(&table, &[]).map_err(|error| unusable(&error))?;
    let config = ScoreConfig {
        resamples,
        ..ScoreConfig::default()
    };
    let report = Report::of(&table, &forecast_with(&priced, &learned), &config);
    if global.json {
        ui::json(&report);
        return Ok(());
    }
    ui::data(report.to_string().trim_end());
    let known = priced
        .outcomes
        .models
        .iter()
        .filter(|model| learned.seat(&model.name).is_some());
    ui::note(
        format!(
            "{} of {} models were trained on; the others are foretold by their mean as a score. \
             Means are those of these rows: no router could know them before.",
            known.count(),
            priced.outcomes.models.len(),
        )
        .dimmed(),
    );
    Ok(())
}

fn unusable(error: &dyn Error) -> Trouble {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    Trouble::new(code::USAGE, message)
}
