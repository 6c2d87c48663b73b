//! What came of it, for people.

use std::fmt;
use std::time::Duration;

use super::load::Steady;
use super::slow::Crowd;
use super::watch::{Look, slope};
use crate::bench_server::quantile::Times;

pub(super) struct Report {
    pub(super) minutes: u64,
    pub(super) rate: u32,
    pub(super) load: Steady,
    pub(super) slow: Crowd,
    pub(super) memory: Vec<Look>,
    pub(super) cpu: Duration,
    /// Whether the gateway ended well when it was told to.
    pub(super) ended_well: bool,
    pub(super) verified: String,
}

impl Report {
    /// The looks after the first third, in which caches and pools fill.
    fn warm(&self) -> &[Look] {
        let (_, warm) = self.memory.split_at(self.memory.len() / 3);
        warm
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { load, slow, .. } = self;
        let (direct, gateway) = (quantiles(&load.direct), quantiles(&load.gateway));
        writeln!(
            f,
            "| {} min at {}/s | |\n|---|---|",
            self.minutes, self.rate
        )?;
        writeln!(f, "| answered | {} |", load.answered)?;
        writeln!(f, "| failed | {} |", load.failed)?;
        writeln!(f, "| p50, p99 of the simulator, ms | {} |", shown(direct))?;
        writeln!(f, "| p50, p99 of the gateway, ms | {} |", shown(gateway))?;
        let added = (gateway.0 - direct.0, gateway.1 - direct.1);
        writeln!(f, "| added at p50, p99, ms | {} |", shown(added))?;
        let warm = self.warm();
        let resident = |look: Option<&Look>| look.map_or(f64::NAN, |look| look.resident);
        let (first, last) = (resident(warm.first()), resident(warm.last()));
        writeln!(
            f,
            "| memory after a third, at the end, MiB | {first:.1}, {last:.1} |"
        )?;
        writeln!(f, "| its slope, MiB in 10 min | {:+.2} |", slope(warm))?;
        let files = warm.iter().map(|look| look.files);
        let (least, most) = (files.clone().min(), files.max());
        let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
        writeln!(f, "| open files, least and most | {least}, {most} |")?;
        writeln!(f, "| CPU time, s | {:.1} |", self.cpu.as_secs_f64())?;
        if slow.callers > 0 {
            let longest = slow.longest.as_secs_f64();
            writeln!(
                f,
                "| slow callers at once; sent away; borne at most, s | {}; {}; {longest:.1} |",
                slow.callers, slow.closed
            )?;
        }
        let ended = if self.ended_well { "well" } else { "BADLY" };
        writeln!(f, "| ended | {ended} |\n\n{}", self.verified)?;
        load.failures
            .iter()
            .try_for_each(|why| writeln!(f, "failed: {why}"))
    }
}

/// The median and the 99th percentile, in milliseconds.
fn quantiles(times: &Times) -> (f64, f64) {
    let mut times = times.clone();
    let mut quantile = |percent| {
        times
            .quantile(percent)
            .map_or(f64::NAN, |micros| micros / 1e3)
    };
    (quantile(50), quantile(99))
}

fn shown((median, slowest): (f64, f64)) -> String {
    format!("{median:.1}, {slowest:.1}")
}
