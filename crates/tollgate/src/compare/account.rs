//! The account at OpenRouter, as far as the books are concerned.

use std::sync::Arc;

use tollgate_core::{Failure, FailureKind, Timestamp, Usd};
use tollgate_transport::OpenRouterProvider;
use tollgate_wire::{ActivityRow, Decimal};

use super::{Book, Entry, Figures};
use crate::clock::SystemClock;
use crate::config::{Config, OpenRouter};
use crate::lanes::{self, Network, OwnLanes};

/// Asks OpenRouter what was spent. It spends nothing.
#[derive(Debug, Clone)]
pub struct Account {
    calls: OpenRouterProvider,
    management: Option<OpenRouterProvider>,
}

/// What a key has spent at OpenRouter, in US dollars. Windows are in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeySpend {
    /// In all.
    pub ever: Usd,
    /// Today.
    pub day: Usd,
    /// Since Monday.
    pub week: Usd,
    /// Since the first of the month.
    pub month: Usd,
}

impl Account {
    /// The account of a configuration.
    ///
    /// # Errors
    /// `Configuration` when the address or a key cannot be used.
    pub fn of(config: &Config) -> Result<Self, Failure> {
        let network = Network {
            clock: Arc::new(SystemClock),
            http: None,
            around: None,
            own: OwnLanes::default(),
        };
        let OpenRouter { management_key, .. } = &config.openrouter;
        let management = management_key.clone().filter(|key| !key.is_empty());
        let management = management.map(|key| {
            let mut openrouter = config.openrouter.clone();
            openrouter.api_key = Some(key);
            lanes::openrouter(&openrouter, &network)
        });
        Ok(Self {
            calls: lanes::openrouter(&config.openrouter, &network)?,
            management: management.transpose()?,
        })
    }

    /// Whether there is a management key, which [`activity`](Self::activity) needs.
    pub fn is_managed(&self) -> bool {
        self.management.is_some()
    }

    /// What the account used by UTC day and model: the last 30 days, usually
    /// without today. With the hash of a key, that key's use alone.
    ///
    /// # Errors
    /// `Configuration` without a management key, else as any request.
    pub async fn activity(&self, api_key_hash: Option<&str>) -> Result<Book, Failure> {
        let Some(management) = &self.management else {
            return Err(
                Failure::new(FailureKind::Configuration, "there is no management key")
                    .with_hint("set openrouter.management_key"),
            );
        };
        let mut book = Book::default();
        let rows = management.activity(api_key_hash).await;
        for row in rows.map_err(refused)? {
            let (entry, figures) = read(&row).ok_or_else(|| {
                Failure::new(FailureKind::BadReply, "a row of activity cannot be read")
                    .with("date", row.date.as_deref().unwrap_or("missing"))
                    .with("model", row.model.as_deref().unwrap_or("missing"))
            })?;
            book.add(entry, figures);
        }
        Ok(book)
    }

    /// What the key for calls has spent.
    ///
    /// # Errors
    /// As any request; `BadReply` when the answer does not say.
    pub async fn key(&self) -> Result<KeySpend, Failure> {
        spend(&self.calls).await
    }
}

/// A refusal, with what is to be done about it.
fn refused(failure: Failure) -> Failure {
    match failure.kind() {
        FailureKind::Auth | FailureKind::ContentPolicy => Failure::new(
            FailureKind::Auth,
            "OpenRouter refuses openrouter.management_key",
        )
        .with_hint("a key for calls will not do: make a management key in OpenRouter's settings")
        .with_source(failure),
        _ => failure,
    }
}

/// What the key of a provider has spent.
pub(super) async fn spend(openrouter: &OpenRouterProvider) -> Result<KeySpend, Failure> {
    let key = openrouter.key().await?;
    let read = |amount: &Option<Decimal>| amount.as_ref().and_then(usd);
    let spend = || {
        Some(KeySpend {
            ever: read(&key.usage)?,
            day: read(&key.usage_daily)?,
            week: read(&key.usage_weekly)?,
            month: read(&key.usage_monthly)?,
        })
    };
    spend().ok_or_else(|| {
        Failure::new(
            FailureKind::BadReply,
            "the upstream does not say what the key has spent",
        )
    })
}

fn read(row: &ActivityRow) -> Option<(Entry, Figures)> {
    let date = row.date.as_deref()?.get(..10)?;
    let entry = Entry {
        day: Timestamp::parse_date(date)?.day(),
        model: row.model.clone().or_else(|| row.model_permaslug.clone())?,
    };
    let byok = row.byok_usage_inference.as_ref();
    let figures = Figures {
        credits: usd(row.usage.as_ref()?)?,
        provider: byok.map_or(Some(Usd::ZERO), usd)?,
        requests: row.requests,
        prompt: row.prompt_tokens,
        output: row.completion_tokens,
        ..Figures::default()
    };
    Some((entry, figures))
}

fn usd(amount: &Decimal) -> Option<Usd> {
    Usd::parse_rounded(amount.as_str()).ok()
}
