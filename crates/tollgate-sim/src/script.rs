//! An answer as a script: what is sent, in which order, with which pauses.
//!
//! Honest answers and faults meet here: an answer becomes a script, a fault
//! changes the script ([`crate::effects`]), and [`crate::play`] performs it.

use std::time::Duration;

use bytes::Bytes;

use crate::dialect::Event;
use crate::fault::Ending;
use crate::json::Object;

/// Everything that one request gets.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) ending: Ending,
    /// What is sent while no token is ready.
    pub(crate) keep_alive: &'static [u8],
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(Duration),
    Head(Head),
    Send(Piece),
    /// Keep-alives until the client goes.
    Comments(&'static [u8]),
    /// Nothing until the client goes.
    Silence,
}

/// Status line and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

/// Bytes of the body that go out together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// Output tokens in these bytes.
    pub(crate) tokens: u64,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole body that is not a stream.
    Body,
    /// One `data:` event.
    Event,
    /// A keep-alive comment, which is no event.
    Comment,
}

/// What is sent while no token is ready, where nobody says otherwise.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// What the data of an event begins with.
pub(crate) const DATA: &[u8] = b"data: ";

impl Script {
    /// One body with a JSON value.
    pub(crate) fn json(status: u16, body: &Object, tokens: u64) -> Self {
        Self::body(status, "application/json", body.to_vec(), tokens)
    }

    /// One body; its length is declared, so that a cut is noticed.
    pub(crate) fn body(
        status: u16,
        content_type: &str,
        body: impl Into<Bytes>,
        tokens: u64,
    ) -> Self {
        let bytes = body.into();
        let head = Head::new(status, content_type).with("content-length", &bytes.len().to_string());
        let mut steps = vec![Step::Head(head)];
        // An empty body is over with the head; there is nobody to send a piece to.
        if !bytes.is_empty() {
            let kind = Kind::Body;
            steps.push(Step::Send(Piece {
                bytes,
                tokens,
                kind,
            }));
        }
        Self {
            steps,
            ending: Ending::Clean,
            keep_alive: KEEP_ALIVE,
        }
    }

    /// The beginning of a stream that is kept alive with these bytes.
    pub(crate) fn stream(keep_alive: &'static [u8]) -> Self {
        let head = Head::new(200, "text/event-stream").with("cache-control", "no-cache");
        Self {
            steps: vec![Step::Head(head)],
            ending: Ending::Clean,
            keep_alive,
        }
    }

    /// The script after a pause.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.steps.insert(0, Step::Wait(wait));
        self
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Some(head) = self.head_mut() {
            head.set(name, value);
        }
        self
    }

    pub(crate) fn head_mut(&mut self) -> Option<&mut Head> {
        self.steps.iter_mut().find_map(|step| match step {
            Step::Head(head) => Some(head),
            _ => None,
        })
    }

    pub(crate) fn push_event(&mut self, event: &Event) {
        let name = event
            .name
            .map_or_else(String::new, |name| format!("event: {name}\n"));
        let bytes = [name.as_bytes(), DATA, &event.data, b"\n\n"].concat();
        self.steps.push(Step::Send(Piece {
            bytes: bytes.into(),
            tokens: event.tokens,
            kind: Kind::Event,
        }));
    }

    pub(crate) fn push_comment(&mut self) {
        self.steps.push(Step::Send(Piece {
            bytes: Bytes::from_static(self.keep_alive),
            tokens: 0,
            kind: Kind::Comment,
        }));
    }

    pub(crate) fn push_wait(&mut self, wait: Duration) {
        if !wait.is_zero() {
            self.steps.push(Step::Wait(wait));
        }
    }

    /// All output tokens that the script would send.
    pub(crate) fn tokens(&self) -> u64 {
        self.pieces().map(|piece| piece.tokens).sum()
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.steps.iter().filter_map(|step| match step {
            Step::Send(piece) => Some(piece),
            _ => None,
        })
    }

    /// Where the steps after the first `events` events begin.
    pub(crate) fn after_events(&self, events: usize) -> usize {
        let is_event =
            |step: &Step| matches!(step, Step::Send(piece) if piece.kind != Kind::Comment);
        let mut left = events;
        for (index, step) in self.steps.iter().enumerate() {
            let is_head = matches!(step, Step::Head(_));
            if left == 0
                && !is_head
                && self.steps[..index]
                    .iter()
                    .any(|step| matches!(step, Step::Head(_)))
            {
                return index;
            }
            left = left.saturating_sub(usize::from(is_event(step)));
        }
        self.steps.len()
    }
}

impl Head {
    fn new(status: u16, content_type: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
        }
        .with("content-type", content_type)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a header, replacing one of the same name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}
