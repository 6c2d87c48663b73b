//! Keys of the server's callers: made, listed, revoked.

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde::Serialize;
use serde_json::json;
use tollgate::{Clock, Config, KeyRing, StoreKind, SystemClock, Timestamp};
use tollgate_keys::{
    Expiry, KeyBook, KeyBudget, KeyConfig, KeyStore, KeyStoreError, KeyTable, ModelPattern, NewKey,
    NoRandomness, Pepper,
};

use crate::args::{CreateKeyArgs, Global, KeysCommand};
use crate::exit::{Trouble, code};
use crate::{config, ledgers, ui};

pub(crate) async fn run(command: KeysCommand, global: &Global) -> Result<(), Trouble> {
    let config = config::load(global)?;
    let ring = KeyRing::open(&config.ledger).await?;
    let (place, store) = (ring.place(), ring.store());
    match command {
        KeysCommand::Create(args) => create(args, &config, &ring, global).await,
        KeysCommand::List => list(&config, place, store, global).await,
        KeysCommand::Revoke { name } => {
            if config.keys.contains_key(&name) {
                let message = format!("keys.{name} stands in the configuration");
                return Err(Trouble::new(code::USAGE, message)
                    .with_hint("remove its table there, or set `disabled = true` in it"));
            }
            store.revoke(&name).await?;
            ui::note(format!(
                "{name} is revoked in {place}; running servers refuse it when they have read it"
            ));
            Ok(())
        }
    }
}

async fn create(
    args: CreateKeyArgs,
    config: &Config,
    ring: &KeyRing,
    global: &Global,
) -> Result<(), Trouble> {
    let name = args.name.clone();
    let (place, store) = (ring.place(), ring.store());
    let pepper = tollgate::pepper(config);
    let mut kept = store.load().await?;
    kept.extend(config.keys.clone());
    if kept.contains_key(&name) {
        return Err(KeyStoreError::Exists(name).into());
    }
    let key = new_key(&kept)?;
    let hash = key.digest().hash(pepper.as_ref());
    let table = KeyConfig {
        hash: Some(hash.clone()),
        ..table_of(args)
    };
    check(&name, &table, pepper)?;
    if config.ledger.store != StoreKind::Postgres {
        ledgers::make_folder(&config.ledger)?;
    }
    store.create(&name, &table).await?;
    if global.json {
        ui::json(&json!({
            "name": name,
            "key": key.text().reveal(),
            "prefix": key.prefix().to_string(),
            "hash": hash,
        }));
    } else {
        ui::data(key.text().reveal());
    }
    ui::note(format!("{name} is kept in {place}, as {hash}"));
    ui::note("the key itself is not kept and not shown again: copy it now".yellow());
    Ok(())
}

/// A key that does not begin like another one.
fn new_key(kept: &BTreeMap<String, KeyConfig>) -> Result<NewKey, NoRandomness> {
    loop {
        let key = NewKey::generate()?;
        if kept.values().all(|one| one.prefix() != Some(key.prefix())) {
            return Ok(key);
        }
    }
}

fn table_of(args: CreateKeyArgs) -> KeyConfig {
    KeyConfig {
        expires: args.expires,
        models: args.models,
        policies: args.policies,
        budget: args.budget,
        requests_per_minute: args.rpm,
        tokens_per_minute: args.tpm,
        max_concurrent: args.max_concurrent,
        criticality: args.criticality,
        team: args.team,
        admin: args.admin,
        ..KeyConfig::default()
    }
}

/// What a server would say of it when it starts is said before it is kept.
fn check(name: &str, table: &KeyConfig, pepper: Option<Pepper>) -> Result<(), Trouble> {
    let table = KeyTable {
        origin: "the command line".into(),
        keys: BTreeMap::from([(name.to_owned(), table.clone())]),
    };
    let checked = KeyBook::build(pepper, vec![table]);
    checked
        .map(|_| ())
        .map_err(|error| Trouble::new(code::USAGE, error.to_string()))
}

async fn list(
    config: &Config,
    place: &str,
    store: &dyn KeyStore,
    global: &Global,
) -> Result<(), Trouble> {
    let (mut keys, now) = (store.load().await?, SystemClock.now());
    keys.extend(config.keys.clone());
    let rows: Vec<_> = keys
        .iter()
        .map(|(name, key)| Row::new(name, key, now))
        .collect();
    if global.json {
        ui::json(&rows);
        return Ok(());
    }
    if rows.is_empty() {
        ui::note(format!(
            "no keys in {place} yet; `tollgate keys create NAME` makes one"
        ));
        return Ok(());
    }
    let mut table = ui::table(&[
        "name", "key", "state", "expires", "req/min", "tok/min", "at once", "budget", "models",
    ]);
    for row in &rows {
        table.add_row(row.cells());
    }
    ui::data(table);
    Ok(())
}

/// A key as it is listed: nothing of it that opens anything.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    prefix: Option<String>,
    state: &'static str,
    expires: Option<Expiry>,
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u64>,
    max_concurrent: Option<u32>,
    budget: Option<KeyBudget>,
    models: &'a [ModelPattern],
    policies: &'a [String],
    criticality: String,
    team: Option<&'a str>,
    byok: bool,
    admin: bool,
}

impl<'a> Row<'a> {
    fn new(name: &'a str, key: &'a KeyConfig, now: Timestamp) -> Self {
        let is_over = key.expires.is_some_and(|Expiry(at)| at <= now);
        Self {
            name,
            prefix: key.prefix().map(|prefix| prefix.to_string()),
            state: match (key.disabled, is_over) {
                (true, _) => "disabled",
                (_, true) => "expired",
                _ => "active",
            },
            expires: key.expires,
            requests_per_minute: key.requests_per_minute,
            tokens_per_minute: key.tokens_per_minute,
            max_concurrent: key.max_concurrent,
            budget: key.budget,
            models: &key.models,
            policies: &key.policies,
            criticality: key.criticality.to_string(),
            team: key.team.as_deref(),
            byok: key.byok,
            admin: key.admin,
        }
    }

    fn cells(&self) -> [String; 9] {
        let models: Vec<_> = self.models.iter().map(ToString::to_string).collect();
        [
            self.name.to_owned(),
            self.prefix.clone().unwrap_or_default(),
            self.state.to_owned(),
            or(self.expires, "never"),
            or(self.requests_per_minute, "-"),
            or(self.tokens_per_minute, "-"),
            or(self.max_concurrent, "-"),
            or(self.budget, "-"),
            or(
                Some(models.join(", ")).filter(|text| !text.is_empty()),
                "all",
            ),
        ]
    }
}

fn or(value: Option<impl ToString>, nothing: &str) -> String {
    value.map_or_else(|| nothing.to_owned(), |value| value.to_string())
}

impl From<KeyStoreError> for Trouble {
    fn from(error: KeyStoreError) -> Self {
        let code = match error {
            KeyStoreError::Exists(_) | KeyStoreError::Unknown { .. } => code::USAGE,
            KeyStoreError::Open { .. } | KeyStoreError::Damaged { .. } => code::CONFIGURATION,
            _ => code::LEDGER,
        };
        let cause = std::error::Error::source(&error);
        let cause = cause.map(|cause| format!("\n  cause: {cause}"));
        Self::new(code, format!("{error}{}", cause.unwrap_or_default()))
    }
}

impl From<NoRandomness> for Trouble {
    fn from(error: NoRandomness) -> Self {
        Self::new(code::DEFECT, error.to_string())
    }
}
