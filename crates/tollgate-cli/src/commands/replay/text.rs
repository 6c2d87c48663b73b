//! A replay as text for people.

use std::fmt::Write;

use comfy_table::CellAlignment;
use owo_colors::OwoColorize;
use tollgate::{Move, ReplayReport, Shift, Usd};

use crate::ui::{self, dollars, percent, signed_dollars};

/// Most routes that are shown.
const ROUTES: usize = 15;

const ASSUMED: &str = "\
Assumed: every model uses the tokens that were used, cached ones and output
included; every target is healthy; failed attempts cost what they cost.";

pub(super) fn report(report: &ReplayReport) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {} calls under {}, by the catalog of {}\n",
        "replay".bold(),
        report.calls,
        report.policy.cyan(),
        report.catalog_as_of,
    );
    money(&mut text, report);
    if let Some(quality) = &report.quality {
        let _ = writeln!(text, "  quality             {}", shift_of_quality(quality));
    }
    if let Some(latency) = &report.latency_ms {
        let _ = writeln!(
            text,
            "  expected time       {:.1} s → {:.1} s a call",
            latency.old / 1_000.0,
            latency.new / 1_000.0
        );
    }
    moves(&mut text, report);
    left_out(&mut text, report);
    let _ = write!(text, "\n{}", ASSUMED.dimmed());
    text
}

fn money(text: &mut String, report: &ReplayReport) {
    let sums = &report.compared;
    let total = sums.difference.total();
    let rows = [
        ("cost", format!("{:>14}", dollars(sums.actual))),
        (
            "under the policy",
            format!("{:>14}", dollars(sums.replayed)),
        ),
        (
            "difference",
            format!(
                "{:>14}  {}{}",
                signed_dollars(total),
                if total > Usd::ZERO { "+" } else { "" },
                percent(total, sums.actual)
            ),
        ),
    ];
    for (name, figure) in rows {
        let _ = writeln!(text, "  {name:<18} {}", figure.bold());
    }
    let parts = [
        ("choosing otherwise", sums.difference.choice),
        ("prices changed since", sums.difference.prices),
        (
            "failover, and bills unlike the price list",
            sums.difference.serving,
        ),
    ];
    for (name, part) in parts.into_iter().filter(|(_, part)| *part != Usd::ZERO) {
        let part = format!("{:>14}  {name}", signed_dollars(part));
        let _ = writeln!(text, "  {:<18} {}", "", part.dimmed());
    }
}

fn shift_of_quality(quality: &Shift) -> String {
    format!(
        "{:.3} → {:.3} ({:+.3}), measured for {} calls",
        quality.old,
        quality.new,
        quality.new - quality.old,
        quality.calls
    )
}

fn moves(text: &mut String, report: &ReplayReport) {
    let _ = writeln!(
        text,
        "\n{} of {} calls would go elsewhere",
        report.moved, report.compared.calls
    );
    if report.moves.is_empty() {
        return;
    }
    let mut table = ui::table(&["from", "to", "calls", "saved"]);
    let (shown, others) = report.moves.split_at(report.moves.len().min(ROUTES));
    for one in shown {
        table.add_row(row(one));
    }
    if !others.is_empty() {
        let calls: u64 = others.iter().map(|one| one.calls).sum();
        let saved: Usd = others.iter().map(|one| one.saved).sum();
        let rest = format!("{} more routes", others.len());
        table.add_row([rest, String::new(), calls.to_string(), money_saved(saved)]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let _ = writeln!(text, "{table}");
}

fn row(one: &Move) -> [String; 4] {
    let route = &one.route;
    let on = |model: &str, lane: &str| match route.from_lane == route.to_lane {
        true => model.to_owned(),
        false => format!("{model} on {lane}"),
    };
    [
        on(route.from.as_str(), route.from_lane.as_str()),
        on(route.to.as_str(), route.to_lane.as_str()),
        one.calls.to_string(),
        money_saved(one.saved),
    ]
}

/// Below zero is dearer.
fn money_saved(saved: Usd) -> String {
    match saved.is_negative() {
        true => signed_dollars(saved),
        false => dollars(saved),
    }
}

fn left_out(text: &mut String, report: &ReplayReport) {
    let counts = [
        (
            report.named,
            "named their model, so that no policy chose; --named lets it choose",
        ),
        (
            report.retired,
            "went to a model that the catalog no longer has; priced as then",
        ),
        (
            report.unlooked,
            "were chosen without a look at the prompt: not read by the learned router in use",
        ),
        (
            report.unanswered,
            "got no answer, or one of unknown cost; left out",
        ),
    ];
    for (calls, what) in counts.into_iter().filter(|(calls, _)| *calls > 0) {
        let _ = writeln!(text, "{calls} calls {what}");
    }
    for unserved in &report.unserved {
        let _ = writeln!(
            text,
            "{} calls could not have been served; left out, they cost {}: {}",
            unserved.calls,
            dollars(unserved.actual),
            unserved.reason
        );
    }
}
