//! Evaluates the learned router on tables of outcomes.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tollgate_core::RoutingPolicy;
use tollgate_policy_balanced::Balanced;
use tollgate_route_eval::{
    EvalConfig, EvalError, LoadConfig, Priced, Report, ScoreConfig, Table, Worse, evaluate,
    forecast_with, read_load, read_table, replay_load, tables_in, taken_for, worse_than_fixed,
};
use tollgate_router::{CostOptimizer, RouterConfig};
use tollgate_router_learned::{Outcomes, TrainConfig, train};

#[derive(Parser, Debug)]
#[command(
    name = "tollgate-route-eval",
    about = "Evaluates the learned router on tables of outcomes"
)]
struct Args {
    /// Folder with `models.json` and files of outcomes: each is evaluated on folds of its own.
    #[arg(value_name = "DIR", required_unless_present_any = ["train", "load"])]
    folder: Option<PathBuf>,
    /// Trains on these files instead.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "test", conflicts_with = "folder")]
    train: Vec<PathBuf>,
    /// Tests on these files; floors are then means of the test rows themselves.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "train")]
    test: Vec<PathBuf>,
    /// Replays the choice among endpoints on this table of samples instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "train"])]
    load: Option<PathBuf>,
    /// By which later sample a choice among endpoints is judged.
    #[arg(long, value_name = "SAMPLES", default_value_t = 1, requires = "load")]
    ahead: u8,
    /// Folds of each table.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=50))]
    folds: u8,
    /// Most rows that are trained on.
    #[arg(long, value_name = "N", conflicts_with = "train")]
    labels: Option<usize>,
    /// Seed of folds, resampling and the draw of unseen models.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draws of the bootstrap.
    #[arg(long, default_value_t = 1_000)]
    resamples: usize,
    /// Standard errors between tasks that a gain must exceed where a task may not have been trained
    /// on, in place of those that each training measures; 0 leaves that of sampling.
    #[arg(long, value_name = "ERRORS")]
    caution: Option<f32>,
    /// Model that is no candidate, such as one whose cost was not fully recorded; may be repeated.
    #[arg(long, value_name = "NAME")]
    leave_out: Vec<String>,
    /// Fails when the guarded router is below the fixed choice by more than chance, all that is
    /// compared considered together; with `--load`, when endpoints that the gateway chooses are slower than the cheapest, cost more than 1.1
    /// times as much, or are deranked.
    #[arg(long)]
    check: bool,
    /// Shows instead what the prompts are taken for: code, chat or reasoning.
    #[arg(long, conflicts_with_all = ["train", "check"])]
    tasks: bool,
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&*error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            let _ = writeln!(io::stderr(), "error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if let (true, Some(folder)) = (args.tasks, &args.folder) {
        return tasks_of(args, folder);
    }
    if let Some(path) = &args.load {
        return of_load(args, path);
    }
    let reports = match &args.folder {
        Some(folder) => of_folder(args, folder)?,
        None => of_files(args)?,
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&reports)?)?;
    } else {
        reports
            .iter()
            .try_for_each(|report| writeln!(out, "{report}"))?;
    }
    let worse = worse_than_fixed(&reports);
    for Worse { what, is_sure } in &worse {
        match is_sure {
            true => writeln!(io::stderr(), "below the fixed choice: {what}")?,
            false => writeln!(
                io::stderr(),
                "below the fixed choice by no more than chance among so many: {what}"
            )?,
        }
    }
    match args.check && worse.iter().any(|one| one.is_sure) {
        true => Ok(ExitCode::FAILURE),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn tasks_of(args: &Args, folder: &Path) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let policy: Arc<dyn RoutingPolicy> = Arc::new(Balanced::default());
    let config = RouterConfig::default();
    let optimizer = CostOptimizer::new(config.clone(), vec![(config.policy, policy)])?;
    let mut taken = Vec::new();
    for path in tables_in(folder)? {
        taken.extend(taken_for(&read_table(&path)?, &optimizer)?);
    }
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&taken)?)?,
        false => taken.iter().try_for_each(|row| writeln!(out, "{row}"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn of_load(args: &Args, path: &Path) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let config = LoadConfig {
        ahead: args.ahead,
        resamples: args.resamples,
        seed: args.seed,
        ..LoadConfig::default()
    };
    let report = replay_load(&read_load(path)?, &config);
    match args.json {
        true => writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?,
        false => writeln!(io::stdout(), "{report}")?,
    }
    let violations = report.violations();
    for violation in &violations {
        writeln!(io::stderr(), "broken: {violation}")?;
    }
    match args.check && !violations.is_empty() {
        true => Ok(ExitCode::FAILURE),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn of_folder(args: &Args, folder: &Path) -> Result<Vec<Report>, EvalError> {
    let config = EvalConfig {
        left_out: args.leave_out.clone(),
        folds: usize::from(args.folds),
        labels: args.labels,
        train: train_config(args),
        score: score_config(args),
    };
    let tables = read_tables(&tables_in(folder)?)?;
    check_names(&args.leave_out, &tables)?;
    let tables = tables.into_iter().flat_map(by_bench);
    tables.map(|table| evaluate(&table, &config)).collect()
}

fn read_tables(paths: &[PathBuf]) -> Result<Vec<Table>, EvalError> {
    paths.iter().map(|path| read_table(path)).collect()
}

/// A name with a slip in it would leave nobody out, and the figures would not say so.
fn check_names(left_out: &[String], tables: &[Table]) -> Result<(), EvalError> {
    let is_known = |name: &&String| {
        let mut models = tables.iter().flat_map(|table| &table.outcomes.models);
        models.any(|model| model.name == **name)
    };
    match left_out.iter().find(|name| !is_known(name)) {
        Some(name) => Err(EvalError::NoSuchModel { name: name.clone() }),
        None => Ok(()),
    }
}

fn of_files(args: &Args) -> Result<Vec<Report>, EvalError> {
    let trained = read_tables(&args.train)?.into_iter();
    let outcomes: Vec<Outcomes> = trained.map(|table| table.outcomes).collect();
    let learned = train(&Outcomes::joined(&outcomes), &train_config(args));
    let learned = learned.map_err(|source| EvalError::Learn {
        table: "the training files".to_owned(),
        source,
    })?;
    let tables = read_tables(&args.test)?;
    check_names(&args.leave_out, &tables)?;
    let report = |table: Table| {
        let priced = Priced::of(&table, &args.leave_out)?;
        let forecast = forecast_with(&priced, &learned);
        Ok(Report::of(&table, &forecast, &score_config(args)))
    };
    tables.into_iter().flat_map(by_bench).map(report).collect()
}

fn train_config(args: &Args) -> TrainConfig {
    TrainConfig {
        caution: args.caution,
        ..TrainConfig::default()
    }
}

fn score_config(args: &Args) -> ScoreConfig {
    ScoreConfig {
        resamples: args.resamples,
        seed: args.seed,
    }
}

/// A table for each benchmark, without the rows that its protocol leaves out.
fn by_bench(table: Table) -> Vec<Table> {
    let Outcomes { models, rows } = table.outcomes;
    let mut tables: Vec<Table> = Vec::new();
    for row in rows.into_iter().filter(|row| !row.contaminated) {
        let name = match row.bench.as_str() {
            "" => table.name.clone(),
            bench => format!("{}-{bench}", table.name),
        };
        let place = tables
            .iter()
            .position(|known| known.name == name)
            .unwrap_or_else(|| {
                let outcomes = Outcomes {
                    models: models.clone(),
                    rows: Vec::new(),
                };
                tables.push(Table { name, outcomes });
                tables.len() - 1
            });
        tables[place].outcomes.rows.push(row);
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::check_names;
    use tollgate_route_eval::Table;
    use tollgate_router_learned::{OutcomeModel, Outcomes};

    #[test]
    fn a_name_that_no_table_has_is_refused() {
        let table = |name: &str| Table {
            name: name.to_owned(),
            outcomes: Outcomes {
                models: vec![OutcomeModel {
                    name: format!("{name}-model"),
                    input: None,
                    output: None,
                }],
                rows: Vec::new(),
            },
        };
        let tables = [table("one"), table("other")];
        check_names(&["other-model".to_owned()], &tables).unwrap();
        let error = check_names(&["othre-model".to_owned()], &tables).unwrap_err();
        assert!(error.to_string().contains("othre-model"), "{error}");
    }
}
