//! The sums of a report, made one attempt at a time and in a wider type.

use rusqlite::Connection;
use tollgate_core::{CallId, TokenUsage, UsageQuery, UsageRow, Usd};

use super::accounts::Attempt;
use crate::sqlite::report;
use crate::{Difference, Verified};

#[derive(Default)]
pub(super) struct Sums {
    last: Option<CallId>,
    calls: i128,
    pub(super) attempts: i128,
    failed: i128,
    credits: i128,
    provider: i128,
    unresolved: i128,
    failover: i128,
    tokens: [i128; TokenUsage::CLASSES.len()],
}

impl Sums {
    /// Attempts of a call come one after the other.
    pub(super) fn add(&mut self, attempt: &Attempt) {
        let failed = matches!(attempt.ended.as_str(), "failed" | "cut");
        self.calls += i128::from(self.last.replace(attempt.key.0) != Some(attempt.key.0));
        self.attempts += 1;
        self.failed += i128::from(failed);
        for (sum, count) in self.tokens.iter_mut().zip(attempt.tokens) {
            *sum += i128::from(count);
        }
        let booked = &attempt.booked;
        let (credits, provider) = (i128::from(booked.credits), i128::from(booked.provider));
        match booked.source.as_deref() {
            None => {}
            Some("worst_case") => self.unresolved += credits + provider,
            Some(_) => {
                self.credits += credits;
                self.provider += provider;
                if failed || matches!(attempt.ended.as_str(), "outrun" | "rejected") {
                    self.failover += credits + provider;
                }
            }
        }
    }

    /// Compares them with what the store reports.
    pub(super) fn compare(
        &self,
        connection: &Connection,
        verified: &mut Verified,
    ) -> rusqlite::Result<()> {
        let rows = report::usage(connection, &UsageQuery::default())?;
        let reported = rows.into_iter().next().unwrap_or_default();
        for ((figure, attempts), (_, report)) in figures(&self.row()?).zip(figures(&reported)) {
            if attempts != report {
                verified.differs(Difference::Report {
                    figure,
                    attempts,
                    report,
                });
            }
        }
        Ok(())
    }

    /// In the types of a report, whose ends are the same.
    fn row(&self) -> rusqlite::Result<UsageRow> {
        Ok(UsageRow {
            key: Vec::new(),
            calls: UsageRow::count(self.calls),
            attempts: UsageRow::count(self.attempts),
            failed: UsageRow::count(self.failed),
            tokens: TokenUsage::of_counts(|class| {
                Ok::<_, rusqlite::Error>(UsageRow::count(self.tokens[class]))
            })?,
            credits: Usd::from_nanos_i128(self.credits),
            provider: Usd::from_nanos_i128(self.provider),
            unresolved: Usd::from_nanos_i128(self.unresolved),
            failover: Usd::from_nanos_i128(self.failover),
        })
    }
}

fn figures(row: &UsageRow) -> impl Iterator<Item = (&'static str, i128)> + use<> {
    let counts = [
        ("calls", row.calls),
        ("attempts", row.attempts),
        ("failed", row.failed),
    ];
    let amounts = [
        ("credits", row.credits),
        ("provider", row.provider),
        ("unresolved", row.unresolved),
        ("failover", row.failover),
    ];
    let tokens = TokenUsage::CLASSES.into_iter().zip(row.tokens.counts());
    let counts = counts.into_iter().chain(tokens);
    let counts = counts.map(|(figure, count)| (figure, i128::from(count)));
    let amounts = amounts.map(|(figure, amount)| (figure, i128::from(amount.nanos())));
    counts.chain(amounts)
}

#[cfg(test)]
mod tests {
    use tollgate_core::LedgerEvent;
    use tollgate_testkit::builders;

    use super::*;
    use crate::Durability;
    use crate::sqlite::rows::Row;
    use crate::sqlite::{append, open};

    #[test]
    fn figures_that_attempts_do_not_add_up_to_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let mut opened = open::writable(&path, Durability::Default).unwrap();
        let settled = LedgerEvent::Settle {
            facts: builders::facts(1),
            record: builders::record(1, "a/one", 1),
            windows: [].into(),
        };
        append::append(&mut opened, vec![Row::of(&settled)]).unwrap();

        let mut verified = Verified::default();
        let nothing = Sums::default();
        nothing.compare(&opened.connection, &mut verified).unwrap();
        let figures = verified.differences.iter().map(ToString::to_string);
        let expected = [
            "report: calls is 1, attempts add up to 0",
            "report: attempts is 1, attempts add up to 0",
            "report: input is 10, attempts add up to 0",
            "report: output is 20, attempts add up to 0",
            "report: credits is 1, attempts add up to 0",
        ];
        assert_eq!(figures.collect::<Vec<_>>(), expected);
        let json = serde_json::to_value(&verified.differences[4]).unwrap();
        let expected = serde_json::json!({
            "in": "report", "figure": "credits", "attempts": 0, "report": 1
        });
        assert_eq!(json, expected);
    }
}
