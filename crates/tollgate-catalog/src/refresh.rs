//! The background refresh: when the next one is due.

use std::time::Duration;

use tollgate_core::{Catalog, CatalogSource};

use crate::ModelCatalog;

/// Refreshes for ever. Results and failures go to the observer.
pub(crate) async fn run(catalog: ModelCatalog, seed: u64) {
    let interval = catalog.config().interval();
    let mut jitter = Jitter(seed);
    let mut failures = 0;
    let mut wait = first_wait(interval, &catalog);
    loop {
        tokio::time::sleep(wait).await;
        failures = match catalog.refresh().await {
            Ok(_) => 0,
            Err(_) => failures + 1,
        };
        wait = jitter.vary(next_wait(interval, failures));
    }
}

/// Nothing to wait for, unless the list was fetched a moment ago, by another
/// process or by this one.
fn first_wait(interval: Duration, catalog: &ModelCatalog) -> Duration {
    match catalog.view().source() {
        CatalogSource::Embedded => Duration::ZERO,
        _ => interval.saturating_sub(catalog.age()),
    }
}

/// The interval; after failures one minute, doubled each time, at most the interval.
fn next_wait(interval: Duration, failures: u32) -> Duration {
    const SOON: Duration = Duration::from_secs(60);
    match failures {
        0 => interval,
        _ => SOON
            .saturating_mul(1 << (failures - 1).min(16))
            .min(interval),
    }
}

/// Seeded variation of ±10 %, by splitmix64.
struct Jitter(u64);

impl Jitter {
    fn vary(&mut self, wait: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let share = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
        wait.mul_f64(0.9 + 0.2 * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_vary_by_a_tenth_and_repeat_with_their_seed() {
        let waits = |seed| {
            let mut jitter = Jitter(seed);
            [(); 200].map(|()| jitter.vary(Duration::from_secs(100)))
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        let range = Duration::from_secs(90)..=Duration::from_secs(110);
        assert!(waits(7).iter().all(|wait| range.contains(wait)));
        assert!(
            waits(7).iter().any(|wait| wait.as_secs() < 95)
                && waits(7).iter().any(|wait| wait.as_secs() > 105)
        );
    }

    #[test]
    fn failures_come_back_sooner_but_never_later_than_usual() {
        let minutes = [0, 1, 2, 3, 4, 5, 40]
            .map(|failures| next_wait(Duration::from_secs(900), failures).as_secs() / 60);
        assert_eq!(minutes, [15, 1, 2, 4, 8, 15, 15]);
    }
}
