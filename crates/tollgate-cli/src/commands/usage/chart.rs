//! Spend per day as bars.

use owo_colors::OwoColorize;
use tollgate::{Dimension, Timestamp, UsageRow, Usd};

use super::sheet::Sheet;
use super::text;

/// A block of each number of eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The shortest room for bars, however narrow the terminal.
const LEAST: usize = 10;

/// One line for each day from the first with use to the last, in `width` columns.
pub(super) fn by_day(sheet: &Sheet, width: usize) -> String {
    let days = filled(&sheet.rows);
    let amounts = days.iter().map(|(_, cost)| format!("${cost}").len());
    let amount_width = amounts.max().unwrap_or(0);
    let dearest = days
        .iter()
        .map(|(_, cost)| *cost)
        .max()
        .unwrap_or(Usd::ZERO);
    let room = width.saturating_sub(10 + 2 + 2 + amount_width).max(LEAST);
    let mut chart = String::new();
    for (day, cost) in &days {
        let bar = bar(*cost, dearest, room);
        let amount = format!("${cost}");
        chart.push_str(&format!("{day}  {}  {amount:>amount_width$}\n", bar.cyan()));
    }
    chart.push_str(&format!("total ${}", sheet.total.cost()));
    chart.push_str(&text::unknown(&sheet.total));
    chart
}

/// The days with their costs, and those between them with none.
fn filled(rows: &[UsageRow]) -> Vec<(String, Usd)> {
    let mut days: Vec<(String, Usd)> = Vec::new();
    for row in rows {
        let Some(day) = row.key.first() else { continue };
        if let Some((last, _)) = days.last() {
            let gap = number(last) + 1..number(day);
            days.extend(gap.map(|day| (Dimension::day(day), Usd::ZERO)));
        }
        days.push((day.clone(), row.cost()));
    }
    days
}

fn number(day: &str) -> i64 {
    Timestamp::parse_date(day).map_or(0, Timestamp::day)
}

/// A bar in eighths of a column, padded to `room`; at least one for any cost.
fn bar(cost: Usd, dearest: Usd, room: usize) -> String {
    let (cost, dearest) = (cost.nanos().max(0), dearest.nanos().max(1));
    let whole = i128::try_from(room * 8).unwrap_or(i128::MAX);
    let eighths = i128::from(cost) * whole / i128::from(dearest);
    let eighths = eighths.max(i128::from(cost > 0));
    let eighths = usize::try_from(eighths).unwrap_or(0).min(room * 8);
    let bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    format!("{bar:<room$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_never_vanish() {
        let bar = |cost, room| super::bar(Usd::from_nanos(cost), Usd::from_nanos(800), room);
        assert_eq!(bar(800, 4), "████");
        assert_eq!(bar(400, 4), "██  ");
        assert_eq!(bar(450, 4), "██▎ ");
        assert_eq!(bar(1, 4), "▏   ");
        assert_eq!(bar(0, 4), "    ");
        assert_eq!(super::bar(Usd::MAX, Usd::MAX, 3), "███");
    }
}
