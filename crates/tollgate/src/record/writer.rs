//! Writes records on a thread of its own, so that no call waits for a disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tollgate_core::{Clock, Failure, FailureKind};

use super::folder::{append, prune_records};
use super::{CallRecord, RecordConfig};

/// Most records that wait for the disk, at about a kilobyte.
const QUEUE: usize = 8_192;
/// Most that are written at once.
const AT_ONCE: usize = 512;

/// How recording goes in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Recording {
    /// Calls that were written.
    pub written: u64,
    /// Calls that were not, because the disk was too slow or refused, or the
    /// day's file is full.
    pub dropped: u64,
}

/// Takes records. It never waits and never fails: what finds the queue full is
/// dropped and counted.
#[derive(Clone)]
pub(crate) struct Recorder {
    inbox: mpsc::Sender<Message>,
    counts: Arc<Counts>,
}

enum Message {
    Call(Box<CallRecord>),
    Flush(oneshot::Sender<()>),
}

#[derive(Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Recorder {
    /// Deletes what is too old, and starts the thread that writes; it ends
    /// with the last clone of this handle.
    ///
    /// # Errors
    /// `Configuration` when the folder cannot be used: better said at the
    /// start than found out a week later.
    pub(crate) fn start(config: RecordConfig, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let (inbox, calls) = mpsc::channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let mut writer = Writer {
            bytes: usable(&config, clock.now().day())?,
            pruned_on: clock.now().day(),
            refused: false,
            config,
            clock,
            counts: counts.clone(),
        };
        let thread = std::thread::Builder::new().name("tollgate-record".into());
        thread
            .spawn(move || writer.run(calls))
            .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
        Ok(Self { inbox, counts })
    }

    pub(crate) fn record(&self, record: CallRecord) {
        let message = Message::Call(Box::new(record));
        if self.inbox.try_send(message).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn recording(&self) -> Recording {
        Recording {
            written: self.counts.written.load(Ordering::Relaxed),
            dropped: self.counts.dropped.load(Ordering::Relaxed),
        }
    }

    /// Waits until everything recorded before is written.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.inbox.send(Message::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
        let dropped = self.recording().dropped;
        if dropped > 0 {
            tracing::warn!(dropped, "calls were not recorded");
        }
    }
}

fn usable(config: &RecordConfig, today: i64) -> Result<u64, Failure> {
    let pruned = std::fs::create_dir_all(&config.path)
        .and_then(|()| append(&config.path, today, b""))
        .and_then(|()| prune_records(&config.path, config.keep_days, config.max_bytes(), today));
    let pruned = pruned.map_err(|error| {
        let what = "calls cannot be recorded in the folder that record.path names";
        Failure::new(FailureKind::Configuration, what)
            .with("path", config.path.display().to_string())
            .with_hint(error.to_string())
    })?;
    Ok(pruned.left)
}

/// Lines for one day's file.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    calls: u64,
}

struct Writer {
    config: RecordConfig,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    /// Of all files, as far as this process knows.
    bytes: u64,
    /// The day on which old files were deleted last.
    pruned_on: i64,
    /// Whether the last lines could not be written.
    refused: bool,
}

impl Writer {
    fn run(&mut self, mut calls: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(AT_ONCE);
        while calls.blocking_recv_many(&mut messages, AT_ONCE) > 0 {
            let mut days = BTreeMap::<i64, Lines>::new();
            let mut waiting = Vec::new();
            for message in messages.drain(..) {
                match message {
                    Message::Call(record) => {
                        days.entry(record.at().day()).or_default().add(&record)
                    }
                    Message::Flush(done) => waiting.push(done),
                }
            }
            for (day, lines) in days {
                self.write(day, &lines);
            }
            for done in waiting {
                let _ = done.send(());
            }
        }
    }

    fn write(&mut self, day: i64, lines: &Lines) {
        let length = u64::try_from(lines.bytes.len()).unwrap_or(u64::MAX);
        if !self.has_room(length) {
            self.counts
                .dropped
                .fetch_add(lines.calls, Ordering::Relaxed);
            return;
        }
        match append(&self.config.path, day, &lines.bytes) {
            Ok(()) => {
                self.bytes = self.bytes.saturating_add(length);
                self.refused = false;
                self.counts
                    .written
                    .fetch_add(lines.calls, Ordering::Relaxed);
            }
            Err(error) => {
                self.warn(&self.config.path.clone(), &error.to_string());
                self.counts
                    .dropped
                    .fetch_add(lines.calls, Ordering::Relaxed);
            }
        }
    }

    /// Makes room: with the new day, and when the limit is reached.
    fn has_room(&mut self, length: u64) -> bool {
        let RecordConfig {
            path, keep_days, ..
        } = &self.config;
        let (today, most) = (self.clock.now().day(), self.config.max_bytes());
        if today > self.pruned_on || self.bytes.saturating_add(length) > most {
            self.pruned_on = today;
            match prune_records(path, *keep_days, most.saturating_sub(length), today) {
                Ok(pruned) => self.bytes = pruned.left,
                Err(error) => self.warn(&path.clone(), &error.to_string()),
            }
        }
        let has_room = self.bytes.saturating_add(length) <= most;
        if !has_room {
            self.warn(&self.config.path.clone(), "record.max_mb is reached");
        }
        has_room
    }

    /// Once, until it works again.
    fn warn(&mut self, path: &Path, why: &str) {
        if !self.refused {
            tracing::warn!(path = %path.display(), why, "calls are not recorded");
        }
        self.refused = true;
    }
}

impl Lines {
    fn add(&mut self, record: &CallRecord) {
        let before = self.bytes.len();
        match serde_json::to_writer(&mut self.bytes, record) {
            Ok(()) => self.bytes.push(b'\n'),
            // Nothing in a record can be refused; half a line would be one.
            Err(_) => self.bytes.truncate(before),
        }
        self.calls += 1;
    }
}

#[cfg(test)]
mod tests;
