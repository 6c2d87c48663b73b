//! Who may call the server: the keys of the configuration and of the key store.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use tollgate::{Config, KeyBook, KeyConfig, KeyRing, SharedLimits};
use tollgate_server::{Callers, WithoutKeys};

use crate::exit::{Trouble, code};

/// The callers of a running server.
pub(super) struct Doorkeeper {
    ring: KeyRing,
    pub(super) callers: Callers,
    pub(super) without_keys: WithoutKeys,
    /// Shares the limits with other nodes, where there are some.
    shared: Option<SharedLimits>,
    /// The keys of a database, as they were last read.
    made: Option<BTreeMap<String, KeyConfig>>,
}

impl Doorkeeper {
    /// Reads the keys, and adds what they may spend to the budgets.
    pub(super) async fn open(config: &mut Config, listen: SocketAddr) -> Result<Self, Trouble> {
        let ring = KeyRing::open(&config.ledger).await?;
        let book = ring.book(config).await?;
        config.budgets.extend(book.budgets());
        let without_keys = match listen.ip().is_loopback() {
            true => WithoutKeys::ThisMachine,
            false => WithoutKeys::Nobody,
        };
        if book.is_empty() && without_keys == WithoutKeys::Nobody {
            return Err(Trouble::new(
                code::USAGE,
                format!("{listen} can be reached by others, and there are no keys for callers"),
            )
            .with_hint("make one with `tollgate keys create NAME`, or listen on 127.0.0.1"));
        }
        let shared = ring.limits().map(SharedLimits::start);
        if let Some(shared) = &shared {
            shared.share(&book).await;
        }
        Ok(Self {
            ring,
            callers: Callers::new(book),
            without_keys,
            shared,
            made: None,
        })
    }

    /// Reads the keys anew for a configuration, which gets their budgets.
    /// Nothing changes before [`take_over`](Self::take_over).
    pub(super) async fn read(&self, config: &mut Config) -> Result<KeyBook, Trouble> {
        let book = self.ring.book(config).await?;
        config.budgets.extend(book.budgets());
        Ok(book)
    }

    /// Goes by other keys from now on.
    pub(super) async fn take_over(&self, book: KeyBook) {
        self.callers.set(book);
        if let Some(shared) = &self.shared {
            shared.share(&self.callers.book()).await;
        }
    }

    /// The file in which keys are kept, where it is one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let is_file = self.ring.limits().is_none();
        is_file.then(|| PathBuf::from(self.ring.place()))
    }

    /// Whether the keys of a database are others than when it was last asked,
    /// which tells nobody of changes. What cannot be read has not changed.
    pub(super) async fn have_changed(&mut self) -> bool {
        if self.file().is_some() {
            return false;
        }
        match self.ring.store().load().await {
            Ok(made) if Some(&made) != self.made.as_ref() => {
                let is_first = self.made.replace(made).is_none();
                !is_first
            }
            _ => false,
        }
    }

    /// Gives back what was not used of shared limits.
    pub(super) async fn stop(self) {
        if let Some(shared) = self.shared {
            shared.stop().await;
        }
    }
}
