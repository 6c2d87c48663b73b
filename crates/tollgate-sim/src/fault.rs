//! What can be done to one answer: effects that combine.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;
use crate::fault_table;
use crate::retry_after::RetryAfter;

/// A set of effects on one answer; the default does nothing.
///
/// Take one from the table by name, or put one together:
///
/// ```
/// use tollgate_sim::{Fault, RetryAfter};
///
/// let by_name = Fault::named("cut-event=3")?;
/// let by_hand = Fault::status(503).with_retry_after(RetryAfter::Seconds(7));
/// # let _ = (by_name, by_hand);
/// # Ok::<(), tollgate_sim::Error>(())
/// ```
///
/// In a scenario file the same fields are keys of `fault`, with delays in milliseconds.
/// “Event” means a `data:` event of a stream, counted from 1 and starting with the one that says
/// nothing yet: the chunk with only the role, `response.created`, `message_start`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// What the log calls it; for a fault from the table, its name there.
    pub label: Option<String>,

    /// Refuse with this HTTP status instead of answering.
    pub status: Option<u16>,
    /// Refuse with this row of the error table (`moderation`, `credits`, …), which
    /// also gives the status when none is set.
    pub error: Option<String>,
    /// Where the refusal is put.
    pub place: Place,
    /// Send this text as the body of the refusal, instead of OpenRouter's form.
    pub body: Option<String>,
    /// Extra or replaced headers of the answer.
    pub headers: BTreeMap<String, String>,
    /// Say when to come back, in one of the forms in use.
    pub retry_after: Option<RetryAfter>,

    /// Wait before the status line.
    #[serde(rename = "delay_headers_ms", deserialize_with = "milliseconds")]
    pub delay_headers: Duration,
    /// Wait between the status line and the first byte of the body.
    #[serde(rename = "delay_first_token_ms", deserialize_with = "milliseconds")]
    pub delay_first_token: Duration,
    /// Wait before each further event.
    #[serde(rename = "delay_between_ms", deserialize_with = "milliseconds")]
    pub delay_between: Duration,

    /// Never send the status line.
    pub no_headers: bool,
    /// After this many events send nothing more, and keep the connection open.
    pub stall_after: Option<usize>,
    /// After this many events send only comments, for ever.
    pub comments_after: Option<usize>,
    /// After this many events end the answer, as `ending` says.
    pub cut_event: Option<usize>,
    /// After this many bytes of body end the answer, as `ending` says.
    pub cut_byte: Option<usize>,
    /// How a cut ends the connection; alone, [`Ending::Reset`] means before the status line.
    pub ending: Ending,

    /// Make this event (or the JSON body) something that is not JSON.
    pub malformed_event: Option<usize>,
    /// Add an event with this many bytes of text before the finish.
    pub big_event: Option<usize>,
    /// Leave these parts out.
    pub omit: Vec<Part>,
    /// Generate the natural length, whatever `max_tokens` says.
    pub ignore_max_tokens: bool,
    /// Charge the full answer even though the client does not get it.
    pub bill_anyway: bool,
}

/// Where a refusal is put. The words are those of chat; every dialect has its own for the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Place {
    /// In the status line and the body, as it should be.
    #[default]
    Status,
    /// HTTP 200; `error` in the body without `choices`, or as the only event of a stream.
    Body,
    /// HTTP 200; `error` inside the first choice, beside some text. A response of status `failed`;
    /// a message has no such place, so there the error stands alone.
    Choice,
    /// HTTP 200; after `cut_event` events, in a chunk with `finish_reason: "error"`
    /// (`response.failed`; `error` in Messages).
    Chunk,
    /// HTTP 200; after `cut_event` events, as a bare `{"error": …}` event (`error` in Responses and
    /// Messages).
    BareEvent,
}

/// How a cut answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ending {
    /// The connection closes in the middle of the body.
    #[default]
    Close,
    /// The body ends as if it were whole.
    Clean,
    /// The connection is reset.
    Reset,
}

/// A part of an answer that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Part {
    /// Text, reasoning and tool calls; nothing is charged then.
    Content,
    /// The finish reason; a response is then incomplete without a reason.
    Finish,
    /// The usage.
    Usage,
    /// The end mark of a stream: `[DONE]`, or `message_stop`.
    Done,
}

impl Fault {
    /// A fault of the table ([`crate::faults`]), with its usual or a given number: `stall`, `stall=3`.
    ///
    /// # Errors
    /// [`Error::Scenario`], naming the closest fault, when there is none of that name.
    pub fn named(name: &str) -> Result<Self, Error> {
        fault_table::find(name)
    }

    /// Refuses with an HTTP status and OpenRouter's usual body for it.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Closes the connection after a number of events.
    #[must_use]
    pub fn cut_after_events(events: usize) -> Self {
        Self {
            cut_event: Some(events),
            ..Self::default()
        }
    }

    /// Closes the connection after a number of bytes of body.
    #[must_use]
    pub fn cut_after_bytes(bytes: usize) -> Self {
        Self {
            cut_byte: Some(bytes),
            ..Self::default()
        }
    }

    /// Sends nothing more after a number of events.
    #[must_use]
    pub fn stall_after(events: usize) -> Self {
        Self {
            stall_after: Some(events),
            ..Self::default()
        }
    }

    /// Leaves a part out.
    #[must_use]
    pub fn without(part: Part) -> Self {
        Self {
            omit: vec![part],
            ..Self::default()
        }
    }

    /// Puts the refusal somewhere else than in the status line.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Ends a cut in another way.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Sends a text of one's own as the body of the refusal.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: RetryAfter) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// Waits before the status line.
    #[must_use]
    pub fn delay_headers(mut self, delay: Duration) -> Self {
        self.delay_headers = delay;
        self
    }

    /// Waits before the first byte of the body.
    #[must_use]
    pub fn delay_first_token(mut self, delay: Duration) -> Self {
        self.delay_first_token = delay;
        self
    }

    /// Waits before each further event.
    #[must_use]
    pub fn delay_between(mut self, delay: Duration) -> Self {
        self.delay_between = delay;
        self
    }

    /// Charges the full answer although the client does not get it.
    #[must_use]
    pub fn billed(mut self) -> Self {
        self.bill_anyway = true;
        self
    }

    /// True when nothing of the answer comes before the error, so that another
    /// endpoint can answer in its stead.
    pub(crate) fn refuses(&self) -> bool {
        let early = matches!(self.place, Place::Status | Place::Body | Place::Choice);
        self.is_error() && early
    }

    /// True when the answer has an error in it, early or late.
    pub(crate) fn is_error(&self) -> bool {
        self.status.is_some() || self.error.is_some() || self.body.is_some()
    }

    /// True when the connection is reset before anything is sent.
    pub(crate) fn resets_at_once(&self) -> bool {
        self.ending == Ending::Reset && self.cut_event.is_none() && self.cut_byte.is_none()
    }

    pub(crate) fn omits(&self, part: Part) -> bool {
        self.omit.contains(&part)
    }

    /// Checks what the type cannot.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(status) = self.status.filter(|status| !(200..=599).contains(status)) {
            return Err(Error::scenario(format!(
                "status {status} is not between 200 and 599"
            )));
        }
        if let Some(error) = &self.error {
            crate::refusal::find(error)?;
        }
        for (name, value) in &self.headers {
            let valid = http::HeaderName::try_from(name.as_str()).is_ok()
                && http::HeaderValue::try_from(value.as_str()).is_ok();
            if !valid {
                return Err(Error::scenario(format!(
                    "`{name}: {value}` cannot be an HTTP header"
                )));
            }
        }
        Ok(())
    }
}

fn milliseconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}
