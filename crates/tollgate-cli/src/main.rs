#![doc = include_str!("../README.md")]

mod args;
mod commands;
mod config;
mod exit;
mod key;
mod ledgers;
mod log;
mod order;
mod otel;
mod render;
mod ui;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::args::{Cli, Command, Global};
use crate::exit::{Form, Trouble};
use crate::otel::{Counts, Export};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asks_for_json = std::env::args_os().any(|argument| argument == "--json");
            return exit::usage(&error, form(asks_for_json));
        }
    };
    let form = form(cli.global.json);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.report(form),
    }
}

fn form(is_json: bool) -> Form {
    match is_json {
        true => Form::Json,
        false => Form::Text,
    }
}

#[tokio::main]
async fn run(cli: Cli) -> Result<(), Trouble> {
    let global = &cli.global;
    let spans = match cli.command {
        Command::Serve(_) | Command::Chat(_) => log::Spans::Sent,
        _ => log::Spans::None,
    };
    let export = log::start(global, spans);
    let counts = export.as_ref().map(Export::counts);
    let done = command(cli.command, global, counts).await;
    if let Some(export) = export {
        export.finish().await;
    }
    done
}

async fn command(
    command: Command,
    global: &Global,
    spans: Option<Arc<Counts>>,
) -> Result<(), Trouble> {
    match command {
        Command::Demo(args) => commands::demo::run(args, global).await,
        Command::Chat(args) => commands::chat::run(args, global).await,
        Command::Plan(args) => commands::plan::run(args, global).await,
        Command::Models(args) => commands::models::run(args, global).await,
        Command::Prices(command) => commands::prices::run(command, global).await,
        Command::Quality(command) => commands::quality::run(command, global).await,
        Command::Usage(args) => commands::usage::run(args, global).await,
        Command::Budgets => commands::budgets::run(global).await,
        Command::Keys(command) => commands::keys::run(command, global).await,
        Command::Byok(command) => commands::byok::run(command, global).await,
        Command::Check => commands::check::run(global).await,
        Command::Ledger(args) => commands::ledger::run(args, global).await,
        Command::Serve(args) => commands::serve::run(args, global, spans).await,
        Command::Health(args) => commands::health::run(args, global).await,
        Command::Sim(args) => commands::sim::run(args, global).await,
        Command::Schema => {
            ui::json(&tollgate::config_schema());
            Ok(())
        }
        Command::Completions { shell } => {
            commands::completions::run(shell);
            Ok(())
        }
        Command::Record(command) => commands::record::run(command, global),
        Command::Replay(args) => commands::replay::run(args, global).await,
        Command::Reconcile(args) => commands::reconcile::run(args, global).await,
        Command::Router(command) => commands::router::run(&command, global),
    }
}
