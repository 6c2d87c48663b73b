//! What a learned router reads of a request, in the form in which it was
//! trained: everything that a model is told in one text.

use tollgate_core::Reading;
use tollgate_core::Task;
use tollgate_router_learned::{Learned, Prompt, Scratch};

use std::cell::RefCell;

/// Texts of a request, as they stand in its JSON: the system prompt and the
/// last message of the user.
///
/// Rows of outcomes are single turns, with instructions and question in one
/// text, so these two are what is most like a row. The instructions tell one
/// use of a gateway from another, and the last message is what is asked. What
/// was said between them would drown both, and grows with each turn.
#[derive(Debug, Default)]
pub(crate) struct Told<'a> {
    system: Vec<Piece<'a>>,
    asked: Vec<Piece<'a>>,
    /// The message that `asked` is of.
    message: u64,
}

/// A text between quotes, and how many bytes it has without escapes.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    json: &'a str,
    bytes: usize,
}

const HALF: usize = Prompt::HALF;
/// Bytes of JSON that hold [`HALF`] bytes of text wherever they are cut: the
/// longest escape of one byte has six, and a cut can go through two of them.
const ENOUGH: usize = 6 * HALF + 12;

/// Memory for reading, one for each thread that does.
#[derive(Debug, Default)]
struct Reader {
    scratch: Scratch,
    beginning: Vec<u8>,
    end: Vec<u8>,
}

thread_local! {
    static READER: RefCell<Reader> = RefCell::default();
}

impl<'a> Told<'a> {
    pub(crate) fn add_system(&mut self, json: &'a str, bytes: u64) {
        self.system.push(Piece::of(json, bytes));
    }

    /// Adds a text of that message of the user; one of a later message takes
    /// the place of all before.
    pub(crate) fn add_asked(&mut self, message: u64, json: &'a str, bytes: u64) {
        if message != self.message {
            self.asked.clear();
            self.message = message;
        }
        self.asked.push(Piece::of(json, bytes));
    }

    /// What a learned router reads in them.
    pub(crate) fn read(&self, learned: &Learned, task: Task) -> Reading {
        READER.with_borrow_mut(|reader| {
            let Reader {
                scratch,
                beginning,
                end,
            } = reader;
            let prompt = self.prompt(beginning, end);
            learned.reading(&learned.assess(task, prompt, scratch))
        })
    }

    fn pieces(&self) -> impl DoubleEndedIterator<Item = &Piece<'a>> + Clone {
        self.system.iter().chain(&self.asked)
    }

    /// The texts with a newline between them.
    fn prompt<'b>(&self, beginning: &'b mut Vec<u8>, end: &'b mut Vec<u8>) -> Prompt<'b> {
        let (texts, bytes) = self.pieces().fold((0, 0), |(texts, bytes), piece| {
            (texts + 1, bytes + piece.bytes)
        });
        let bytes = bytes + usize::saturating_sub(texts, 1);
        beginning.clear();
        if bytes <= 2 * HALF {
            self.pieces()
                .for_each(|piece| append(piece.json, beginning));
            return Prompt::from(&beginning[..]);
        }
        for piece in self.pieces() {
            append(first(piece.json), beginning);
            if beginning.len() >= HALF {
                break;
            }
        }
        end.clear();
        let mut left = HALF;
        let mut texts = 0;
        for piece in self.pieces().rev() {
            texts += 1;
            if piece.bytes >= left {
                break;
            }
            left -= piece.bytes;
        }
        let skipped = self.pieces().count() - texts;
        for piece in self.pieces().skip(skipped) {
            append(last(piece.json), end);
        }
        match (beginning.first_chunk(), end.last_chunk()) {
            (Some(first), Some(last)) => Prompt::of_ends(first, last, bytes),
            // Text that is not what it was measured as.
            _ => Prompt::from(&beginning[..]),
        }
    }
}

impl<'a> Piece<'a> {
    fn of(json: &'a str, bytes: u64) -> Self {
        Self {
            json,
            bytes: bytes as usize,
        }
    }
}

/// The beginning of a text, long enough.
fn first(json: &str) -> &str {
    &json[..json.floor_char_boundary(ENOUGH)]
}

/// The end of a text, long enough, and not from the middle of `\\` on.
fn last(json: &str) -> &str {
    let mut at = json.ceil_char_boundary(json.len().saturating_sub(ENOUGH));
    let before = json.as_bytes()[..at].iter().rev();
    if before.take_while(|byte| **byte == b'\\').count() % 2 == 1 {
        at += 1;
    }
    json.get(at..).unwrap_or_default()
}

/// Appends a text without its escapes, on a line of its own.
fn append(json: &str, text: &mut Vec<u8>) {
    if !text.is_empty() {
        text.push(b'\n');
    }
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        text.extend_from_slice(&rest.as_bytes()[..at]);
        let escape;
        (escape, rest) = unescaped(&rest[at + 1..]);
        let mut buffer = [0; 4];
        text.extend_from_slice(escape.encode_utf8(&mut buffer).as_bytes());
    }
    text.extend_from_slice(rest.as_bytes());
}

/// The character of an escape whose backslash was taken off, and what follows.
fn unescaped(rest: &str) -> (char, &str) {
    let mut chars = rest.chars();
    let character = match chars.next() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('u') => return of_code(rest),
        Some(other) => other,
        None => char::REPLACEMENT_CHARACTER,
    };
    (character, chars.as_str())
}

/// `uXXXX`, or two of them when the first is half of a pair.
fn of_code(rest: &str) -> (char, &str) {
    let code = |text: &str| {
        let digits = text.strip_prefix('u')?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(unit) = code(rest) else {
        return (char::REPLACEMENT_CHARACTER, &rest[1..]);
    };
    let after = &rest[5..];
    if let 0xd800..0xdc00 = unit
        && let Some(low @ 0xdc00..0xe000) = after.strip_prefix('\\').and_then(code)
    {
        let joined = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        let character = char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER);
        return (character, &after[6..]);
    }
    let character = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
    (character, after)
}

#[cfg(test)]
mod tests;
