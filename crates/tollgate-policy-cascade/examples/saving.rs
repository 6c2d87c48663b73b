//! What a cascade would have saved on recorded outcomes, by how often its judge
//! errs: `cargo run -p tollgate-policy-cascade --example saving -- DIR`.
//!
//! Quality and cost of each model are its means over the table. A judge that
//! errs in a share `e` of its judgements accepts a good answer with 1 − e and a
//! bad one with e, whatever the answer; sums are of expected values.

#![expect(clippy::print_stdout, reason = "an example speaks to a terminal")]

use std::path::PathBuf;
use std::sync::Arc;

use tollgate_core::{Candidate, RoutingPolicy, Usd};
use tollgate_policy_cascade::{Cascade, CascadeConfig};
use tollgate_policy_quality::BestQuality;
use tollgate_route_eval::{Priced, read_table, tables_in};
use tollgate_testkit::builders::profile;

const ERRORS: [f64; 5] = [0.0, 0.05, 0.1, 0.2, 0.3];

/// Means of a table, or of one row of it.
#[derive(Clone, Copy, Default)]
struct Figures {
    quality: f64,
    dollars: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder: PathBuf = arguments.next().ok_or("give a folder of outcomes")?.into();
    let left_out: Vec<String> = arguments.collect();
    for file in tables_in(&folder)? {
        report(&Priced::of(&read_table(&file)?, &left_out)?);
    }
    Ok(())
}

fn report(table: &Priced) {
    let rows = 0..table.outcomes.rows.len();
    let means: Vec<Figures> = (0..table.outcomes.models.len())
        .map(|model| mean(rows.clone().map(|row| figures(table, row, model))))
        .collect();
    let (first, second) = chosen(&means);
    let name = |model: usize| &table.outcomes.models[model].name;
    println!("{} ({} rows): {}", table.name, rows.len(), name(second));
    let Some(first) = first else {
        println!("  nobody is tried first");
        return;
    };
    println!("  {} is tried first", name(first));
    for error in ERRORS {
        let cascade = mean(rows.clone().map(|row| {
            let [one, two] = [first, second].map(|model| figures(table, row, model));
            let good = one.quality * (1.0 - error);
            let rejected = 1.0 - good - (1.0 - one.quality) * error;
            Figures {
                quality: good + rejected * two.quality,
                dollars: one.dollars + rejected * two.dollars,
            }
        }));
        println!(
            "  errs {:2.0} %: quality {:+.3}, cost {:+.0} %",
            100.0 * error,
            cascade.quality - means[second].quality,
            100.0 * (cascade.dollars / means[second].dollars - 1.0),
        );
    }
}

/// The model on trial, if there is one, and the choice.
fn chosen(means: &[Figures]) -> (Option<usize>, usize) {
    let candidates: Vec<Candidate> = (0..)
        .zip(means)
        .map(|(place, mean)| {
            let mut candidate = Candidate::neutral(place);
            candidate.quality.mean = mean.quality as f32;
            candidate.quality.error = 0.0;
            candidate.failure_share = 0.0;
            candidate.expected = Usd::from_nanos((mean.dollars * 1e9) as i64);
            candidate
        })
        .collect();
    let base = Arc::new(BestQuality::default());
    let cascade = Cascade::new(CascadeConfig::default(), base);
    let ranking = cascade.rank(&profile(), &candidates);
    let first = ranking.trial().map(|ranked| ranked.place as usize);
    (first, ranking.choices()[0].place as usize)
}

fn figures(table: &Priced, row: usize, model: usize) -> Figures {
    let row = &table.outcomes.rows[row];
    Figures {
        quality: row.q[model].unwrap_or_default().into(),
        dollars: table.cost(row, model),
    }
}

fn mean(all: impl ExactSizeIterator<Item = Figures>) -> Figures {
    let count = all.len() as f64;
    let sum = all.fold(Figures::default(), |sum, one| Figures {
        quality: sum.quality + one.quality,
        dollars: sum.dollars + one.dollars,
    });
    Figures {
        quality: sum.quality / count,
        dollars: sum.dollars / count,
    }
}
