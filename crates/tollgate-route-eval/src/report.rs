//! Everything about one table, and how it is printed.

use std::fmt;

use serde::Serialize;
use tollgate_router_learned::{Outcomes, TrainConfig};

use crate::bandit::{Bandit, Thompson, bandit};
use crate::cold::{Cold, cold_start};
use crate::pgr::{Pgr, gap_recovered};
use crate::score::{GUARDED, Score, ScoreConfig, Scores, score};
use crate::{
    EvalError, Forecast, Interval, Priced, Split, Table, folds, forecast, holm, tasks_left_out,
};

/// Rows that a task must have to be tested as an unseen one.
const LEAST_UNSEEN: usize = 200;
/// Seeds of the bandit's stream.
const BANDIT_SEEDS: u64 = 100;

/// All figures of a table.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the table.
    pub table: String,
    /// Rows that are like those trained on, then each task that was not.
    pub scores: Vec<Scores>,
    /// The gap between two models; empty of more.
    pub gap: Vec<Pgr>,
    /// Models that were not trained on; absent of few.
    pub cold: Option<Cold>,
    /// A stream with feedback; absent of two models.
    pub bandit: Option<Bandit>,
}

/// What a table is evaluated on.
#[derive(Debug, Clone)]
pub struct EvalConfig {
    /// Names of models that are no candidates.
    pub left_out: Vec<String>,
    /// Folds of the table.
    pub folds: usize,
    /// Most rows that are trained on; all when absent.
    pub labels: Option<usize>,
    /// How the router is trained.
    pub train: TrainConfig,
    /// How figures are taken.
    pub score: ScoreConfig,
}

/// Evaluates a table on folds of its own, and on each of its tasks left out.
///
/// # Errors
/// [`EvalError`] when there is too little in it.
pub fn evaluate(table: &Table, config: &EvalConfig) -> Result<Report, EvalError> {
    let EvalConfig {
        train,
        score: figures,
        ..
    } = config;
    let priced = Priced::of(table, &config.left_out)?;
    let splits = |outcomes: &Outcomes| -> Vec<Split> {
        let splits = folds(outcomes, config.folds, figures.seed).into_iter();
        splits
            .map(|split| split.with_at_most(config.labels, outcomes, figures.seed))
            .collect()
    };
    let seen = forecast(&priced, &splits(&priced.outcomes), train)?;
    let mut report = Report::of(table, &seen, figures);
    for split in tasks_left_out(&priced.outcomes, LEAST_UNSEEN) {
        let split = split.with_at_most(config.labels, &priced.outcomes, figures.seed);
        let name = format!("{} without {}", table.name, split.name);
        let unseen = forecast(&priced, &[split], train)?;
        report.scores.push(score(&name, &unseen, figures));
    }
    report.cold = cold_start(table, &splits(&table.outcomes), figures.seed, train)?;
    if priced.outcomes.models.len() > 2 {
        report.bandit = Some(bandit(&priced, BANDIT_SEEDS));
    }
    Ok(report)
}

impl Report {
    /// The figures of one set of test rows.
    pub fn of(table: &Table, forecast: &Forecast, config: &ScoreConfig) -> Self {
        Self {
            table: table.name.clone(),
            scores: vec![score(&table.name, forecast, config)],
            gap: gap_recovered(forecast, config),
            cold: None,
            bandit: None,
        }
    }
}

/// Where a guarded router is worse than the fixed choice, its whole interval
/// below 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Worse {
    /// Rows, figure and difference, in words.
    pub what: String,
    /// Whether it is so by more than chance among all that was compared.
    pub is_sure: bool,
}

/// Where the guarded router is worse than the fixed choice in AIQ or accuracy,
/// of all that the reports compare.
pub fn worse_than_fixed(reports: &[Report]) -> Vec<Worse> {
    let scores = reports.iter().flat_map(|report| &report.scores);
    let compared: Vec<(String, Interval)> = scores.flat_map(over_fixed).collect();
    let differences: Vec<Interval> = compared.iter().map(|(_, over)| *over).collect();
    let sure = holm::below_zero(&differences);
    let all = compared.into_iter().zip(sure);
    all.filter(|((_, over), is_sure)| over.high < 0.0 || *is_sure)
        .map(|((figure, over), is_sure)| Worse {
            what: format!("{figure} {}", Signed(over)),
            is_sure,
        })
        .collect()
}

fn over_fixed(scores: &Scores) -> Vec<(String, Interval)> {
    let Some(guarded) = scores.method(GUARDED) else {
        return Vec::new();
    };
    let figure = |name| format!("{}: {name}", scores.name);
    vec![
        (figure("AIQ"), guarded.over_fixed),
        (figure("accuracy"), guarded.accuracy_over_fixed),
    ]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scores
            .iter()
            .try_for_each(|scores| write_scores(f, scores))?;
        for pgr in &self.gap {
            let Pgr {
                method,
                apgr,
                cpt50,
                cpt80,
            } = pgr;
            let (half, most) = (100.0 * cpt50, 100.0 * cpt80);
            writeln!(
                f,
                "  {method:<17} APGR {}  CPT50 {half:.1} %  CPT80 {most:.1} %",
                Plain(*apgr)
            )?;
        }
        if let Some(cold) = &self.cold {
            write_cold(f, cold)?;
        }
        if let Some(bandit) = &self.bandit {
            write_bandit(f, bandit)?;
        }
        Ok(())
    }
}

fn write_scores(f: &mut fmt::Formatter<'_>, scores: &Scores) -> fmt::Result {
    let Scores {
        name,
        rows,
        models,
        best_single,
        zero_router,
        random,
        ..
    } = scores;
    writeln!(f, "{name}: {rows} rows, {models} models")?;
    writeln!(
        f,
        "  best single {:.4}, zero router {zero_router:.4}, random {:.4}, Brier {:.4} (means {:.4}), decision p50 {:.1} µs, p99 {:.1} µs",
        best_single.quality,
        random.quality,
        scores.brier,
        scores.brier_of_means,
        scores.decision_us[0],
        scores.decision_us[1],
    )?;
    for method in &scores.methods {
        write_method(f, method)?;
    }
    for (mode, point) in &scores.modes {
        writeln!(
            f,
            "  mode {mode:<12} {:.4} at ${:.3} per 1,000",
            point.quality,
            1e3 * point.cost
        )?;
    }
    Ok(())
}

fn write_method(f: &mut fmt::Formatter<'_>, score: &Score) -> fmt::Result {
    let saved = score.saved.map(|saved| match saved {
        Some(saved) => Percent(saved).to_string(),
        None => "–".to_owned(),
    });
    writeln!(
        f,
        "  {:<17} accuracy {:.4}  AIQ {}  saved {} %",
        score.method,
        score.accuracy.value,
        Plain(score.aiq),
        saved.join("/"),
    )?;
    if score.over_fixed.low < score.over_fixed.high {
        writeln!(
            f,
            "  {:<17} over fixed: AIQ {}, accuracy {}",
            "",
            Signed(score.over_fixed),
            Signed(score.accuracy_over_fixed)
        )?;
    }
    Ok(())
}

fn write_cold(f: &mut fmt::Formatter<'_>, cold: &Cold) -> fmt::Result {
    writeln!(
        f,
        "  cold start: {} models, {} answers: Brier {:.4} (score alone {:.4}, trained {:.4}), AUC {:.4} ({:.4}, {:.4})",
        cold.models,
        cold.answers,
        cold.brier,
        cold.brier_of_score,
        cold.brier_if_trained,
        cold.auc,
        cold.auc_of_score,
        cold.auc_if_trained,
    )
}

fn write_bandit(f: &mut fmt::Formatter<'_>, bandit: &Bandit) -> fmt::Result {
    writeln!(
        f,
        "  bandit: {} steps, {} seeds: best fixed {:.4}, best by kind {:.4}, random {}, scores {}",
        bandit.steps,
        bandit.seeds,
        bandit.best_fixed,
        bandit.best_by_kind,
        bandit.random,
        bandit.scores,
    )?;
    for of_daring in bandit.thompson.chunk_by(|a, b| a.daring == b.daring) {
        write!(f, "  Thompson, daring {:.1}:", of_daring[0].daring)?;
        for Thompson { prior, reward, .. } in of_daring {
            write!(f, "  prior {prior} {reward}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// `0.5641 (0.5480–0.5800)`.
struct Plain(Interval);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval {
            value, low, high, ..
        } = self.0;
        match low < high {
            true => write!(f, "{value:.4} ({low:.4}–{high:.4})"),
            false => write!(f, "{value:.4}"),
        }
    }
}

/// `34 (12–51)` of a share.
struct Percent(Interval);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval {
            value, low, high, ..
        } = self.0;
        // Adding 0 takes the sign off what rounds to -0.
        let [value, low, high] = [value, low, high].map(|share| (100.0 * share).round() + 0.0);
        let to = if low < 0.0 { " to " } else { "–" };
        match self.0.low < self.0.high {
            true => write!(f, "{value} ({low}{to}{high})"),
            false => write!(f, "{value}"),
        }
    }
}

/// `+0.0123 (-0.0010 to +0.0250)`.
struct Signed(Interval);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval {
            value, low, high, ..
        } = self.0;
        write!(f, "{value:+.4} ({low:+.4} to {high:+.4})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Interval, Percent};

    #[test]
    fn a_saving_is_told_in_percent_with_its_interval_where_one_was_taken() {
        let check = |[value, low, high]: [f64; 3], expected: &str| {
            let saved = Interval {
                value,
                low,
                high,
                error: 0.0,
            };
            assert_eq!(Percent(saved).to_string(), expected);
        };
        check([0.344, 0.12, 0.508], "34 (12–51)");
        check([0.09, -0.6, 0.15], "9 (-60 to 15)");
        check([-0.001, -0.001, -0.001], "0");
    }
}
