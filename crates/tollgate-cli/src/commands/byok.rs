//! The user's own keys of providers, stored at OpenRouter. A key comes in by standard input or a
//! variable, goes to OpenRouter, and is never printed.

use std::io::{BufRead, IsTerminal};

use owo_colors::OwoColorize;
use serde::Serialize;
use tollgate::{
    ApiKey, ByokKey, Config, Failure, FailureKind, NewByokKey, OpenRouterConfig, OpenRouterProvider,
};

use crate::args::{AddByokArgs, ByokCommand, Global};
use crate::exit::{Trouble, code};
use crate::{config, key, ui};

pub(crate) async fn run(command: ByokCommand, global: &Global) -> Result<(), Trouble> {
    let openrouter = managed(&config::load(global)?)?;
    match command {
        ByokCommand::List => list(&openrouter, global).await,
        ByokCommand::Add(args) => add(args, &openrouter, global).await,
        ByokCommand::Disable { id } => {
            let key = openrouter.disable_byok_key(&id).await;
            changed(&key.map_err(|failure| trouble(failure, Some(&id)))?, global);
            Ok(())
        }
        ByokCommand::Enable { id } => {
            let key = openrouter.enable_byok_key(&id).await;
            changed(&key.map_err(|failure| trouble(failure, Some(&id)))?, global);
            Ok(())
        }
        ByokCommand::Remove { id } => {
            let removed = openrouter.remove_byok_key(&id).await;
            removed.map_err(|failure| trouble(failure, Some(&id)))?;
            if global.json {
                ui::json(&serde_json::json!({ "id": id, "removed": true }));
            }
            ui::note(format!("{id} is removed from OpenRouter"));
            Ok(())
        }
    }
}

/// OpenRouter, asked with the management key.
fn managed(config: &Config) -> Result<OpenRouterProvider, Trouble> {
    let openrouter = &config.openrouter;
    let key = openrouter.management_key.clone();
    let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
        Trouble::new(code::CONFIGURATION, "there is no management key").with_hint(
            "make a management key in OpenRouter's settings, and set OPENROUTER_MANAGEMENT_KEY or \
             openrouter.management_key to it; a key for calls will not do",
        )
    })?;
    let config = OpenRouterConfig {
        api_key: Some(key),
        base_url: openrouter.base_url.clone(),
        timers: openrouter.timers,
        connection: openrouter.connection.clone(),
        ..OpenRouterConfig::default()
    };
    OpenRouterProvider::new(config)
        .map_err(|error| Trouble::new(code::CONFIGURATION, error.to_string()))
}

async fn list(openrouter: &OpenRouterProvider, global: &Global) -> Result<(), Trouble> {
    let keys = openrouter.byok_keys().await;
    let keys = keys.map_err(|failure| trouble(failure, None))?;
    let rows: Vec<_> = keys.iter().map(Row::of).collect();
    if global.json {
        ui::json(&rows);
        return Ok(());
    }
    if rows.is_empty() {
        ui::note("no keys are stored yet; `tollgate byok add PROVIDER` stores one");
        return Ok(());
    }
    let mut table = ui::table(&["id", "provider", "key", "name", "used", "models"]);
    for row in &rows {
        table.add_row(row.cells());
    }
    ui::data(table);
    Ok(())
}

async fn add(
    args: AddByokArgs,
    openrouter: &OpenRouterProvider,
    global: &Global,
) -> Result<(), Trouble> {
    if !args.misplaced.is_empty() {
        return Err(Trouble::new(
            code::USAGE,
            "only the provider stands on the command line, where other programs can see it",
        )
        .with_hint(HOW));
    }
    let mut new = NewByokKey::new(args.provider, key(args.key_env.as_deref())?);
    new.name = args.name;
    new.allowed_models = args.models;
    new.is_fallback = args.fallback;
    new.is_required = args.required;
    let stored = openrouter.add_byok_key(&new).await;
    let stored = stored.map_err(|failure| trouble(failure, None))?;
    changed(&stored, global);
    ui::note("OpenRouter keeps the key and does not show it again".yellow());
    Ok(())
}

const HOW: &str = "pipe the key, `tollgate byok add PROVIDER < FILE`, or name the variable that \
                   has it, `--key-env VARIABLE`; a key that was typed is better made anew";

/// The key, from a variable or from standard input.
fn key(variable: Option<&str>) -> Result<ApiKey, Trouble> {
    match variable {
        Some(name) => key::of_variable(name).map_err(|trouble| trouble.with_hint(HOW)),
        None => key::read(&line()?, "standard input").map_err(|trouble| trouble.with_hint(HOW)),
    }
}

/// The first line of standard input.
fn line() -> Result<String, Trouble> {
    let input = std::io::stdin();
    if input.is_terminal() {
        ui::note("paste the key and end the line; it stays on the screen");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    Ok(line)
}

/// Prints what is told of a key that was stored or changed.
fn changed(key: &ByokKey, global: &Global) {
    let row = Row::of(key);
    if global.json {
        ui::json(&row);
    } else {
        ui::data(format!("{}  {}  {}", row.id, row.label, row.used()));
    }
}

/// A stored key as it is printed: chosen fields, whatever else the answer has.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    provider: &'a str,
    label: &'a str,
    name: Option<&'a str>,
    disabled: bool,
    is_fallback: bool,
    is_required: bool,
    is_byok_only: bool,
    allowed_models: Option<&'a [String]>,
    created_at: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(key: &'a ByokKey) -> Self {
        Self {
            id: key.id.as_deref().unwrap_or_default(),
            provider: key.provider.as_deref().unwrap_or_default(),
            label: key.label.as_deref().unwrap_or_default(),
            name: key.name.as_deref(),
            disabled: key.disabled,
            is_fallback: key.is_fallback,
            is_required: key.is_required,
            is_byok_only: key.is_byok_only,
            allowed_models: key.allowed_models.as_deref(),
            created_at: key.created_at.as_deref(),
        }
    }

    /// When it is used.
    fn used(&self) -> &'static str {
        match self {
            Self { disabled: true, .. } => "never: disabled",
            Self {
                is_required: true, ..
            }
            | Self {
                is_byok_only: true, ..
            } => "always",
            Self {
                is_fallback: true, ..
            } => "last",
            _ => "first",
        }
    }

    fn cells(&self) -> [String; 6] {
        let models = self.allowed_models.filter(|models| !models.is_empty());
        [
            self.id.to_owned(),
            self.provider.to_owned(),
            self.label.to_owned(),
            self.name.unwrap_or("-").to_owned(),
            self.used().to_owned(),
            models.map_or_else(|| "all".to_owned(), |models| models.join(", ")),
        ]
    }
}

/// A failure with what is to be done about it. What OpenRouter said is shown: it is about the
/// request, and the key is not in it.
fn trouble(failure: Failure, id: Option<&str>) -> Trouble {
    let kind = failure.kind();
    match (kind, id) {
        (FailureKind::Auth | FailureKind::ContentPolicy, _) => {
            let message = "OpenRouter refuses openrouter.management_key";
            Trouble::new(code::UPSTREAM, message).with_hint(
                "a key for calls will not do: make a management key in OpenRouter's settings",
            )
        }
        (FailureKind::NotFound, Some(id)) => {
            Trouble::new(code::REQUEST, format!("there is no stored key {id}"))
                .with_hint("`tollgate byok list` shows the ids")
        }
        _ => {
            let said = failure
                .detail()
                .map(|detail| format!("\n  OpenRouter said: {detail}"));
            let mut trouble = Trouble::from(failure);
            trouble.message.push_str(&said.unwrap_or_default());
            trouble
        }
    }
}
