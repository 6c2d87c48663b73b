//! Everything at work, against a simulator inside this process.

mod batch;
mod keep;
mod story;

use std::sync::Arc;

use owo_colors::OwoColorize;
use tollgate::{Gateway, Loader, Observer};
use tollgate_sim::{Latency, Scenario, Simulator};

use crate::args::{DemoArgs, Global};
use crate::exit::{Trouble, code};
use crate::ui;

pub(crate) async fn run(args: DemoArgs, global: &Global) -> Result<(), Trouble> {
    if let Some(folder) = &args.keep {
        return keep::run(folder, &args, global).await;
    }
    let simulator = simulator(args.seed).await?;
    if !global.json {
        ui::note(format!(
            "{} Nothing here is real but the models' names, prices and scores: the answers come \
             from a simulator\nof OpenRouter inside this process, at {}. No key, no network.\n",
            "This is a demonstration.".bold(),
            simulator.base_url(),
        ));
    }
    let story = story::tell(&simulator, args.seed, global).await?;
    let batches = batch::run(&args, global).await?;
    simulator.shutdown().await;
    if global.json {
        ui::json(&serde_json::json!({ "simulated": true, "story": story, "batches": batches }));
    } else {
        ui::note(format!(
            "\nNext: {} with a key in OPENROUTER_API_KEY, or {} to see the choice alone.",
            "tollgate chat \"…\"".bold(),
            "tollgate plan \"…\"".bold(),
        ));
    }
    Ok(())
}

/// A simulator that takes as long as the real endpoints do.
async fn simulator(seed: u64) -> Result<Simulator, Trouble> {
    Simulator::builder()
        .seed(seed)
        .scenario(Scenario::default().with_latency(Latency::Realistic))
        .start()
        .await
        .map_err(|error| Trouble::new(code::DEFECT, error.to_string()))
}

/// A gateway to a simulator, with timers short enough to watch.
async fn gateway(
    simulator: &Simulator,
    policy: &str,
    seed: u64,
    observer: Arc<dyn Observer>,
) -> Result<Gateway, Trouble> {
    let config = Loader::new()
        .with_environment(Vec::new())
        .with_key("openrouter.api_key", "sk-or-v1-simulated-0123456789")
        .with_key("openrouter.base_url", simulator.base_url())
        .with_key("openrouter.optimization.mode", policy)
        .with_key("openrouter.optimization.max_cost_per_request", "0.10")
        .with_text("demo.toml", include_str!("demo.toml"))
        .load()?;
    Ok(Gateway::builder(config)
        .seed(seed)
        .observer(observer)
        .build()
        .await?)
}
