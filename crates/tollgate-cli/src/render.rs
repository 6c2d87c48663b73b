//! Plans, receipts and reports as text for people.

use std::fmt::Write;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use tollgate::{
    AttemptEnd, AttemptRecord, Cost, Ended, ExplainedCandidate, Explanation, OutputSource,
    QualitySource, Receipt,
};

use crate::ui::{self, dollars};

/// The decision, its reasons, and what was left out.
pub(crate) fn plan(explanation: &Explanation, all: bool) -> String {
    let mut text = String::new();
    let source = match explanation.task_source {
        tollgate::TaskSource::Given => "given",
        tollgate::TaskSource::Profiled => "read off the request",
    };
    let _ = writeln!(
        text,
        "{} {}  policy {}  task {} ({source})  prompt ≈ {} tokens{}",
        "plan".bold(),
        explanation.target.cyan(),
        explanation.policy.bold(),
        explanation.task.bold(),
        explanation.prompt.likely,
        explanation
            .ceiling
            .map(|most| format!("  ceiling {}", dollars(most)))
            .unwrap_or_default(),
    );
    let catalog = &explanation.catalog;
    let _ = writeln!(
        text,
        "{}",
        format!("{} models as of {}", catalog.models, catalog.as_of).dimmed()
    );
    if let Some(look) = &explanation.look {
        let _ = writeln!(text, "{} {look}", "learned".bold());
    }
    let mut table = ui::table(&[
        "", "model", "lane", "expected", "at most", "output", "quality", "time",
    ]);
    for (place, candidate) in explanation.candidates.iter().enumerate() {
        table.add_row(candidate_row(place + 1, candidate));
    }
    let _ = writeln!(text, "{table}");
    // What is said of the endpoints of all is said once.
    let choices: Vec<_> = explanation.candidates.iter().map(endpoints).collect();
    let of_all = choices.first().cloned().flatten();
    let of_all = of_all.filter(|first| choices.iter().all(|choice| choice.as_ref() == Some(first)));
    for ((place, candidate), choice) in explanation.candidates.iter().enumerate().zip(choices) {
        let why = format!("{:>2}  {}", place + 1, candidate.why);
        let _ = writeln!(text, "{}", why.dimmed());
        if let Some(choice) = choice.filter(|_| of_all.is_none()) {
            let _ = writeln!(text, "    {}", choice.dimmed());
        }
    }
    if let Some(choice) = of_all {
        let _ = writeln!(text, "    {}", choice.dimmed());
    }
    let _ = write!(text, "{}", dropped(explanation, all));
    for warning in &explanation.warnings {
        let _ = write!(text, "\n{} {warning}", "warning:".yellow().bold());
    }
    text
}

fn endpoints(candidate: &ExplainedCandidate) -> Option<String> {
    let choice = candidate.endpoints.as_ref()?;
    Some(format!("endpoints: {}", choice.why))
}

fn candidate_row(place: usize, candidate: &ExplainedCandidate) -> Vec<String> {
    let quality = &candidate.quality;
    let guess = if quality.source == QualitySource::Prior {
        "?"
    } else {
        ""
    };
    let assumed = if candidate.output_source == OutputSource::Prior {
        "?"
    } else {
        ""
    };
    let about = if candidate.latency_known { "" } else { "≈" };
    let clamp = candidate
        .clamp
        .map(|limit| format!(" ({limit} tokens)"))
        .unwrap_or_default();
    vec![
        place.to_string(),
        candidate.model.to_string(),
        candidate.lane.to_string(),
        dollars(candidate.expected),
        format!("{}{clamp}", dollars(candidate.worst)),
        format!("{}{assumed}", candidate.output_tokens),
        format!("{:.2}±{:.2}{guess}", quality.mean, quality.error),
        format!("{about}{:.1} s", candidate.latency_ms / 1000.0),
    ]
}

fn dropped(explanation: &Explanation, all: bool) -> String {
    let mut text = String::new();
    let total = explanation.dropped.len();
    if total == 0 {
        return text;
    }
    if all {
        let mut table = ui::table(&["left out", "because"]);
        for one in &explanation.dropped {
            table.add_row([one.model.to_string(), one.reason.to_string()]);
        }
        let _ = write!(text, "{table}");
        return text;
    }
    let mut kinds: Vec<(&'static str, usize, String)> = Vec::new();
    for one in &explanation.dropped {
        match kinds
            .iter_mut()
            .find(|(name, ..)| *name == one.reason.name())
        {
            Some((_, count, _)) => *count += 1,
            None => kinds.push((
                one.reason.name(),
                1,
                format!("{}: {}", one.model, one.reason),
            )),
        }
    }
    kinds.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    let _ = write!(text, "{}", format!("{total} left out").dimmed());
    for (name, count, example) in kinds {
        let name = name.replace('_', " ");
        let _ = write!(
            text,
            "\n  {count:>4}  {name:<20} {}",
            format!("e.g. {example}").dimmed()
        );
    }
    text
}

/// What a call did and cost.
pub(crate) fn receipt(receipt: &Receipt) -> String {
    let mut text = String::new();
    let cost = receipt.cost().unwrap_or(Cost::NOTHING);
    let tokens = receipt.tokens();
    let ended = match receipt.ended {
        Ended::Complete => "complete".green().to_string(),
        other => other.as_str().red().to_string(),
    };
    let _ = writeln!(
        text,
        "{} {}  {ended}",
        "receipt".bold(),
        receipt.facts.call.dimmed()
    );
    for attempt in &receipt.attempts {
        let _ = writeln!(text, "  {}", attempt_line(attempt));
    }
    let reasoning = match tokens.reasoning {
        0 => String::new(),
        count => format!(" ({count} reasoning)"),
    };
    let _ = write!(
        text,
        "  {} {} {}  {} in, {} out{reasoning}  {} ms",
        "cost".bold(),
        format!("${}", cost.amount()).green().bold(),
        format!("({})", cost.source).dimmed(),
        tokens.prompt_total(),
        tokens.output_total(),
        receipt.took_ms,
    );
    if cost.provider > tollgate::Usd::ZERO {
        let _ = write!(
            text,
            "\n  of it ${} to OpenRouter, ${} to the provider",
            cost.credits, cost.provider
        );
    }
    let unresolved = receipt.unresolved();
    if unresolved > tollgate::Usd::ZERO {
        let _ = write!(
            text,
            "\n  and at most ${unresolved} more for attempts whose cost is not known yet"
        );
    }
    text
}

/// One attempt in a line.
pub(crate) fn attempt_line(attempt: &AttemptRecord) -> String {
    let provider = attempt
        .provider()
        .map(|name| format!(" at {name}"))
        .unwrap_or_default();
    let head = format!("{}. {}{provider}", attempt.number, attempt.model());
    match &attempt.end {
        AttemptEnd::Complete => {
            let first = attempt
                .first_token_ms
                .map(|ms| format!(", first token {ms} ms"))
                .unwrap_or_default();
            format!(
                "{head}  {}{first}  {}",
                "answered".green(),
                attempt.billing.dimmed()
            )
        }
        AttemptEnd::Failed {
            kind,
            status,
            message,
        } => {
            let status = status
                .map(|status| format!(" {status}"))
                .unwrap_or_default();
            format!(
                "{head}  {}{status}: {message}  {} ms",
                kind.yellow(),
                attempt.took_ms
            )
        }
        AttemptEnd::Cut { kind, message } => format!("{head}  {} {kind}: {message}", "cut".red()),
        AttemptEnd::Abandoned => format!("{head}  {}", "abandoned".red()),
        AttemptEnd::Outrun => format!("{head}  {}", "outrun".yellow()),
        AttemptEnd::Rejected { message } => format!("{head}  {}: {message}", "rejected".yellow()),
    }
}

/// A receipt with its sums.
pub(crate) fn receipt_json(receipt: &Receipt) -> Value {
    let mut value = json!(receipt);
    value["cost"] = json!(receipt.cost());
    value["total"] = json!(receipt.cost().map(|cost| cost.amount()));
    value["unresolved"] = json!(receipt.unresolved());
    value
}

#[cfg(test)]
mod tests;
