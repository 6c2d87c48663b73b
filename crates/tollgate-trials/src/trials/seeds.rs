//! Random worlds, one for each seed, in which all promises are checked.

mod promises;
mod world;

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use super::Settings;
use crate::report::{Report, Row};
use crate::rig::Error;
use crate::trace::Digest;
use world::World;

/// Every so many seeds one is run again, which must give the same trace.
const AGAIN: u64 = 20;

/// Violations that are shown; the rest is counted.
const SHOWN: usize = 50;

/// What became of one world.
#[derive(Clone, Debug, Default)]
struct Finding {
    seed: u64,
    calls: usize,
    answered: usize,
    left: usize,
    attempts: usize,
    /// In virtual time.
    took: Duration,
    violations: Vec<String>,
    digest: Digest,
    /// The lines of its trace.
    lines: Vec<String>,
    /// Whether it was run a second time.
    repeated: bool,
}

pub(super) fn run(settings: Settings) -> Result<Report, Error> {
    let mut findings = all(settings)?;
    let mut report = report(settings, &findings);
    let digests = findings.iter().map(|world| world.digest);
    report.digest = Some(Digest::of_all(digests));
    if let [finding] = findings.as_mut_slice() {
        report.trace = std::mem::take(&mut finding.lines);
    }
    let violations = findings.into_iter().flat_map(|finding| finding.violations);
    report.violations = violations.take(SHOWN).collect();
    Ok(report)
}

fn report(settings: Settings, findings: &[Finding]) -> Report {
    let sum = |figure: fn(&Finding) -> usize| findings.iter().map(figure).sum::<usize>();
    let calls = sum(|world| world.calls);
    let answered = (sum(|world| world.answered), calls - sum(|world| world.left));
    let attempts = sum(|world| world.attempts) as f64 / calls as f64;
    let twice = sum(|world| world.repeated.into());
    let broken = sum(|world| world.violations.len());
    let time = findings.iter().map(|world| world.took).sum();
    settings.report(vec![
        Row::count("worlds", findings.len()),
        Row::count("worlds that are run twice", twice),
        Row::time("virtual time in them", Some(time)),
        Row::count("calls", calls),
        Row::share("callers who stay and are answered", answered),
        Row::ratio("attempts per call", Some(attempts)),
        Row::count("broken promises", broken).none(),
    ])
}

/// Runs all worlds, on all processors.
fn all(settings: Settings) -> Result<Vec<Finding>, Error> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let shares: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || share(settings, worker, workers)))
            .collect();
        let mut findings = Vec::new();
        for share in shares {
            let found = share.join().unwrap_or_else(|panic| resume_unwind(panic));
            findings.extend(found?);
        }
        findings.sort_by_key(|finding| finding.seed);
        Ok(findings)
    })
}

/// Runs every so many worlds, which is one worker's share.
fn share(settings: Settings, first: usize, step: usize) -> Result<Vec<Finding>, Error> {
    let worlds = (0..settings.calls).skip(first).step_by(step);
    let run = |number: u32| {
        let mut finding = one(settings.seed.wrapping_add(number.into()))?;
        if settings.calls > 1 {
            finding.lines.clear();
        }
        Ok(finding)
    };
    worlds.map(run).collect()
}

/// Runs the world of a seed, some of them twice.
fn one(seed: u64) -> Result<Finding, Error> {
    let mut finding = World::of(seed).run()?;
    if seed.is_multiple_of(AGAIN) {
        let again = World::of(seed).run()?;
        finding.repeated = true;
        if again.digest != finding.digest {
            let differs = difference(&finding.lines, &again.lines);
            finding.violations.push(differs);
        }
    }
    for violation in &mut finding.violations {
        *violation = format!(
            "seed {seed}: {violation} (again: cargo xtask sim seeds --seed {seed} --calls 1 --trace)"
        );
    }
    Ok(finding)
}

/// The first lines in which two traces differ.
fn difference(first: &[String], second: &[String]) -> String {
    let same = first
        .iter()
        .zip(second)
        .take_while(|(first, second)| first == second)
        .count();
    let line = |lines: &[String]| lines.get(same).map_or("its end", String::as_str).to_owned();
    format!(
        "line {} of the trace is at first\n      {}\n    and at the second run\n      {}\n   ",
        same + 1,
        line(first),
        line(second)
    )
}
