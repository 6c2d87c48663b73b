//! Whether calls with the account's own provider keys cost OpenRouter's fee at
//! the moment: it is due above an allowance of list price in a calendar month.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;
use tollgate_core::{Billing, Dimension, UsageQuery, UsageRow, Usd};
use tollgate_ledger::{Period, StoreKind};

use crate::config::Config;
use crate::gateway::{Gateway, WeakGateway};
use crate::lanes::{self, roads};

/// Whether the fee is in the prices of BYOK lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByokFee {
    /// What is left of the allowance covers the calls to come.
    Covered,
    /// It may not.
    Due,
}

/// The fee as it was last known; due until something was known.
#[derive(Debug)]
pub(crate) struct Fee(AtomicBool);

/// How often what was used is added up.
const EVERY: Duration = Duration::from_secs(3_600);

/// The part of the allowance, in percent, after which the fee is counted: calls
/// between two looks must not exceed what was held for them.
const COUNTED_FROM: i64 = 98;

impl Default for Fee {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Fee {
    pub(crate) fn get(&self) -> ByokFee {
        match self.0.load(Ordering::Relaxed) {
            true => ByokFee::Due,
            false => ByokFee::Covered,
        }
    }

    /// Returns whether that is new.
    fn set(&self, fee: ByokFee) -> bool {
        let is_due = fee == ByokFee::Due;
        self.0.swap(is_due, Ordering::Relaxed) != is_due
    }

    /// Takes the last change back.
    fn unset(&self) {
        self.0.fetch_not(Ordering::Relaxed);
    }
}

/// The task that looks. It ends when it is stopped, or with the gateway.
pub(crate) struct Watch(AbortHandle);

impl Watch {
    /// Looks at once, and from then on every hour; `None` when no lane has the
    /// fee.
    pub(crate) fn start(gateway: &Gateway) -> Option<Self> {
        if !has_byok(&gateway.parts().config) {
            return None;
        }
        let gateway = gateway.downgrade();
        Some(Self(tokio::spawn(run(gateway)).abort_handle()))
    }

    pub(crate) fn stop(&self) {
        self.0.abort();
    }
}

/// Whether the ledger knows what was used before this process.
fn remembers(config: &Config) -> bool {
    config.openrouter.track_usage && config.ledger.store != StoreKind::Memory
}

fn has_byok(config: &Config) -> bool {
    let roads = roads::openrouter(&config.openrouter);
    roads.iter().any(|road| road.billing == Billing::Byok)
}

async fn run(gateway: WeakGateway) {
    while let Some(gateway) = gateway.upgrade() {
        look(&gateway).await;
        drop(gateway);
        sleep(EVERY).await;
    }
}

/// Adds up what was used this month, and puts the fee into the prices or takes
/// it out. When nothing can be learnt the fee counts: the dearer price is safe.
async fn look(gateway: &Gateway) {
    let parts = gateway.parts();
    let Some(ledger) = parts.background.ledger() else {
        return;
    };
    if parts.background.looks_only() || !remembers(&parts.config) {
        return set(gateway, ByokFee::Due).await;
    }
    let query = UsageQuery {
        since: Some(Period::Month.begin(parts.clock.now())),
        by: vec![Dimension::Billing],
        ..UsageQuery::default()
    };
    let fee = match ledger.report_stored(&query).await {
        Ok(rows) => fee(&rows, parts.config.openrouter.byok_allowance),
        Err(failure) => {
            tracing::warn!(%failure, "what BYOK calls have used is not known; the fee is counted");
            ByokFee::Due
        }
    };
    set(gateway, fee).await;
}

async fn set(gateway: &Gateway, fee: ByokFee) {
    // Another configuration must not come between what is read of it and the
    // lanes that are made of that.
    let _turn = gateway.reloading.turn().await;
    let parts = gateway.parts();
    let Some(catalog) = parts.background.catalog() else {
        return;
    };
    if !parts.byok_fee.set(fee) {
        return;
    }
    tracing::info!(?fee, "the fee of BYOK calls");
    if let Err(error) = catalog.set_lanes(lanes::specs(&parts.config, fee)) {
        // Tried again at the next look.
        parts.byok_fee.unset();
        tracing::warn!(%error, "the fee of BYOK calls could not be put into their prices");
    }
}

/// The provider's part of BYOK calls is their list price.
fn fee(rows: &[UsageRow], allowance: Usd) -> ByokFee {
    let byok = rows.iter().find(|row| row.key == [Billing::Byok.as_str()]);
    let used = byok.map_or(Usd::ZERO, |row| row.provider + row.unresolved);
    let used = i128::from(used.nanos()) * 100;
    match used < i128::from(allowance.nanos()) * i128::from(COUNTED_FROM) {
        true => ByokFee::Covered,
        false => ByokFee::Due,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(dollars: i64) -> Vec<UsageRow> {
        let row = |key: &str, dollars: i64| UsageRow {
            key: vec![key.to_owned()],
            provider: Usd::from_nanos(dollars * 1_000_000_000),
            ..UsageRow::default()
        };
        // Direct calls are no business of OpenRouter's.
        vec![row("byok", dollars), row("direct", 1_000_000)]
    }

    #[test]
    fn the_fee_is_due_shortly_before_the_allowance_is_used_up() {
        let allowance = Usd::from_nanos(25_000_000_000_000);
        assert_eq!(fee(&[], allowance), ByokFee::Covered);
        assert_eq!(fee(&used(24_499), allowance), ByokFee::Covered);
        assert_eq!(fee(&used(24_500), allowance), ByokFee::Due);
        assert_eq!(fee(&[], Usd::ZERO), ByokFee::Due);
    }
}
