//! Configuration and keys that change while the server runs.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tollgate::{Config, Gateway, LedgerConfig};

use super::callers::Doorkeeper;
use super::watched::{Seen, Watched};
use crate::args::Global;
use crate::exit::Trouble;
use crate::{config, ui};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How often keys are read that are kept in a database, which tells nobody of
/// changes.
const READ_KEYS: Duration = Duration::from_secs(10);

/// The configuration of a running server.
pub(super) struct Configuration<'a> {
    global: &'a Global,
    file: Option<Watched>,
    /// The configured ledger. The one in use can be another, when this one was
    /// held by another process.
    ledger: LedgerConfig,
}

impl<'a> Configuration<'a> {
    /// Reads it, to be followed from this moment on.
    pub(super) fn read(global: &'a Global) -> Result<(Self, Config), Trouble> {
        let file = config::file(global).map(Watched::new);
        let config = config::load(global)?;
        let configuration = Self {
            global,
            file,
            ledger: config.ledger.clone(),
        };
        Ok((configuration, config))
    }

    /// Takes configuration and keys over whenever their files change or the
    /// process is told to (SIGHUP). The two do not wait for each other: keys
    /// change while the configuration does not work, and the other way round.
    /// What does not work is told, once, and tried again until it does; what
    /// was in use stays.
    pub(super) async fn follow(mut self, gateway: &Gateway, doorkeeper: &mut Doorkeeper) {
        let mut asked = Asked::listen();
        let mut looks = interval_at(Instant::now() + LOOK, LOOK);
        let mut reads = interval_at(Instant::now() + READ_KEYS, READ_KEYS);
        for interval in [&mut looks, &mut reads] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut configuration = Due::new("the old configuration stays in use");
        let mut keys = Due::new("the old keys stay in use where they can");
        loop {
            // What is due in this turn.
            let (is_configuration, is_keys) = tokio::select! {
                () = asked.next() => {
                    configuration.ask();
                    keys.ask();
                    (true, true)
                }
                _ = reads.tick() => (false, doorkeeper.reads_a_database()),
                _ = looks.tick() => {
                    let file = self.file.as_mut().map(Watched::look);
                    (configuration.sees(file), keys.sees(doorkeeper.look()))
                }
            };
            let new = is_configuration.then(|| config::load(self.global));
            if let Some(Ok(new)) = &new {
                doorkeeper.want(new);
            }
            if is_keys || is_configuration {
                keys.end(doorkeeper.take_over(gateway).await);
            }
            if let Some(new) = new {
                configuration.end(match new {
                    Ok(new) => self.take_over(new, gateway).await,
                    Err(trouble) => Err(trouble),
                });
            }
        }
    }

    async fn take_over(&self, mut new: Config, gateway: &Gateway) -> Result<(), Trouble> {
        if new.ledger == self.ledger {
            new.ledger = gateway.config().ledger;
        }
        gateway.reload(new).await?;
        for warning in gateway.warnings().iter() {
            ui::warning(warning);
        }
        ui::note("the configuration was taken over; running answers keep the old one");
        Ok(())
    }
}

/// Whether something is to be taken over, until it was.
struct Due {
    failed: bool,
    /// What was told last of it.
    told: Option<(String, Option<String>)>,
    /// What is said when it cannot be taken over.
    consequence: &'static str,
}

impl Due {
    fn new(consequence: &'static str) -> Self {
        Self {
            failed: false,
            told: None,
            consequence,
        }
    }

    /// Whoever asks is told again.
    fn ask(&mut self) {
        self.told = None;
    }

    /// Whether it is to be tried now.
    fn sees(&self, file: Option<Seen>) -> bool {
        match file {
            Some(Seen::Anew) => true,
            Some(Seen::Same) => self.failed,
            Some(Seen::Changing) | None => false,
        }
    }

    /// Notes how it went, and tells what is not known yet.
    fn end(&mut self, result: Result<(), Trouble>) {
        self.failed = result.is_err();
        let Err(trouble) = result else {
            self.told = None;
            return;
        };
        let message = format!("{}: {}", self.consequence, trouble.message);
        let news = Some((message, trouble.hint));
        if self.told != news
            && let Some((message, hint)) = &news
        {
            ui::error(message, hint.as_deref());
        }
        self.told = news;
    }
}

/// The signal by which operators ask for it.
struct Asked {
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Asked {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            hangup: signal(SignalKind::hangup()).ok(),
        }
    }

    async fn next(&mut self) {
        match &mut self.hangup {
            Some(hangup) => {
                hangup.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
impl Asked {
    fn listen() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        std::future::pending().await
    }
}
