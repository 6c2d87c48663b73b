//! Server-sent events: bytes in, in pieces of any size; events and comments out.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// Bytes of data that one event may hold by default: 16 MiB, since an image travels in one event.
pub const DEFAULT_EVENT_LIMIT: usize = 16 << 20;

/// The longest line that carries a whole event is this much longer than its data.
const FIELD_PREFIX: usize = "data: ".len();
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Decodes a stream of server-sent events: push bytes, pull items until there are none.
///
/// Lines end with LF, CR or CRLF; a byte order mark at the start is skipped; several `data` lines are joined with LF;
/// `id` and `retry` are ignored. The items do not depend on how the bytes were split. Bytes that are not UTF-8 are passed
/// on as they are; see [`SseItem::into_valid_utf8`]. `[DONE]` is an event like any other, and so is what comes after it.
///
/// Memory is bounded by the limit plus one pushed piece, as long as the caller pulls until `None` after each push. An
/// event with one data line shares the buffer's memory and is not copied again.
///
/// ```
/// use tollgate_wire::{SseDecoder, SseItem};
/// let mut decoder = SseDecoder::new();
/// decoder.push(b": wait\n\ndata: {\"a\":");
/// assert_eq!(decoder.next(), Some(Ok(SseItem::Comment("wait".into()))));
/// assert_eq!(decoder.next(), None);
/// decoder.push(b"1}\r\n\r\n");
/// assert_eq!(decoder.next(), Some(Ok(SseItem::Event { event: None, data: "{\"a\":1}".into() })));
/// ```
#[derive(Debug)]
pub struct SseDecoder {
    buffer: BytesMut,
    /// Bytes at the front of the buffer that are known to hold no line end.
    scanned: usize,
    start: bool,
    skip_line_feed: bool,
    event: Option<Bytes>,
    data: Data,
    limit: usize,
    failed: bool,
}

/// One item of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SseItem {
    /// An event: its name when it has one, and its data lines joined with LF.
    Event {
        /// The value of the last `event` line, not empty.
        event: Option<Bytes>,
        /// The data.
        data: Bytes,
    },
    /// A comment line without its colon and the space after it. It keeps the connection alive and says nothing else.
    Comment(Bytes),
}

impl SseItem {
    /// The item with bytes that are not UTF-8 replaced by U+FFFD, as browsers do. Shares its memory when there are none.
    #[must_use]
    pub fn into_valid_utf8(self) -> Self {
        match self {
            Self::Event { event, data } => Self::Event {
                event: event.map(valid_utf8),
                data: valid_utf8(data),
            },
            Self::Comment(text) => Self::Comment(valid_utf8(text)),
        }
    }
}

fn valid_utf8(bytes: Bytes) -> Bytes {
    match std::str::from_utf8(&bytes) {
        Ok(_) => bytes,
        Err(_) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

/// What was left when a stream ended without the empty line that ends an event. Browsers drop it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// The value of the last `event` line, not empty.
    pub event: Option<Bytes>,
    /// The data so far.
    pub data: Bytes,
    /// Whether the stream ended within a line or after its end; within one, the data is most likely cut.
    pub end: StreamEnd,
}

/// Where a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// Within a line.
    InLine,
    /// After the end of a line.
    AfterLine,
}

/// A line or an event is longer than the limit. The decoder gives nothing more after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SseError {
    /// A line is too long.
    #[error(
        "a line of the event stream is longer than {limit} bytes; raise the limit or treat the stream as broken"
    )]
    LineTooLong {
        /// Bytes of data allowed in one event.
        limit: usize,
    },
    /// The data lines of one event are too long together.
    #[error(
        "an event of the stream is longer than {limit} bytes; raise the limit or treat the stream as broken"
    )]
    EventTooLong {
        /// Bytes of data allowed in one event.
        limit: usize,
    },
}

#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl SseDecoder {
    /// A decoder with the default limit of 16 MiB of data in an event.
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_EVENT_LIMIT)
    }

    /// A decoder that allows this many bytes of data in an event, and lines of as many.
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            scanned: 0,
            start: true,
            skip_line_feed: false,
            event: None,
            data: Data::None,
            limit: bytes,
            failed: false,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Gives the next item that is complete; `None` asks for more bytes.
    ///
    /// # Errors
    /// When a line or an event is over the limit; after that there is only `None`.
    // Not an `Iterator`: `None` here means "push more", not "over".
    #[expect(
        clippy::should_implement_trait,
        reason = "None asks for more bytes and is not the end"
    )]
    pub fn next(&mut self) -> Option<Result<SseItem, SseError>> {
        if !self.skip_bom() {
            return None;
        }
        while !self.failed {
            self.skip_pending_line_feed();
            let found = memchr2(b'\n', b'\r', &self.buffer[self.scanned..]);
            let length = found.map_or(self.buffer.len(), |offset| self.scanned + offset);
            if length > self.limit.saturating_add(FIELD_PREFIX) {
                return self.fail(SseError::LineTooLong { limit: self.limit });
            }
            if found.is_none() {
                self.scanned = length;
                return None;
            }
            let item = self.take_line(length);
            if item.is_some() {
                return item;
            }
        }
        None
    }

    /// Ends the stream. Gives the event that was begun and not ended, if any; the decoder is then as new.
    pub fn finish(&mut self) -> Option<Incomplete> {
        let mut end = StreamEnd::AfterLine;
        self.skip_pending_line_feed();
        if !self.failed && !self.buffer.is_empty() {
            end = StreamEnd::InLine;
            let line = self.buffer.split().freeze();
            // A comment or an overlong end cannot be asked about any more: the stream is over.
            let _ = self.field(line);
        }
        let rest = std::mem::replace(self, Self::with_limit(self.limit));
        let data = rest.data.take()?;
        (!rest.failed).then_some(Incomplete {
            event: rest.event,
            data,
            end,
        })
    }

    /// Skips a byte order mark at the start; false while the bytes so far could still become one.
    fn skip_bom(&mut self) -> bool {
        if self.start {
            if self.buffer.len() < BOM.len() && BOM.starts_with(&self.buffer) {
                return false;
            }
            if self.buffer.starts_with(BOM) {
                self.buffer.advance(BOM.len());
            }
            self.start = false;
        }
        true
    }

    /// Skips the LF of a CRLF whose CR has already ended a line.
    fn skip_pending_line_feed(&mut self) {
        if self.skip_line_feed && !self.buffer.is_empty() {
            self.skip_line_feed = false;
            if self.buffer[0] == b'\n' {
                self.buffer.advance(1);
            }
        }
    }

    /// Takes a line of this length and its end off the buffer.
    fn take_line(&mut self, length: usize) -> Option<Result<SseItem, SseError>> {
        self.scanned = 0;
        self.skip_line_feed = self.buffer[length] == b'\r';
        if length == 0 {
            self.buffer.advance(1);
            return self.dispatch().map(Ok);
        }
        let line = self.buffer.split_to(length).freeze();
        self.buffer.advance(1);
        self.field(line)
    }

    fn dispatch(&mut self) -> Option<SseItem> {
        let event = self.event.take();
        let data = std::mem::take(&mut self.data).take()?;
        Some(SseItem::Event { event, data })
    }

    fn field(&mut self, mut line: Bytes) -> Option<Result<SseItem, SseError>> {
        let colon = memchr(b':', &line).unwrap_or(line.len());
        let name = line.split_to(colon);
        let mut value = line;
        if !value.is_empty() {
            value.advance(1);
        }
        if value.first() == Some(&b' ') {
            value.advance(1);
        }
        match &*name {
            b"" => return Some(Ok(SseItem::Comment(value))),
            b"data" => {
                self.data.append(value);
                if self.data.len() > self.limit {
                    return self.fail(SseError::EventTooLong { limit: self.limit });
                }
            }
            b"event" => self.event = (!value.is_empty()).then_some(value),
            _ => {}
        }
        None
    }

    fn fail(&mut self, error: SseError) -> Option<Result<SseItem, SseError>> {
        let limit = self.limit;
        *self = Self {
            failed: true,
            start: false,
            ..Self::with_limit(limit)
        };
        Some(Err(error))
    }
}

impl Data {
    fn append(&mut self, line: Bytes) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(line),
            Self::One(first) => Self::Many(joined(BytesMut::from(&first[..]), &line)),
            Self::Many(lines) => Self::Many(joined(lines, &line)),
        };
    }

    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(data) => data.len(),
            Self::Many(data) => data.len(),
        }
    }

    fn take(self) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::One(data) => Some(data),
            Self::Many(data) => Some(data.freeze()),
        }
    }
}

fn joined(mut lines: BytesMut, line: &[u8]) -> BytesMut {
    lines.extend_from_slice(b"\n");
    lines.extend_from_slice(line);
    lines
}
