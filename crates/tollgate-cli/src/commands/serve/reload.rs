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

/// The pauses before what failed is tried again, while its file stays as it is:
/// the first, and the longest. A try can make attempts wait for the ledger.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

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
    /// What does not work is told, once, and tried again until it does, more
    /// and more seldom while nothing changes; what was in use stays.
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
    /// When what failed is tried again.
    again: Option<Instant>,
    /// How long after the next failure.
    pause: Duration,
    /// What was told last of it.
    told: Option<(String, Option<String>)>,
    /// What is said when it cannot be taken over.
    consequence: &'static str,
}

impl Due {
    fn new(consequence: &'static str) -> Self {
        Self {
            again: None,
            pause: FIRST_PAUSE,
            told: None,
            consequence,
        }
    }

    /// Whoever asks is told again.
    fn ask(&mut self) {
        self.told = None;
        self.pause = FIRST_PAUSE;
    }

    /// Whether it is to be tried now.
    fn sees(&mut self, file: Option<Seen>) -> bool {
        match file {
            Some(Seen::Anew) => {
                self.pause = FIRST_PAUSE;
                true
            }
            Some(Seen::Same) => self.again.is_some_and(|moment| moment <= Instant::now()),
            Some(Seen::Changing) | None => false,
        }
    }

    /// Notes how it went, and tells what is not known yet.
    fn end(&mut self, result: Result<(), Trouble>) {
        let Err(trouble) = result else {
            *self = Self::new(self.consequence);
            return;
        };
        self.again = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::code;

    /// Looks every second at a file that stays as it is, and fails whenever it
    /// is tried; gives the seconds between the tries.
    async fn pauses(due: &mut Due, tries: usize) -> Vec<u64> {
        let mut pauses = Vec::new();
        let mut last = Instant::now();
        while pauses.len() < tries {
            tokio::time::advance(LOOK).await;
            if due.sees(Some(Seen::Same)) {
                pauses.push(last.elapsed().as_secs());
                last = Instant::now();
                due.end(Err(Trouble::new(code::LEDGER, "the ledger is slow")));
            }
        }
        pauses
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_tried_again_more_and_more_seldom_until_something_changes() {
        let mut due = Due::new("nothing changes");
        assert!(!due.sees(Some(Seen::Same)), "nothing failed yet");
        due.end(Err(Trouble::new(code::LEDGER, "the ledger is slow")));
        let expected = [2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
        assert_eq!(pauses(&mut due, 10).await, expected);

        assert!(due.sees(Some(Seen::Anew)), "a file that changed");
        due.end(Err(Trouble::new(code::LEDGER, "the ledger is slow")));
        assert_eq!(pauses(&mut due, 2).await, [2, 4]);

        due.end(Ok(()));
        tokio::time::advance(LONGEST_PAUSE).await;
        assert!(!due.sees(Some(Seen::Same)), "it was taken over");
    }
}
