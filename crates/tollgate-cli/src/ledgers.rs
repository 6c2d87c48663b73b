//! Which ledger file a command writes, and which files a report reads.
//!
//! A SQLite ledger belongs to one process at a time. Commands that run at the
//! same time take a file of their own beside the usual one, and reports add
//! the files up; a path that the user has set is taken as it is.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate::{
    Config, Failure, Gateway, LedgerCheck, LedgerConfig, LedgerOpenError, Observer, StoreKind,
    UsageQuery, UsageRow,
};

use crate::config;
use crate::exit::{Trouble, code};
use crate::otel::propagating;

/// Most commands that can run at the same time.
const MOST: usize = 16;

/// A gateway on the first ledger that no other process holds.
pub(crate) async fn open(config: Config, observer: Arc<dyn Observer>) -> Result<Gateway, Trouble> {
    if config.ledger.store == StoreKind::Sqlite {
        make_folder(&config.ledger)?;
    }
    let mut paths = paths(&config);
    if !config.budgets.is_empty() {
        // They are spent from one ledger only.
        paths.truncate(1);
    }
    loop {
        let mut config = config.clone();
        let path = paths.remove(0);
        config.ledger.path = path;
        let propagates = config.telemetry.propagate_upstream;
        let mut builder = Gateway::builder(config).observer(observer.clone());
        if propagates {
            builder = builder.around_http(propagating);
        }
        match builder.build().await {
            Err(failure) if is_in_use(&failure) && !paths.is_empty() => {}
            opened => return Ok(opened?),
        }
    }
}

/// Makes the folder of a ledger in a file, which is that of the file of keys too.
pub(crate) fn make_folder(ledger: &LedgerConfig) -> Result<(), Trouble> {
    let folder = ledger.path.parent();
    let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        let folder = folder.display();
        let message = format!("cannot make {folder}, the folder of the ledger: {error}");
        Trouble::new(code::LEDGER, message)
            .with_hint("set ledger.path, or XDG_DATA_HOME, to where files may be written")
    })
}

/// Sums over all ledgers of a configuration.
pub(crate) async fn usage(config: &Config, query: &UsageQuery) -> Result<Vec<UsageRow>, Trouble> {
    let mut sums = BTreeMap::<Vec<String>, UsageRow>::new();
    for path in paths(config) {
        let mut config = config.clone();
        config.ledger.path = path;
        let rows = tollgate::usage(&config, query).await;
        for row in rows.map_err(|error| Trouble::new(code::LEDGER, error.to_string()))? {
            sums.entry(row.key.clone()).or_default().merge(&row);
        }
    }
    let rows = sums.into_iter().map(|(key, row)| UsageRow { key, ..row });
    let mut rows: Vec<UsageRow> = rows.collect();
    // Stable, so equal costs stay in the order of their keys.
    rows.sort_by_key(|row| Reverse(row.cost()));
    Ok(rows)
}

/// Verifies all ledgers of a configuration that there are.
pub(crate) async fn verify(config: &Config) -> Result<Vec<(String, LedgerCheck)>, Trouble> {
    let mut found = Vec::new();
    for path in paths(config) {
        let mut config = config.clone();
        let name = match config.ledger.store {
            StoreKind::Postgres => format!("schema {}", config.ledger.schema),
            _ => path.display().to_string(),
        };
        config.ledger.path = path;
        let check = tollgate::verify(&config).await?;
        found.extend(check.map(|check| (name, check)));
    }
    Ok(found)
}

/// The usual file and its siblings `ledger-2.db`, `ledger-3.db` …
fn paths(config: &Config) -> Vec<PathBuf> {
    let first = config.ledger.path.clone();
    if config.ledger.store != StoreKind::Sqlite || config::default_ledger() != Some(first.clone()) {
        return vec![first];
    }
    let sibling = |number| first.with_file_name(format!("ledger-{number}.db"));
    std::iter::once(first.clone())
        .chain((2..=MOST).map(sibling))
        .collect()
}

fn is_in_use(failure: &Failure) -> bool {
    let cause = failure.source().and_then(|source| source.downcast_ref());
    matches!(cause, Some(LedgerOpenError::InUse { .. }))
}

/// The file name that siblings are numbered after.
pub(crate) fn in_folder(folder: &Path) -> PathBuf {
    folder.join("ledger.db")
}
