//! What happened, in order, as one number: runs of the same seed must agree on it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

/// Everything that happened in a run, as lines with their moment.
#[derive(Debug)]
pub struct Trace {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    digest: Digest,
    lines: Option<Vec<String>>,
}

/// What a trace comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// A hash of all lines.
    pub hash: u64,
    /// How many there were.
    pub lines: u64,
}

impl Trace {
    /// An empty trace that begins now; it keeps its lines, or their hash alone.
    pub(crate) fn new(keeps_lines: bool) -> Self {
        Self {
            began: Instant::now(),
            state: Mutex::new(State {
                digest: Digest::default(),
                lines: keeps_lines.then(Vec::new),
            }),
        }
    }

    /// When it began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// Adds a line.
    pub(crate) fn note(&self, what: impl fmt::Display) {
        let line = format!("{:>9} {what}", self.began.elapsed().as_millis());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.digest.lines += 1;
        state.digest.hash = hash(state.digest.hash, line.as_bytes());
        if let Some(lines) = &mut state.lines {
            lines.push(line);
        }
    }

    /// What it comes to so far.
    pub fn digest(&self) -> Digest {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .digest
    }

    /// The lines, where they are kept.
    pub fn lines(&self) -> Vec<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lines.clone().unwrap_or_default()
    }
}

impl Digest {
    /// The digest of several traces, one after the other.
    pub(crate) fn of_all(digests: impl Iterator<Item = Self>) -> Self {
        digests.fold(Self::default(), |all, digest| Self {
            hash: hash(all.hash, &digest.hash.to_le_bytes()),
            lines: all.lines + digest.lines,
        })
    }
}

/// FNV-1a, going on from an earlier hash.
fn hash(before: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(before ^ 0xcbf2_9ce4_8422_2325, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// `3f2a… over 120 lines`.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x} over {} lines", self.hash, self.lines)
    }
}
