//! Answers whose callers have left. Closing one ends its bill at some providers;
//! at the others it is paid for in full, and is read on until it says how much.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tollgate_core::{AttemptEnd, AttemptRecord, Billed, Billing, Ended, FrameKind, Frames};

use crate::config::OpenRouter;
use crate::meter::Meter;
use crate::pending::Pending;

/// Longest that one answer is read on.
const LONGEST: Duration = Duration::from_secs(120);
/// Answers that are read on at the same time; each is an open connection.
const AT_ONCE: usize = 64;
/// Longest that a shutdown waits for them.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// An answer whose caller has left.
pub(crate) struct Left {
    pub(crate) frames: Frames,
    pub(crate) meter: Meter,
    pub(crate) pending: Box<Pending>,
}

impl Left {
    /// Closes the upstream where that ends the bill, or all is known; has the
    /// answer read on elsewhere. One channel send either way.
    pub(crate) fn leave(self) {
        if !self.meter.knows_usage() && !self.pending.stops_with(&self.meter) {
            return self.pending.settler().read_on(self);
        }
        let (mut pending, record) = self.closed();
        pending.leave(record, Ended::Abandoned);
    }

    /// Reads until the answer has said what it used, the time is over, or
    /// nobody can wait any longer; then settles.
    async fn read_on(mut self, mut stop: watch::Receiver<bool>) {
        let over = tokio::select! {
            biased;
            read = timeout(LONGEST, self.read_to_its_end()) => read.is_ok(),
            _ = stop.wait_for(|stop| *stop) => false,
        };
        if over {
            self.close();
        } else {
            self.close_unread();
        }
    }

    async fn read_to_its_end(&mut self) {
        while let Some(item) = self.frames.next().await {
            let Ok(frame) = item else { return };
            self.meter.note(&frame);
            if frame.kind == FrameKind::Done {
                return;
            }
        }
        self.meter.note_end();
    }

    /// Closes an upstream that goes on, and charges for what is not read.
    fn close_unread(mut self) {
        self.meter.note_running_on();
        self.close();
    }

    /// Closes the upstream and settles by what is known.
    fn close(self) {
        let (mut pending, record) = self.closed();
        pending.finish(Some(record), Ended::Abandoned);
    }

    fn closed(self) -> (Box<Pending>, AttemptRecord) {
        let Self {
            frames,
            meter,
            mut pending,
        } = self;
        drop(frames);
        let (end, billed) = (AttemptEnd::Abandoned, Some(Billed::Unknown));
        let record = pending.record(&meter, end, billed);
        (pending, record)
    }
}

/// Those who read on.
pub(crate) struct Readers {
    reading: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Readers {
    pub(crate) fn new() -> Self {
        Self {
            reading: JoinSet::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// Has an answer read on; closes it at once when too many are,
    /// at its worst case.
    pub(crate) fn take(&mut self, left: Left) {
        if self.reading.len() < AT_ONCE {
            self.reading.spawn(left.read_on(self.stop.subscribe()));
        } else {
            left.close_unread();
        }
    }

    /// Waits until one of them has settled; for ever when there are none.
    pub(crate) async fn one_done(&mut self) {
        if self.reading.join_next().await.is_none() {
            std::future::pending().await
        }
    }

    /// Waits for all of them, but not for long: what is not read by then, or is
    /// left later, is settled at its worst case.
    pub(crate) async fn finish(&mut self) {
        if timeout(LAST_WAIT, self.all_done()).await.is_err() {
            self.stop.send_replace(true);
            self.all_done().await;
        }
        self.stop.send_replace(true);
    }

    async fn all_done(&mut self) {
        while self.reading.join_next().await.is_some() {}
    }
}

/// Where closing a stream ends its bill.
pub(crate) struct Stops {
    /// By the name of the provider behind OpenRouter, [folded](fold).
    providers: BTreeMap<String, bool>,
}

impl Stops {
    pub(crate) fn of(config: &OpenRouter) -> Self {
        let providers = config.stops_billing_by_provider.iter();
        Self {
            providers: providers
                .map(|(name, stops)| (fold(name), *stops))
                .collect(),
        }
    }

    /// Whether the upstream stops, by the provider that serves the answer where
    /// it is known, else by the lane.
    pub(crate) fn with(&self, meter: &Meter) -> bool {
        let lane = &meter.planned().lane;
        let provider = meter.served().provider.as_ref();
        let through_openrouter = matches!(lane.billing, Billing::Credits | Billing::Byok);
        provider
            .filter(|_| through_openrouter)
            .and_then(|provider| self.providers.get(&fold(provider.as_str())))
            .map_or(lane.stops_billing, |stops| *stops)
    }
}

/// A provider's name as answers, catalogs and documents spell it differently:
/// `DeepInfra`, `deep-infra`, `Deep Infra`.
fn fold(name: &str) -> String {
    let plain = name.chars().filter(char::is_ascii_alphanumeric);
    plain.map(|letter| letter.to_ascii_lowercase()).collect()
}
