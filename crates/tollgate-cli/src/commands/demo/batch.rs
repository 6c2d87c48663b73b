//! The same mixed requests under each policy, with one attempt in ten failing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::stream::{self, StreamExt};
use owo_colors::OwoColorize;
use serde::Serialize;
use tokio::time::Instant;
use tollgate::{
    ChatRequest, CostSource, Gateway, Message, Order, Receipt, Silent, StreamMode, Usd,
};
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
    #[serde(flatten)]
    books: Books,
    simulator_bill: String,
    mean_quality: f32,
    median_ms: u64,
    p95_ms: u64,
    models: usize,
}

/// What all calls cost by their receipts, of those too that got no answer: an
/// attempt that was given up may be on the bill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Books {
    cost: Usd,
    /// The part of `cost` that nobody has reported.
    estimated: Usd,
    /// The most that is missing in `cost`.
    unresolved: Usd,
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
    let mut failures = Vec::new();
    for (result, took) in results {
        match result {
            Ok(receipt) => {
                latencies.push(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
                receipts.push(receipt);
            }
            Err(error) => failures.push(error),
        }
    }
    let of_failures = failures.iter().filter_map(tollgate::Error::receipt);
    latencies.sort_unstable();
    let batch = Batch {
        policy,
        requests: args.requests,
        answered: u32::try_from(receipts.len()).unwrap_or(u32::MAX),
        failed: u32::try_from(failures.len()).unwrap_or(u32::MAX),
        failovers: receipts
            .iter()
            .map(|receipt| u32::try_from(receipt.failovers()).unwrap_or(0))
            .sum(),
        books: Books::of(receipts.iter().chain(of_failures)),
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

impl Books {
    fn of<'a>(receipts: impl Iterator<Item = &'a Receipt>) -> Self {
        let mut books = Self::default();
        for cost in receipts.flat_map(|receipt| &receipt.attempts) {
            let Some(cost) = cost.cost else { continue };
            match cost.source {
                CostSource::WorstCase => books.unresolved += cost.amount(),
                CostSource::Estimated => {
                    books.cost += cost.amount();
                    books.estimated += cost.amount();
                }
                _ => books.cost += cost.amount(),
            }
        }
        books
    }

    /// The bill beside these books.
    fn compare(&self, bill: &str) -> String {
        match self.cost.to_string() == bill {
            true => "equal".to_owned(),
            false => format!("${bill}"),
        }
    }

    /// What is not certain of them, so that nobody wonders about a bill that
    /// differs.
    fn doubts(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.estimated > Usd::ZERO {
            parts.push(format!("${} of the cost is estimated", self.estimated));
        }
        if self.unresolved > Usd::ZERO {
            parts.push(format!(
                "at most ${} more for attempts whose cost is not known yet",
                self.unresolved
            ));
        }
        (!parts.is_empty()).then(|| parts.join(", and "))
    }
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
            .books
            .cost
            .share_ceil(1, u64::from(batch.answered.max(1)))
            .unwrap_or_default();
        table.add_row([
            batch.policy.to_owned(),
            batch.answered.to_string(),
            batch.failed.to_string(),
            batch.failovers.to_string(),
            format!("${}", batch.books.cost),
            dollars(each),
            format!("{:.2}", batch.mean_quality),
            format!("{} ms", batch.median_ms),
            format!("{} ms", batch.p95_ms),
            batch.models.to_string(),
            batch.books.compare(&batch.simulator_bill),
        ]);
    }
    ui::data(table);
    for batch in batches {
        if let Some(doubts) = batch.books.doubts() {
            ui::data(format!("{}: {doubts}", batch.policy));
        }
    }
    ui::data("cost, latency and failovers were measured against the simulator; quality is the catalog's figure for the models that answered".dimmed());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(cost: i64, estimated: i64, unresolved: i64) -> Books {
        let [cost, estimated, unresolved] = [cost, estimated, unresolved].map(Usd::from_nanos);
        Books {
            cost,
            estimated,
            unresolved,
        }
    }

    #[test]
    fn a_bill_that_differs_is_shown_beside_what_is_not_known() {
        let certain = books(1_500_000_000, 0, 0);
        assert_eq!(certain.compare("1.5"), "equal");
        assert_eq!(certain.doubts(), None);
        let doubtful = books(1_500_000_000, 250_000_000, 100_000_000);
        assert_eq!(doubtful.compare("1.55"), "$1.55");
        assert_eq!(
            doubtful.doubts().unwrap(),
            "$0.25 of the cost is estimated, and at most $0.1 more for attempts whose cost is not \
             known yet"
        );
    }

    /// Everything hangs after its status line, so every call fails, with
    /// attempts that may be on the bill.
    #[tokio::test(start_paused = true)]
    async fn calls_that_failed_are_in_the_books() {
        let stall = Rule::new(Fault::named("stall=2").unwrap());
        let simulator = Simulator::builder()
            .scenario(Scenario::default().with_rule(stall))
            .start()
            .await
            .unwrap();
        let gateway = gateway(&simulator, "cheapest", 1, Arc::new(Silent)).await;
        let gateway = gateway.unwrap();
        let error = call(&gateway, 0, None).await.unwrap_err();
        let books = Books::of(error.receipt().into_iter());
        assert!(books.cost + books.unresolved > Usd::ZERO, "{books:?}");
        gateway.shutdown().await;
        simulator.shutdown().await;
    }
}
