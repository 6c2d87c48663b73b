//! What the network saw: every request, what became of it, and the bytes that went over the wire.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::host::Host;
use crate::trace::Trace;

/// One request to a host, from its first byte to its end.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The host.
    pub host: Host,
    /// The path, without the part that all paths of a host begin with.
    pub route: String,
    /// The key that it came with; empty without one.
    pub key: String,
    /// The number of the call that it belongs to, for a chat.
    pub call: Option<u32>,
    /// When it was sent.
    pub opened: Instant,
    /// The HTTP status, once there was one.
    pub status: Option<u16>,
    /// When and how it ended, once it has.
    pub closed: Option<(Instant, Closed)>,
    /// The bytes of the answer, where they are kept.
    sent: Vec<u8>,
}

/// How a contact ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The host sent everything that it was going to send.
    Done,
    /// There was no connection, or the host's end of it broke.
    Broke,
    /// The gateway closed it before the end.
    ByGateway,
}

impl Contact {
    /// Whether it is a request for an answer in any dialect, and not for a key or a generation.
    #[must_use]
    pub fn is_chat(&self) -> bool {
        asks_for_text(&self.route)
    }

    /// The answer as it came over the wire. The bytes must have been [kept](crate::Keep::Wire).
    #[must_use]
    pub fn answer(&self) -> String {
        String::from_utf8_lossy(&self.sent).into_owned()
    }

    /// The text that a chat sent over the wire, and whether it was all. The bytes must have been
    /// [kept](crate::Keep::Wire).
    #[must_use]
    pub fn said(&self) -> Said {
        let text = String::from_utf8_lossy(&self.sent);
        if let Ok(body) = serde_json::from_str::<Value>(&text) {
            return Said::of_body(&body);
        }
        let mut said = Said::default();
        for event in text
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
        {
            said.hear(event);
        }
        said
    }
}

/// The ends of paths of requests for answers, one for each dialect, and two where streams have
/// one of their own.
const ANSWERS: [&str; 5] = [
    "/chat/completions",
    "/responses",
    "/messages",
    ":generateContent",
    ":streamGenerateContent",
];

/// Whether a path is that of requests for answers.
pub(crate) fn asks_for_text(route: &str) -> bool {
    ANSWERS.iter().any(|end| route.ends_with(end))
}

/// What a host said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The visible text.
    pub text: String,
    /// Whether the host itself said that this is all: a whole body, a finish reason that is no
    /// error, or the end marker of a stream.
    pub is_all: bool,
}

impl Said {
    fn of_body(body: &Value) -> Self {
        let choice = &body["choices"][0];
        let is_error = choice.is_null() || choice["finish_reason"] == "error";
        Self {
            text: text(&choice["message"]),
            is_all: !is_error,
        }
    }

    fn hear(&mut self, event: &str) {
        self.is_all |= event == "[DONE]";
        // Anything else that is no JSON was cut.
        let Ok(chunk) = serde_json::from_str::<Value>(event) else {
            return;
        };
        let choice = &chunk["choices"][0];
        self.text.push_str(&text(&choice["delta"]));
        self.is_all |= choice["finish_reason"]
            .as_str()
            .is_some_and(|reason| reason != "error");
    }
}

fn text(message: &Value) -> String {
    message["content"].as_str().unwrap_or_default().to_owned()
}

/// All contacts, in the order in which they were opened.
#[derive(Debug)]
pub(crate) struct Contacts {
    list: Mutex<Vec<Contact>>,
    keeps_bytes: bool,
    trace: Arc<Trace>,
}

impl Contacts {
    pub(crate) fn new(keeps_bytes: bool, trace: Arc<Trace>) -> Arc<Self> {
        Arc::new(Self {
            list: Mutex::default(),
            keeps_bytes,
            trace,
        })
    }

    /// Enters a request, whose end the wire will tell.
    pub(crate) fn open(
        self: &Arc<Self>,
        host: Host,
        route: &str,
        key: &str,
        call: Option<u32>,
    ) -> Wire {
        let opened = Instant::now();
        self.trace
            .note(format_args!("{host} opened {route} for {}", Shown(call)));
        let mut list = self.lock();
        list.push(Contact {
            host,
            route: route.to_owned(),
            key: key.to_owned(),
            call,
            opened,
            status: None,
            closed: None,
            sent: Vec::new(),
        });
        Wire {
            number: list.len() - 1,
            contacts: Arc::clone(self),
            is_closed: false,
        }
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&[Contact]) -> T) -> T {
        read(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Contact>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection of one contact. Dropping it before its end is the gateway closing it.
#[derive(Debug)]
pub(crate) struct Wire {
    contacts: Arc<Contacts>,
    number: usize,
    is_closed: bool,
}

impl Wire {
    pub(crate) fn answered(&self, status: u16) {
        self.change(|contact| contact.status = Some(status));
    }

    pub(crate) fn carried(&self, bytes: &Bytes) {
        if self.contacts.keeps_bytes {
            self.change(|contact| contact.sent.extend_from_slice(bytes));
        }
    }

    pub(crate) fn close(&mut self, how: Closed) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        let closed = Some((Instant::now(), how));
        let (host, call, status) = self.change(|contact| {
            contact.closed = closed;
            (contact.host, contact.call, contact.status)
        });
        self.contacts.trace.note(format_args!(
            "{host} closed {} with {}: {how:?}",
            Shown(call),
            Shown(status)
        ));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Contact) -> T) -> T {
        change(&mut self.contacts.lock()[self.number])
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.close(Closed::ByGateway);
    }
}

/// A number, or a dash where there is none.
struct Shown<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{Contact, Said, asks_for_text};
    use crate::host::Host;

    fn said(sent: &str) -> Said {
        let contact = Contact {
            host: Host::A,
            route: "/chat/completions".to_owned(),
            key: String::new(),
            call: None,
            opened: Instant::now(),
            status: None,
            closed: None,
            sent: sent.into(),
        };
        contact.said()
    }

    #[test]
    fn requests_for_answers_are_known_in_every_dialect() {
        for (route, expected) in [
            ("/chat/completions", true),
            ("/messages", true),
            ("/models/gemini-2.5-flash:streamGenerateContent", true),
            ("/messages/count_tokens", false),
            ("/models", false),
            ("/key", false),
        ] {
            assert_eq!(asks_for_text(route), expected, "{route}");
        }
    }

    #[test]
    fn bodies_and_streams_are_read_as_far_as_they_go() {
        let both = |text: &str, is_all| Said {
            text: text.to_owned(),
            is_all,
        };
        let chunk = |text: &str, finish: &str| {
            format!(
                "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":{finish}}}]}}\n\n"
            )
        };
        let (first, last) = (chunk("Hel", "null"), chunk("lo", "\"stop\""));
        for (sent, expected) in [
            (String::new(), both("", false)),
            (
                format!(": wait\n\n{first}{last}data: [DONE]\n\n"),
                both("Hello", true),
            ),
            (first.clone(), both("Hel", false)),
            (first.clone() + &last[..last.len() - 10], both("Hel", false)),
            (first + &chunk("", "\"error\""), both("Hel", false)),
            (
                r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#
                    .to_owned(),
                both("Hello", true),
            ),
        ] {
            assert_eq!(said(&sent), expected, "{sent}");
        }
    }
}
