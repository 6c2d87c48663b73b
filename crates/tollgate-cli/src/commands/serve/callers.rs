//! Who may call the server: the keys of the configuration and of the key store.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use tollgate::{Config, Gateway, KeyBook, KeyConfig, KeyRing, SharedLimits};
use tollgate_server::{Callers, WithoutKeys};

use super::watched::{Seen, Watched};
use crate::exit::{Trouble, code};
use crate::ui;

/// The callers of a running server.
pub(super) struct Doorkeeper {
    ring: KeyRing,
    pub(super) callers: Callers,
    pub(super) without_keys: WithoutKeys,
    /// Shares the limits with other nodes, where there are some.
    shared: Option<SharedLimits>,
    in_use: Keys,
    /// A configuration whose keys are to be used and did not work so far.
    wanted: Option<Config>,
    /// The file of the keys made by command, where it is one.
    file: Option<Watched>,
}

/// What a book was made of.
struct Keys {
    config: Config,
    made: BTreeMap<String, KeyConfig>,
}

impl Keys {
    fn are_those_of(&self, config: &Config, made: &BTreeMap<String, KeyConfig>) -> bool {
        self.config.keys == config.keys
            && self.config.server.key_pepper == config.server.key_pepper
            && self.made == *made
    }
}

impl Doorkeeper {
    /// Reads the keys, and adds what they may spend to the budgets.
    pub(super) async fn open(config: &mut Config, listen: SocketAddr) -> Result<Self, Trouble> {
        let ring = KeyRing::open(&config.ledger).await?;
        let is_file = ring.limits().is_none();
        let file = is_file.then(|| Watched::new(PathBuf::from(ring.place())).that_may_be_gone());
        let made = ring.made().await?;
        let book = ring.book_of(config, made.clone())?;
        let in_use = Keys {
            config: config.clone(),
            made,
        };
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
            in_use,
            wanted: None,
            file,
        })
    }

    /// Goes by the keys of this configuration from the next
    /// [`take_over`](Self::take_over) on, if they work.
    pub(super) fn want(&mut self, config: &Config) {
        self.wanted = Some(config.clone());
    }

    /// Whether keys made by command are in a database, which tells nobody of
    /// changes.
    pub(super) fn reads_a_database(&self) -> bool {
        self.file.is_none()
    }

    /// Looks at the file of keys made by command, where it is one.
    pub(super) fn look(&mut self) -> Option<Seen> {
        self.file.as_mut().map(Watched::look)
    }

    /// Reads the keys made by command and goes by them and by those of the
    /// configuration from now on, when they are others than those in use.
    ///
    /// # Errors
    /// When keys cannot be read or do not work. Those made by command are taken
    /// over all the same if they work beside the configured ones in use: a key
    /// that was revoked must not wait until a file is mended.
    pub(super) async fn take_over(&mut self, gateway: &Gateway) -> Result<(), Trouble> {
        let made = self.ring.made().await?;
        let Some(wanted) = self.wanted.take() else {
            let config = self.in_use.config.clone();
            return self.go_by(config, made, gateway).await;
        };
        let taken = self.go_by(wanted.clone(), made.clone(), gateway).await;
        if taken.is_err() {
            self.wanted = Some(wanted);
            let config = self.in_use.config.clone();
            self.go_by(config, made, gateway).await?;
        }
        taken
    }

    async fn go_by(
        &mut self,
        config: Config,
        made: BTreeMap<String, KeyConfig>,
        gateway: &Gateway,
    ) -> Result<(), Trouble> {
        if self.in_use.are_those_of(&config, &made) {
            return Ok(());
        }
        let book = self.ring.book_of(&config, made.clone())?;
        // Before the keys that are to spend from them are good.
        if let Err(failure) = gateway.set_key_budgets(book.budgets()).await {
            let off = self.set_beside(gateway, &config, made).await?;
            return Err(Trouble::from(failure).with_hint(off.join("; ")));
        }
        self.set(book).await;
        self.in_use = Keys { config, made };
        ui::note("the keys of callers were taken over");
        Ok(())
    }

    /// Goes by keys whose budgets cannot be taken over at the moment, but for
    /// those that have such a budget: they are off, and it is told which.
    async fn set_beside(
        &self,
        gateway: &Gateway,
        config: &Config,
        made: BTreeMap<String, KeyConfig>,
    ) -> Result<Vec<String>, Trouble> {
        let budgets = gateway.config().budgets;
        let (book, warnings) = self.ring.book_beside(&budgets, config, made)?;
        self.set(book).await;
        Ok(warnings)
    }

    async fn set(&self, book: KeyBook) {
        self.callers.set(book);
        if let Some(shared) = &self.shared {
            shared.share(&self.callers.book()).await;
        }
    }

    /// Gives back what was not used of shared limits.
    pub(super) async fn stop(self) {
        if let Some(shared) = self.shared {
            shared.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tollgate::Loader;
    use tollgate_keys::NewKey;

    use super::*;

    fn key() -> KeyConfig {
        KeyConfig {
            hash: Some(NewKey::generate().unwrap().digest().hash(None)),
            ..KeyConfig::default()
        }
    }

    fn names(doorkeeper: &Doorkeeper) -> Vec<String> {
        let book = doorkeeper.callers.book();
        let mut names: Vec<_> = book
            .entries()
            .map(|entry| entry.caller().to_string())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn keys_are_compared_with_those_that_the_book_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Loader::new()
            .with_environment(Vec::new())
            .with_key("catalog.offline", "true")
            .load()
            .unwrap();
        config.ledger.path = folder.path().join("usage.db");
        let started = config.clone();
        let listen = "127.0.0.1:0".parse().unwrap();
        let mut doorkeeper = Doorkeeper::open(&mut config, listen).await.unwrap();
        // Made after the keys were read and before anybody follows them.
        doorkeeper
            .ring
            .store()
            .create("early", &key())
            .await
            .unwrap();
        let gateway = Gateway::builder(config).build().await.unwrap();
        doorkeeper.take_over(&gateway).await.unwrap();
        assert_eq!(names(&doorkeeper), ["early"]);

        // A configured key that does not work keeps no other one from being
        // taken over, and is taken over when it does.
        let mut wanted = started.clone();
        wanted.keys.insert("ci".into(), KeyConfig::default());
        doorkeeper.want(&wanted);
        doorkeeper
            .ring
            .store()
            .create("late", &key())
            .await
            .unwrap();
        let trouble = doorkeeper.take_over(&gateway).await.unwrap_err();
        assert!(trouble.hint.unwrap().contains("keys.ci"));
        assert_eq!(names(&doorkeeper), ["early", "late"]);
        wanted.keys.insert("ci".into(), key());
        doorkeeper.want(&wanted);
        doorkeeper.take_over(&gateway).await.unwrap();
        assert_eq!(names(&doorkeeper), ["ci", "early", "late"]);
        doorkeeper.ring.store().revoke("early").await.unwrap();
        doorkeeper.take_over(&gateway).await.unwrap();
        assert_eq!(names(&doorkeeper), ["ci", "late"]);
    }
}
