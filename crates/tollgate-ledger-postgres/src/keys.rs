//! Keys of callers, that nodes share.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use tollgate_keys::KeyConfig;

use crate::Result;

const LOAD: &str = "SELECT name, config::text FROM keys";

const CREATE: &str = "INSERT INTO keys (name, config) VALUES ($1, $2::text::jsonb)
ON CONFLICT (name) DO NOTHING";

/// Whether a row is what it should be: work may be done twice, and the second
/// time finds what the first one did.
const IS: &str = "SELECT FROM keys WHERE name = $1 AND config = $2::text::jsonb";

const REVOKE: &str = "DELETE FROM keys WHERE name = $1";

const NAMES: &str = "SELECT name FROM keys ORDER BY name";

pub(crate) async fn load(client: &Object) -> Result<BTreeMap<String, KeyConfig>> {
    let statement = client.prepare_cached(LOAD).await?;
    let rows = client.query(&statement, &[]).await?;
    rows.iter()
        .map(|row| {
            let (name, config): (String, &str) = (row.try_get(0)?, row.try_get(1)?);
            let config = serde_json::from_str(config);
            let config = config.map_err(|error| format!("the key {name:?}: {error}"))?;
            Ok((name, config))
        })
        .collect()
}

/// `false` when another key has the name.
pub(crate) async fn create(client: &Object, name: &str, config: &str) -> Result<bool> {
    for sql in [CREATE, IS] {
        let statement = client.prepare_cached(sql).await?;
        if client.execute(&statement, &[&name, &config]).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `None` when it was there, else the names that are.
pub(crate) async fn revoke(client: &Object, name: &str) -> Result<Option<Vec<String>>> {
    let statement = client.prepare_cached(REVOKE).await?;
    if client.execute(&statement, &[&name]).await? > 0 {
        return Ok(None);
    }
    let statement = client.prepare_cached(NAMES).await?;
    let rows = client.query(&statement, &[]).await?;
    let names = rows.iter().map(|row| row.try_get(0));
    Ok(Some(names.collect::<Result<_, _>>()?))
}
