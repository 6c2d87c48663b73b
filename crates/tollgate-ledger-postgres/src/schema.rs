//! The tables: their schema, their versions, and one node per name.

use std::cmp::Ordering;

use tokio_postgres::{Client, Transaction};

use crate::{OpenError, PostgresConfig};

/// Each brings the tables from its place in this list to the next version.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_reports.sql"),
    include_str!("migrations/0003_budgets.sql"),
    include_str!("migrations/0004_keys.sql"),
    include_str!("migrations/0005_feedback.sql"),
    include_str!("migrations/0006_habits.sql"),
    include_str!("migrations/0007_generations.sql"),
    include_str!("migrations/0008_carried.sql"),
];

/// First key of all advisory locks of Tollgate: "TGLE" in ASCII.
const LOCKS: i32 = 0x5447_4C45;

/// Checks a schema's name; it is written into statements, which cannot bind names.
pub(crate) fn check_name(schema: &str) -> Result<(), OpenError> {
    let starts = |c: char| c.is_ascii_lowercase() || c == '_';
    let fits = (1..=63).contains(&schema.len())
        && schema.starts_with(starts)
        && schema.chars().all(|c| starts(c) || c.is_ascii_digit());
    if fits {
        return Ok(());
    }
    Err(OpenError::SchemaName(schema.chars().take(80).collect()))
}

/// Takes the node's name for as long as the connection lives.
pub(crate) async fn take_name(client: &Client, config: &PostgresConfig) -> Result<(), OpenError> {
    let name = format!("{}/{}", config.schema, config.node);
    let row = client
        .query_one(
            "SELECT pg_try_advisory_lock($1, hashtext($2))",
            &[&LOCKS, &name],
        )
        .await
        .map_err(OpenError::Prepare)?;
    if row.get(0) {
        return Ok(());
    }
    Err(OpenError::NodeTaken(config.node.clone()))
}

/// Makes the schema and brings its tables up to date. Nodes that start at the
/// same time do this one after the other.
pub(crate) async fn migrate(client: &mut Client, schema: &str) -> Result<(), OpenError> {
    let transaction = client.transaction().await.map_err(OpenError::Prepare)?;
    let found = prepare(&transaction, schema)
        .await
        .map_err(OpenError::Prepare)?;
    let known = known();
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS).filter(|(v, _)| *v > found) {
        apply(&transaction, version, migration)
            .await
            .map_err(OpenError::Prepare)?;
    }
    transaction.commit().await.map_err(OpenError::Prepare)
}

/// Checks that the tables can be read as they are.
pub(crate) async fn check_version(client: &Client, schema: &str) -> Result<(), OpenError> {
    let table = format!("\"{schema}\".schema_version");
    let exists = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])
        .await
        .map_err(OpenError::Prepare)?;
    if !exists.get::<_, bool>(0) {
        return Err(OpenError::Missing(schema.to_owned()));
    }
    let newest = format!("SELECT coalesce(max(version), 0) FROM {table}");
    let row = client
        .query_one(&newest, &[])
        .await
        .map_err(OpenError::Prepare)?;
    let (found, known) = (row.get(0), known());
    match known.cmp(&found) {
        Ordering::Less => Err(OpenError::Newer { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(OpenError::Older { found, known }),
    }
}

/// The newest version of the tables that this program knows.
fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Waits for its turn, then returns the version of the tables, 0 of none.
async fn prepare(
    transaction: &Transaction<'_>,
    schema: &str,
) -> Result<i64, tokio_postgres::Error> {
    transaction
        .execute("SELECT pg_advisory_xact_lock($1, 0)", &[&LOCKS])
        .await?;
    let exists: bool = transaction
        .query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&schema])
        .await?
        .get(0);
    if !exists {
        // Not "if not exists": that asks for the right to create even so.
        let create = format!("CREATE SCHEMA \"{schema}\"");
        transaction.batch_execute(&create).await?;
    }
    let path = format!("SET LOCAL search_path TO \"{schema}\"");
    transaction.batch_execute(&path).await?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_version (
                 version bigint PRIMARY KEY,
                 applied_at timestamptz NOT NULL DEFAULT now()
             )",
        )
        .await?;
    let newest = "SELECT coalesce(max(version), 0) FROM schema_version";
    Ok(transaction.query_one(newest, &[]).await?.get(0))
}

async fn apply(
    transaction: &Transaction<'_>,
    version: i64,
    migration: &str,
) -> Result<(), tokio_postgres::Error> {
    transaction.batch_execute(migration).await?;
    transaction
        .execute(
            "INSERT INTO schema_version (version) VALUES ($1)",
            &[&version],
        )
        .await?;
    Ok(())
}
