//! The tables of events. The columns of each are written here once: rows are
//! inserted, hashed and verified by this list.

use std::sync::LazyLock;

/// A table of events.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What tells this table's rows from others in the chain.
    pub(super) tag: u8,
    /// What an event's row is made of, in the order of its cells.
    pub(super) columns: &'static [&'static str],
    insert: LazyLock<String>,
}

macro_rules! table {
    ($table:ident, $tag:literal, $name:literal, [$($column:literal),* $(,)?]) => {
        pub(super) static $table: Table = Table {
            name: $name,
            tag: $tag,
            columns: &[$($column),*],
            insert: LazyLock::new(|| $table.write_insert()),
        };
    };
}

#[rustfmt::skip]
table!(HOLD, 1, "hold", [
    "call", "amount_nanos", "at_ms", "caller", "requested", "task", "policy", "tags",
]);

#[rustfmt::skip]
table!(DISPATCH, 2, "dispatch", [
    "call", "attempt", "at_ms", "lane", "billing", "model", "worst_nanos", "windows", "epoch",
]);

table!(NAMED, 3, "named", ["call", "attempt", "generation"]);

#[rustfmt::skip]
table!(TERMINAL, 4, "terminal", [
    "call", "attempt", "kind", "at_ms", "day", "caller", "requested", "task", "policy", "tags",
    "lane", "billing", "wanted", "model", "provider", "generation", "started_ms",
    "first_token_ms", "took_ms", "ended", "failure", "status", "message", "credits_nanos",
    "provider_nanos", "source", "input", "cache_read", "cache_write", "cache_write_1h",
    "audio_input", "output", "reasoning", "audio_output", "image_output", "images",
    "web_searches", "windows",
]);

// The number comes last: it is known only when the row is written.
#[rustfmt::skip]
table!(ADJUST, 5, "adjust", [
    "call", "attempt", "at_ms", "credits_nanos", "provider_nanos", "source", "input",
    "cache_read", "cache_write", "cache_write_1h", "audio_input", "output", "reasoning",
    "audio_output", "image_output", "images", "web_searches", "change_nanos", "windows", "n",
]);

#[rustfmt::skip]
table!(CARRIED, 6, "carried", ["budget", "key", "start_ms", "at_ms", "amount_nanos"]);

/// All tables of events.
pub(super) static TABLES: [&Table; 6] = [&HOLD, &DISPATCH, &NAMED, &TERMINAL, &ADJUST, &CARRIED];

/// Numbers an adjustment after the earlier ones of its attempt; no row when it
/// is there already.
pub(super) static NEXT_ADJUST: LazyLock<String> = LazyLock::new(|| {
    let columns = ADJUST.columns.iter().filter(|column| **column != "n");
    let same: Vec<String> = (1..)
        .zip(columns)
        .map(|(place, column)| format!("{column} IS ?{place}"))
        .collect();
    format!(
        "SELECT (SELECT coalesce(max(n), 0) + 1 FROM adjust WHERE call = ?1 AND attempt = ?2)
         WHERE NOT EXISTS (SELECT 1 FROM adjust WHERE {})",
        same.join(" AND ")
    )
});

impl Table {
    /// Adds a row: the cells, then its number and digest. Does nothing when the
    /// event is there already.
    pub(super) fn insert(&self) -> &str {
        &self.insert
    }

    fn write_insert(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len() + 2)
            .map(|place| format!("?{place}"))
            .collect();
        format!(
            "INSERT INTO {} ({}, seq, digest) VALUES ({}) ON CONFLICT DO NOTHING",
            self.name,
            self.columns.join(", "),
            places.join(", ")
        )
    }
}
