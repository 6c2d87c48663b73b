//! Memory and files of the gateway while it runs.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::bench_server::BenchError;
use crate::bench_server::child::Measured;

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// What was seen at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// Seconds since the first look.
    pub(super) at: f64,
    /// Resident memory in MiB.
    pub(super) resident: f64,
    /// Files and sockets that are open.
    pub(super) files: usize,
}

/// Looks again and again until that moment.
pub(super) async fn until(gateway: &Measured, until: Instant) -> Result<Vec<Look>, BenchError> {
    let begun = Instant::now();
    let mut looks = Vec::new();
    let mut next = begun;
    while next < until {
        sleep_until(next).await;
        next += EVERY;
        looks.push(Look {
            at: begun.elapsed().as_secs_f64(),
            resident: gateway.resident()?,
            files: gateway.open_files()?,
        });
    }
    Ok(looks)
}

/// By how many MiB memory grows in ten minutes: the slope of the line that fits
/// best, by least squares.
#[expect(clippy::cast_precision_loss, reason = "thousands of looks at most")]
pub(super) fn slope(looks: &[Look]) -> f64 {
    const TEN_MINUTES: f64 = 600.0;
    let count = looks.len() as f64;
    let mean = |of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / count;
    let (at, resident) = (mean(|look| look.at), mean(|look| look.resident));
    let together = looks
        .iter()
        .map(|look| (look.at - at) * (look.resident - resident));
    let alone = looks.iter().map(|look| (look.at - at).powi(2));
    together.sum::<f64>() / alone.sum::<f64>() * TEN_MINUTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_told_for_ten_minutes() {
        let look = |at: f64, resident: f64| Look {
            at,
            resident,
            files: 0,
        };
        let check = |looks: &[Look], expected: f64| {
            let found = slope(looks);
            assert!((found - expected).abs() < 1e-9, "{found}");
        };
        check(&[look(0.0, 5.0), look(60.0, 5.0), look(120.0, 5.0)], 0.0);
        check(&[look(0.0, 5.0), look(60.0, 6.0), look(120.0, 7.0)], 10.0);
    }
}
