//! The same mixed requests under each policy, with one attempt in ten failing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::stream::{self, StreamExt};
use owo_colors::OwoColorize;
use serde::Serialize;
use tokio::time::Instant;
use tollgate::{ChatRequest, Gateway, Message, Order, Receipt, Silent, StreamMode, Usd};
use tollgate_sim::{Fault, Latency, Rule, Scenario, Simulator};

use super::gateway;
use crate::args::{DemoArgs, Global};
use crate::exit::{Trouble, code};
use crate::ui::{self, dollars};

const POLICIES: [&str; 3] = ["cheapest", "balanced", "quality"];
const IN_FLIGHT: usize = 100;
const OUTPUT_TOKENS: u64 = 150;

const PROMPTS: [&str; 10] = [
    "What is the capital of Australia, and why not Sydney?",
    "Write a Python function that removes duplicates from a list and keeps the order.",
    "A train leaves at 9:40 and arrives at 13:05 after two stops of 12 minutes. How long did it move? Think step by step.",
    "Summarise the plot of a detective story in three sentences.",
    "Fix this: ```rust\nfn main() { let x: u8 = 300; println!(\"{x}\"); }\n```",
    "Prove that the sum of two odd integers is even.",
    "Translate into French: the meeting is moved to Thursday afternoon.",
    "Write a SQL query for the three customers with the highest total of orders.",
    "If $f(x) = x^2 - 4x + 7$, what is its minimum and where is it? Show your reasoning.",
    "Suggest a name for a small bakery by the sea.",
];

/// What one policy did with the batch.
#[derive(Debug, Serialize)]
pub(super) struct Batch {
    policy: &'static str,
    requests: u32,
    answered: u32,
    failed: u32,
    failovers: u32,
    cost: Usd,
    simulator_bill: String,
    mean_quality: f32,
    median_ms: u64,
    p95_ms: u64,
    models: usize,
}

pub(super) async fn run(args: &DemoArgs, global: &Global) -> Result<Vec<Batch>, Trouble> {
    if !global.json {
        ui::data(format!(
            "\n{}\n{}",
            format!("4. {} mixed requests under each policy", args.requests)
                .bold()
                .underline(),
            "one attempt in ten fails: half of them refused, half dead before the first token"
                .dimmed(),
        ));
    }
    let done = AtomicU32::new(0);
    let progress = ui::Progress::new();
    let total = args.requests * 3;
    let tick = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress.show(format!("{done} of {total} requests …"));
    };
    let batches = stream::iter(POLICIES)
        .map(|policy| one(policy, args, &tick))
        .buffered(POLICIES.len())
        .collect::<Vec<_>>()
        .await;
    progress.clear();
    let batches = batches.into_iter().collect::<Result<Vec<_>, _>>()?;
    if !global.json {
        print(&batches);
    }
    Ok(batches)
}

async fn one(policy: &'static str, args: &DemoArgs, tick: &dyn Fn()) -> Result<Batch, Trouble> {
    let simulator = Simulator::builder()
        .seed(args.seed)
        .scenario(scenario()?)
        .start()
        .await
        .map_err(|error| Trouble::new(code::DEFECT, error.to_string()))?;
    let gateway = gateway(&simulator, policy, args.seed, Arc::new(Silent)).await?;
    let results: Vec<_> = stream::iter(0..args.requests)
        .map(|number| {
            let gateway = &gateway;
            async move {
                let started = Instant::now();
                let result = call(gateway, number, None).await;
                tick();
                (result, started.elapsed())
            }
        })
        .buffer_unordered(IN_FLIGHT)
        .collect()
        .await;
    simulator.idle().await;

    let mut latencies = Vec::new();
    let mut receipts = Vec::new();
    let mut failed = 0;
    for (result, took) in results {
        match result {
            Ok(receipt) => {
                latencies.push(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
                receipts.push(receipt);
            }
            Err(_) => failed += 1,
        }
    }
    latencies.sort_unstable();
    let batch = Batch {
        policy,
        requests: args.requests,
        answered: u32::try_from(receipts.len()).unwrap_or(u32::MAX),
        failed,
        failovers: receipts
            .iter()
            .map(|receipt| u32::try_from(receipt.failovers()).unwrap_or(0))
            .sum(),
        cost: receipts
            .iter()
            .filter_map(Receipt::cost)
            .map(|cost| cost.amount())
            .sum(),
        simulator_bill: simulator.bill().total().to_string(),
        mean_quality: mean_quality(&gateway, &receipts),
        median_ms: percentile(&latencies, 50),
        p95_ms: percentile(&latencies, 95),
        models: distinct_models(&receipts),
    };
    gateway.shutdown().await;
    simulator.shutdown().await;
    Ok(batch)
}

pub(super) fn scenario() -> Result<Scenario, Trouble> {
    let rule = |name: &str| {
        let fault =
            Fault::named(name).map_err(|error| Trouble::new(code::DEFECT, error.to_string()))?;
        Ok::<_, Trouble>(Rule::new(fault).with_probability(0.05))
    };
    Ok(Scenario::default()
        .with_latency(Latency::Realistic)
        .with_output_tokens(OUTPUT_TOKENS)
        .with_rule(rule("unavailable")?)
        .with_rule(rule("stall=0")?))
}

/// One of the mixed requests, for a model or whatever the policy picks.
pub(super) async fn call(
    gateway: &Gateway,
    number: u32,
    model: Option<&str>,
) -> Result<Receipt, tollgate::Error> {
    let prompt = PROMPTS[number as usize % PROMPTS.len()];
    let mut request = ChatRequest::from_prompt(prompt)
        .with_message(&Message::user(&format!("(request {number})")))
        .map_err(|error| {
            tollgate::Failure::new(tollgate::FailureKind::Internal, error.to_string())
        })?
        .with_max_tokens(OUTPUT_TOKENS)
        .with_stream(StreamMode::Stream);
    if let Some(model) = model {
        request = request.with_model(model);
    }
    Ok(gateway
        .chat(Order::from(request))
        .await?
        .collect()
        .await?
        .receipt)
}

/// Mean quality, by the catalog's figures, of the models that answered.
fn mean_quality(gateway: &Gateway, receipts: &[Receipt]) -> f32 {
    let view = gateway.catalog().view();
    let mut sum = 0.0;
    let mut count = 0.0;
    for receipt in receipts {
        let Some(served) = receipt.served() else {
            continue;
        };
        let Some(place) = view.find_served(served.model()) else {
            continue;
        };
        sum += view.model(place).quality[receipt.facts.task.index()].mean;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

fn distinct_models(receipts: &[Receipt]) -> usize {
    let mut models: Vec<_> = receipts
        .iter()
        .filter_map(|receipt| Some(receipt.served()?.model().clone()))
        .collect();
    models.sort();
    models.dedup();
    models.len()
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    match sorted.len() {
        0 => 0,
        length => sorted[(length - 1) * percent / 100],
    }
}

fn print(batches: &[Batch]) {
    let mut table = ui::table(&[
        "policy",
        "answered",
        "failed",
        "failovers",
        "cost",
        "per answer",
        "quality",
        "median",
        "p95",
        "models",
        "bill",
    ]);
    for batch in batches {
        let each = batch
            .cost
            .share_ceil(1, u64::from(batch.answered.max(1)))
            .unwrap_or_default();
        let bill = match batch.cost.to_string() == batch.simulator_bill {
            true => "equal".to_owned(),
            false => format!("${}", batch.simulator_bill),
        };
        table.add_row([
            batch.policy.to_owned(),
            batch.answered.to_string(),
            batch.failed.to_string(),
            batch.failovers.to_string(),
            format!("${}", batch.cost),
            dollars(each),
            format!("{:.2}", batch.mean_quality),
            format!("{} ms", batch.median_ms),
            format!("{} ms", batch.p95_ms),
            batch.models.to_string(),
            bill,
        ]);
    }
    ui::data(table);
    ui::data("cost, latency and failovers were measured against the simulator; quality is the catalog's figure for the models that answered".dimmed());
}
