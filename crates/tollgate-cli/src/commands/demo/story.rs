//! One call, with a failure of each kind on its way.

use std::sync::Arc;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use tollgate::{
    ChatRequest, Event, Explanation, Gateway, Message, Observer, Order, Receipt, StreamMode,
};
use tollgate_sim::{Fault, Rule, Scenario, Simulator};

use super::gateway;
use crate::args::Global;
use crate::commands::chat;
use crate::exit::{Trouble, code};
use crate::{render, ui};

const PROMPT: &str = "Write a Rust function that merges two sorted slices into one sorted vector, \
                      and explain its complexity.";

/// What happens to the first three candidates: fault of the simulator, and in words.
const MISHAPS: [(&str, &str); 3] = [
    ("unavailable", "is down"),
    (
        "comments",
        "accepts, then sends nothing but keep-alive comments",
    ),
    ("rate-limited", "is rate-limited"),
];

/// Plans, breaks the first three choices, sends, and compares the receipt with
/// the simulator's bill.
pub(super) async fn tell(
    simulator: &Simulator,
    seed: u64,
    global: &Global,
) -> Result<Value, Trouble> {
    let quiet = global.json;
    let watcher: Arc<dyn Observer> = Arc::new(move |event: &Event| {
        if !quiet {
            show(event);
        }
    });
    let gateway = gateway(simulator, "balanced", seed, watcher).await?;
    let plan = gateway.plan(order()?)?;
    if !quiet {
        ui::data(format!("{}", "1. Choose".bold().underline()));
        ui::data(format!("{} {}", "prompt".dimmed(), PROMPT.italic()));
        ui::data(render::plan(&plan, false));
        ui::data(format!(
            "\n{}",
            "2. Send, with three mishaps".bold().underline()
        ));
    }
    break_first_choices(simulator, &plan, quiet)?;

    let receipt = send(&gateway, quiet).await?;
    simulator.idle().await;
    let bill = simulator.bill().total().to_string();
    gateway.shutdown().await;
    let ours = receipt
        .cost()
        .map(|cost| cost.amount().to_string())
        .unwrap_or_default();
    if !quiet {
        ui::data(format!("\n{}", "3. Account".bold().underline()));
        ui::data(render::receipt(&receipt));
        let verdict = match ours == bill {
            true => "equal to the nano-dollar".green().to_string(),
            false => format!("the receipt says ${ours}").red().to_string(),
        };
        ui::data(format!("  the simulator's own bill: ${bill}, {verdict}"));
    }
    Ok(json!({
        "plan": plan,
        "receipt": render::receipt_json(&receipt),
        "simulator_bill": bill,
    }))
}

fn order() -> Result<Order, Trouble> {
    let request = ChatRequest::new([Message::user(PROMPT)])
        .map_err(|error| Trouble::new(code::DEFECT, error.to_string()))?;
    let request = request
        .with_model("tollgate/auto")
        .with_stream(StreamMode::Stream);
    Ok(Order::from(request))
}

fn break_first_choices(
    simulator: &Simulator,
    plan: &Explanation,
    quiet: bool,
) -> Result<(), Trouble> {
    let defect = |error: tollgate_sim::Error| Trouble::new(code::DEFECT, error.to_string());
    let mut scenario = Scenario::default().with_latency(tollgate_sim::Latency::Realistic);
    for (candidate, (fault, words)) in plan.candidates.iter().zip(MISHAPS) {
        let fault = Fault::named(fault).map_err(defect)?;
        scenario = scenario.with_rule(Rule::new(fault).for_model(candidate.model.as_str()));
        if !quiet {
            ui::note(format!(
                "{} {} {words}",
                "mishap".magenta(),
                candidate.model
            ));
        }
    }
    simulator.set_scenario(scenario).map_err(defect)
}

async fn send(gateway: &Gateway, quiet: bool) -> Result<Receipt, Trouble> {
    let progress = ui::Progress::new();
    progress.show("waiting for the first token …");
    let answer = gateway.chat(order()?).await?;
    progress.clear();
    if quiet {
        return Ok(answer.collect().await?.receipt);
    }
    ui::data(format!(
        "{} {}",
        "answer by".dimmed(),
        answer.model().green()
    ));
    Ok(chat::stream(answer).await?)
}

fn show(event: &Event) {
    match event {
        Event::AttemptStarted {
            attempt, models, ..
        } => {
            let models: Vec<_> = models.iter().map(ToString::to_string).collect();
            ui::note(format!("{} {attempt}. {}", "try".cyan(), models.join(", ")));
        }
        Event::AttemptFailed {
            record, goes_on, ..
        } => {
            let then = if *goes_on {
                "next candidate"
            } else {
                "giving up"
            };
            ui::note(format!(
                "{} {} → {then}",
                "fail".yellow(),
                render::attempt_line(record)
            ));
        }
        Event::Committed { first_token_ms, .. } => {
            ui::note(format!(
                "{} first token after {first_token_ms} ms\n",
                "commit".green()
            ));
        }
        Event::BreakerChanged { spot, breaker, why } => {
            ui::note(format!(
                "{} {spot} is {}: {why}",
                "breaker".magenta(),
                breaker.as_str()
            ));
        }
        _ => {}
    }
}
