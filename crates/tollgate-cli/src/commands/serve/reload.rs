//! A configuration that changes while the server runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tollgate::{Config, Gateway};

use super::callers::Doorkeeper;
use crate::args::Global;
use crate::exit::Trouble;
use crate::{config, ui};

/// How often files are looked at. Editors write in several steps; a change is
/// taken over once a file has stayed as it is from one look to the next.
const LOOK: Duration = Duration::from_secs(1);

/// How often keys are read that are kept in a database, which tells nobody of
/// changes.
const READ_KEYS: Duration = Duration::from_secs(10);

/// Takes configuration and keys over whenever their files change or the process
/// is told to (SIGHUP). What does not work is told, and the old one stays.
pub(super) async fn follow(
    global: &Global,
    gateway: &Gateway,
    doorkeeper: &mut Doorkeeper,
    started: Config,
) {
    let mut files: Vec<Watched> = config::file(global)
        .into_iter()
        .chain(doorkeeper.file())
        .map(Watched::new)
        .collect();
    let mut asked = Asked::listen();
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    let mut reads = interval_at(Instant::now() + READ_KEYS, READ_KEYS);
    for interval in [&mut looks, &mut reads] {
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        tokio::select! {
            () = asked.next() => {}
            _ = reads.tick() => {
                if !doorkeeper.have_changed().await {
                    continue;
                }
            }
            _ = looks.tick() => {
                // Each has to look, whatever the others saw.
                let settled = files.iter_mut().map(Watched::has_settled_anew);
                if !settled.fold(false, |any, one| any | one) {
                    continue;
                }
            }
        }
        match take_over(global, gateway, doorkeeper, &started).await {
            Ok(()) => ui::note(
                "configuration and keys were taken over; running answers keep the old ones",
            ),
            Err(trouble) => ui::error(
                &format!("the old configuration stays in use: {}", trouble.message),
                trouble.hint.as_deref(),
            ),
        }
    }
}

async fn take_over(
    global: &Global,
    gateway: &Gateway,
    doorkeeper: &Doorkeeper,
    started: &Config,
) -> Result<(), Trouble> {
    let mut new = config::load(global)?;
    // The ledger in use can be another than the configured one, which another
    // process may have held.
    if new.ledger == started.ledger {
        new.ledger = gateway.config().ledger;
    }
    let book = doorkeeper.read(&mut new).await?;
    gateway.reload(new)?;
    doorkeeper.take_over(book).await;
    for warning in gateway.warnings().iter() {
        ui::warning(warning);
    }
    Ok(())
}

/// A file, as it looked the last times.
struct Watched {
    path: PathBuf,
    taken: Look,
    last: Look,
}

/// What tells one content from another.
type Look = Option<(SystemTime, u64)>;

impl Watched {
    fn new(path: PathBuf) -> Self {
        let look = look(&path);
        Self {
            path,
            taken: look,
            last: look,
        }
    }

    /// Whether the file differs from what was taken over, and no longer changes.
    fn has_settled_anew(&mut self) -> bool {
        let now = look(&self.path);
        let has_settled = now == self.last;
        self.last = now;
        // A file that is gone is being replaced.
        if !has_settled || now.is_none() || now == self.taken {
            return false;
        }
        self.taken = now;
        true
    }
}

fn look(path: &Path) -> Look {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
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
