//! Calls whose ledger, records and bill are left in a folder, to look at with
//! the commands that report.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::stream::{self, StreamExt};
use owo_colors::OwoColorize;
use serde_json::{Value, json};
use tollgate::{
    Account, Clock as _, Config, Dimension, Figures, Gateway, Loader, Receipt, SystemClock,
};
use tollgate_sim::{Clock, Latency, Simulator};

use super::batch;
use crate::args::{DemoArgs, Global};
use crate::commands::usage::csv;
use crate::config::toml_text;
use crate::exit::{Trouble, code};
use crate::ui::{self, dollars};

const IN_FLIGHT: usize = 64;

/// What the calls name as their model, in turn.
const TARGETS: [&str; 8] = [
    "tollgate/auto",
    "tollgate/auto",
    "tollgate/quality",
    "tollgate/auto",
    "tollgate/quality:code",
    "tollgate/auto",
    "anthropic/claude-3-haiku",
    "tollgate/cheapest",
];

/// The files that are left.
struct Files {
    config: PathBuf,
    models: PathBuf,
    ledger: PathBuf,
    records: PathBuf,
    charged: PathBuf,
}

pub(super) async fn run(folder: &Path, args: &DemoArgs, global: &Global) -> Result<(), Trouble> {
    let files = Files::within(folder)?;
    let defect = |error: tollgate_sim::Error| Trouble::new(code::DEFECT, error.to_string());
    let now = u64::try_from(SystemClock.now().secs()).unwrap_or_default();
    let mut scenario = batch::scenario()?.with_latency(Latency::Instant);
    scenario.activity_lag_days = 0;
    let simulator = Simulator::builder()
        .seed(args.seed)
        .scenario(scenario)
        .clock(Clock::Running(now));
    let simulator = simulator.start().await.map_err(defect)?;
    let config = files.config(&simulator.base_url())?;

    let gateway = Gateway::builder(config.clone())
        .seed(args.seed)
        .build()
        .await?;
    let answered = calls(&gateway, args.calls).await;
    simulator.idle().await;
    gateway.clone().shutdown().await;
    std::fs::write(&files.charged, charged(&config).await?)?;
    let recorded = gateway.recording().unwrap_or_default().written;
    let bill = simulator.bill().total().to_string();
    simulator.shutdown().await;

    let report = json!({
        "simulated": true,
        "calls": args.calls,
        "answered": answered,
        "recorded": recorded,
        "simulator_bill": bill,
        "config": files.config,
        "ledger": files.ledger,
        "records": files.records,
        "charged": files.charged,
    });
    match global.json {
        true => ui::json(&report),
        false => print(&report, &files),
    }
    Ok(())
}

impl Files {
    fn within(folder: &Path) -> Result<Self, Trouble> {
        std::fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let files = Self {
            config: folder.join("tollgate.toml"),
            models: folder.join("models.json"),
            ledger: folder.join("ledger.db"),
            records: folder.join("records"),
            charged: folder.join("charged.csv"),
        };
        if files.ledger.exists() || files.records.exists() {
            let message = format!("{} holds a ledger or records", folder.display());
            return Err(Trouble::new(code::USAGE, message)
                .with_hint("name an empty folder, so that no other data is mixed in"));
        }
        Ok(files)
    }

    /// Writes the configuration for the commands that come afterwards, and
    /// reads it for the calls.
    fn config(&self, base_url: &str) -> Result<Config, Trouble> {
        let text = format!(
            "# Left by `tollgate demo`: nothing in this folder was ever charged.\n\
             [openrouter]\napi_key = \"sk-or-v1-simulated-0123456789\"\nbase_url = {}\n\
             [catalog]\noffline = true\ncache_path = {}\n\
             [ledger]\nstore = \"sqlite\"\npath = {}\n\
             [record]\nenabled = true\npath = {}\n",
            toml_text(Path::new(base_url)),
            toml_text(&self.models),
            toml_text(&self.ledger),
            toml_text(&self.records),
        );
        std::fs::write(&self.config, &text)?;
        Ok(Loader::new()
            .with_environment(Vec::new())
            .with_key("openrouter.management_key", "sk-or-management-simulated-01")
            .with_key("openrouter.optimization.max_cost_per_request", "0.10")
            .with_text("demo.toml", include_str!("demo.toml"))
            .with_text("tollgate.toml", text)
            .load()?)
    }
}

/// How many were answered.
async fn calls(gateway: &Gateway, count: u32) -> u32 {
    let done = AtomicU32::new(0);
    let progress = ui::Progress::new();
    let answers = stream::iter(0..count).map(|number| {
        let (done, progress) = (&done, &progress);
        async move {
            let target = TARGETS[number as usize % TARGETS.len()];
            let receipt: Result<Receipt, _> = batch::call(gateway, number, Some(target)).await;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress.show(format!("{done} of {count} calls …"));
            u32::from(receipt.is_ok())
        }
    });
    let answered = answers.buffer_unordered(IN_FLIGHT);
    let answered = answered.fold(0, |sum, one| async move { sum + one }).await;
    progress.clear();
    answered
}

/// What the simulator has charged, as an export that `reconcile` reads.
async fn charged(config: &Config) -> Result<String, Trouble> {
    let book = Account::of(config)?.activity(None).await?;
    let mut text = String::from("date,model,cost,requests,prompt_tokens,completion_tokens\n");
    for (entry, figures) in book.iter() {
        let Figures {
            requests,
            prompt,
            output,
            ..
        } = figures;
        let counts = [requests, prompt, output].map(|count| count.unwrap_or_default().to_string());
        let cells = [
            Dimension::day(entry.day),
            csv::text(&entry.model),
            figures.cost().to_string(),
        ];
        let _ = writeln!(text, "{}", csv::line(cells.into_iter().chain(counts)));
    }
    Ok(text)
}

fn print(report: &Value, files: &Files) {
    let figure = |name: &str| report[name].to_string();
    let bill = report["simulator_bill"].as_str().unwrap_or_default();
    let bill = bill.parse().map(dollars).unwrap_or_default();
    ui::note(format!(
        "{} calls to a simulator inside this process, {} of them answered and {} recorded; it \
         charged {bill}.\nNothing of it is real but the models' names, prices and scores.\n\nNext:",
        figure("calls"),
        figure("answered"),
        figure("recorded"),
    ));
    let config = files.config.display();
    for words in [
        "usage --baseline quality".to_owned(),
        "replay --policy cheapest".to_owned(),
        format!("reconcile --csv {}", files.charged.display()),
    ] {
        ui::data(format!("tollgate --config {config} {}", words.bold()));
    }
}
