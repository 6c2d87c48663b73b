//! Aider's polyglot leaderboard: a YAML list of flat maps, one per run.
//!
//! Of YAML it is read what such lists are made of: `- key: value` and
//! `key: value`, a line each. Anything else is an error, never a guess.

use std::collections::BTreeMap;

use tollgate_core::{Task, Timestamp};

use super::Reading;

/// The share of cases solved with one look at the failing tests.
const SHARE: &str = "pass_rate_2";

pub(super) fn read(text: &str) -> Result<Vec<Reading>, String> {
    let runs = runs(text)?;
    runs.iter().map(reading).collect()
}

type Run<'t> = BTreeMap<&'t str, &'t str>;

fn reading(run: &Run<'_>) -> Result<Reading, String> {
    let name = *run.get("model").ok_or("a run names no model")?;
    let figure = |key: &str| -> Result<f64, String> {
        let text = run.get(key).ok_or_else(|| format!("{name}: no {key}"))?;
        let figure: f64 = text
            .parse()
            .map_err(|_| format!("{name}: {key} = {text:?} is no number"))?;
        Ok(figure)
    };
    let (share, cases) = (figure(SHARE)? / 100.0, figure("test_cases")?);
    if !(0.0..=1.0).contains(&share) || cases < 1.0 {
        return Err(format!("{name}: {SHARE} of test_cases is no share"));
    }
    Ok(Reading {
        name: name.to_owned(),
        task: Task::Code,
        mean: share,
        error: binomial_error(share, cases),
        date: run.get("date").and_then(|date| Timestamp::parse_date(date)),
    })
}

/// Standard error of a share of so many cases. One success and one failure are
/// added (Laplace), so that none of ten is not surely none.
fn binomial_error(share: f64, cases: f64) -> f64 {
    let smoothed = (share * cases + 1.0) / (cases + 2.0);
    (smoothed * (1.0 - smoothed) / (cases + 2.0)).sqrt()
}

fn runs(text: &str) -> Result<Vec<Run<'_>>, String> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let bare = line.trim_end();
        if bare.is_empty() || bare.trim_start().starts_with('#') {
            continue;
        }
        let pair = match (bare.strip_prefix("- "), bare.strip_prefix("  ")) {
            (Some(first), _) => {
                runs.push(Run::new());
                first
            }
            (None, Some(more)) => more,
            (None, None) => return Err(format!("line {number} is no part of a list of maps")),
        };
        let (key, value) = pair
            .split_once(':')
            .filter(|(key, _)| !key.is_empty() && !key.starts_with(' '))
            .ok_or_else(|| format!("line {number} is no `key: value`"))?;
        let run = runs
            .last_mut()
            .ok_or_else(|| format!("line {number} stands before the first item"))?;
        run.insert(key, unquoted(value.trim()));
    }
    Ok(runs)
}

fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_that_of_so_many_cases() {
        assert!((binomial_error(0.5, 225.0) - 0.0332).abs() < 1e-4);
        assert!(binomial_error(0.0, 10.0) > 0.05);
        assert!(binomial_error(0.5, 2_250.0) < binomial_error(0.5, 225.0));
    }

    #[test]
    fn what_is_no_list_of_flat_maps_is_refused_with_its_line() {
        for (text, problem) in [
            ("model: x", "line 1 is no part of a list of maps"),
            ("  model: x", "line 1 stands before the first item"),
            (
                "- model: x\n  nested:\n    a: b",
                "line 3 is no `key: value`",
            ),
            ("- just text", "line 1 is no `key: value`"),
        ] {
            assert_eq!(runs(text).unwrap_err(), problem, "{text}");
        }
    }

    #[test]
    fn values_may_be_quoted_and_hold_colons() {
        let runs = runs("# c\n- model: \"a: b\"\n  date: 2026-01-02\n\n- model: c\n").unwrap();
        assert_eq!(runs[0]["model"], "a: b");
        assert_eq!((runs.len(), runs[1]["model"]), (2, "c"));
    }
}
