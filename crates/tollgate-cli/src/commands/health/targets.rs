use owo_colors::OwoColorize;
use serde::Deserialize;
use serde_json::Value;

use crate::args::Global;
use crate::exit::{Trouble, code};
use crate::ui;

/// What a server has seen of one target.
#[derive(Debug, Deserialize)]
struct Target {
    scope: String,
    authority: Option<String>,
    account: Option<String>,
    lane: Option<String>,
    model: Option<String>,
    breaker: String,
    failure_share: f32,
    first_token_ms: Option<f32>,
    attempts: u32,
    in_flight: u32,
    opens_in_ms: u64,
    last_failure: Option<String>,
    alarm: Option<String>,
}

// The share of failures is smoothed, so that one failure of two is not taken
// for half of all.
const HEADINGS: [&str; 7] = [
    "target",
    "state",
    "failures ≈",
    "first token",
    "in flight",
    "attempts",
    "back in",
];

pub(crate) fn show(answer: &Value, global: &Global) -> Result<(), Trouble> {
    let mut targets = Vec::<Target>::deserialize(&answer["targets"]).map_err(|error| {
        Trouble::new(
            code::UPSTREAM,
            format!("the server's answer cannot be read: {error}"),
        )
        .with_hint("server and command line may be of different versions")
    })?;
    if global.json {
        ui::json(answer);
        return Ok(());
    }
    if targets.is_empty() {
        ui::note("no target has carried traffic yet");
        return Ok(());
    }
    targets.sort_by_key(|target| (target.breaker == "closed", rank(target), name(target)));
    let mut table = ui::table(&HEADINGS);
    for target in &targets {
        table.add_row(row(target));
    }
    ui::data(table);
    for target in &targets {
        tell_why(target);
    }
    let out = targets.iter().filter(|target| target.breaker != "closed");
    let summary = format!("{} targets, {} out of service", targets.len(), out.count());
    ui::note(summary.dimmed());
    Ok(())
}

/// The widest first: a host that is down explains what stands on it.
fn rank(target: &Target) -> usize {
    let scopes = ["authority", "account", "key", "endpoint"];
    let place = scopes.iter().position(|scope| *scope == target.scope);
    place.unwrap_or(scopes.len())
}

fn name(target: &Target) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    match target.scope.as_str() {
        "authority" => format!("host {}", word(&target.authority)),
        "account" => format!("account {}", word(&target.account)),
        "key" => format!("key {}", word(&target.lane)),
        _ => format!("{} on {}", word(&target.model), word(&target.lane)),
    }
}

fn row(target: &Target) -> [String; 7] {
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1000.0);
    let first_token = target.first_token_ms.map(|ms| format!("{ms:.0} ms"));
    let back_in = (target.opens_in_ms > 0).then(|| seconds(target.opens_in_ms));
    [
        name(target),
        target.breaker.clone(),
        format!("{:.0} %", target.failure_share * 100.0),
        first_token.unwrap_or_default(),
        target.in_flight.to_string(),
        target.attempts.to_string(),
        back_in.unwrap_or_default(),
    ]
}

/// Sentences do not fit into columns.
fn tell_why(target: &Target) {
    if let Some(alarm) = &target.alarm {
        ui::data(format!(
            "{} {}: {alarm}",
            "alarm:".red().bold(),
            name(target)
        ));
    }
    if let Some(failure) = &target.last_failure {
        let last = format!("{}: last failure: {failure}", name(target));
        ui::data(last.dimmed());
    }
}
