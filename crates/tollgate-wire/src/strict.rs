//! One pass over a document that refuses what two readers could read in two ways.

use std::borrow::Cow;

use memchr::{memchr_iter, memchr2, memrchr};

use crate::ParseError;
use crate::json::utf8;
use crate::parse_error::shown;

/// Most containers that may be open at once.
pub const MAX_DEPTH: usize = 64;

/// Most members of one object. Each costs some fifty bytes to hold, whatever its size in the text.
pub const MAX_MEMBERS: usize = 10_000;

/// Most values of a document, members and elements alike. Each costs up to a few hundred bytes to hold, whatever its
/// size in the text, and a text of two bytes can be one. Token ids count by themselves: see [`MAX_TOKEN_IDS`].
pub const MAX_VALUES: usize = 500_000;

/// Most token ids of one list, which is more than any model reads. They are one text, so nobody holds them one by one.
pub const MAX_TOKEN_IDS: usize = 4_194_304;

/// Deepest place of a list of token ids: an `input` is an object's member and may be a list of such lists.
const DEEPEST_TOKEN_IDS: usize = 3;

/// Numbers longer than this may be beyond what 64-bit floats hold even without an exponent.
const LONG_NUMBER: usize = 300;

/// Checks that a text is one JSON document that every reader understands alike.
///
/// Beyond the grammar (RFC 8259) it refuses, at any depth: a key that is there twice in one object, however it is
/// spelt (`"mod\u0065l"` is `"model"`); more than [`MAX_DEPTH`] open containers; more than [`MAX_MEMBERS`] members
/// of an object; more than [`MAX_VALUES`] values in all, where the numbers of a list that begins with one, not deeper
/// than the prompts of completions and embeddings are, count by themselves, up to [`MAX_TOKEN_IDS`] in a list; and
/// numbers such as `1e999` that 64-bit floats cannot hold. Nothing is built: memory is that of the
/// keys of the objects that are open, and it does not recurse. It takes about what [`Object::parse`](crate::Object::parse)
/// takes: measured on one core, 70 ns for a KiB of prose, 1.1 µs for one of code with its escapes, 1.8 µs for one of
/// tool schemas.
///
/// ```
/// use tollgate_wire::check_strictly;
/// assert!(check_strictly(br#"{"provider":{"order":["a"]}}"#).is_ok());
/// let error = check_strictly(br#"{"provider":{"order":["a"],"ord\u0065r":[]}}"#).unwrap_err();
/// assert_eq!(error.to_string(), "`provider.order`: is there twice; send it once");
/// ```
///
/// # Errors
/// With the path of the value at fault, and line and column when it is a fault of syntax.
pub fn check_strictly(bytes: &[u8]) -> Result<(), ParseError> {
    Scan::new(utf8(bytes)?).document()
}

/// A container that is open.
enum Open {
    /// Its keys so far are those from this place on, up to those of the next object.
    Object { first_key: usize },
    Array {
        index: usize,
        /// Whether its numbers are token ids, as far as can be told.
        of_ids: bool,
    },
}

/// What reading a value has led to.
enum Step {
    /// The value is complete.
    Over,
    /// A container has begun, and its first value comes next.
    Into,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
    keys: Vec<Cow<'a, str>>,
    /// Values so far, token ids apart.
    values: usize,
    /// Whether a key is being read, so that the last of `keys` is not the place of a fault.
    between_members: bool,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            open: Vec::new(),
            keys: Vec::new(),
            values: 0,
            between_members: false,
        }
    }

    fn document(mut self) -> Result<(), ParseError> {
        if self.text.starts_with('\u{feff}') {
            return Err(self.fault("the text begins with a byte order mark; send it without"));
        }
        loop {
            if let Step::Over = self.value()?
                && self.climb()?
            {
                self.blank();
                return match self.peek() {
                    None => Ok(()),
                    Some(_) => Err(self.fault("more text follows the document")),
                };
            }
        }
    }

    /// After a value: closes what ends here. Whether the document is over.
    fn climb(&mut self) -> Result<bool, ParseError> {
        loop {
            self.blank();
            let next = self.peek();
            match (self.open.last_mut(), next) {
                (None, _) => return Ok(true),
                (Some(Open::Array { index, .. }), Some(b',')) => {
                    *index += 1;
                    self.at += 1;
                    return Ok(false);
                }
                (Some(Open::Array { .. }), Some(b']')) => {
                    self.at += 1;
                    self.open.pop();
                }
                (Some(Open::Array { .. }), _) => {
                    return Err(self.fault("expected `,` or `]`"));
                }
                (Some(Open::Object { .. }), Some(b',')) => {
                    self.at += 1;
                    self.key()?;
                    return Ok(false);
                }
                (Some(Open::Object { first_key }), Some(b'}')) => {
                    let first_key = *first_key;
                    self.at += 1;
                    self.open.pop();
                    self.close_object(first_key)?;
                }
                (Some(Open::Object { .. }), _) => {
                    return Err(self.fault("expected `,` or `}`"));
                }
            }
        }
    }

    fn value(&mut self) -> Result<Step, ParseError> {
        self.blank();
        self.count()?;
        match self.peek() {
            Some(b'{') => {
                let first_key = self.keys.len();
                self.enter(Open::Object { first_key })?;
                if self.ends_with(b'}') {
                    return Ok(Step::Over);
                }
                self.key()?;
                return Ok(Step::Into);
            }
            Some(b'[') => {
                self.enter(Open::Array {
                    index: 0,
                    of_ids: false,
                })?;
                return Ok(match self.ends_with(b']') {
                    true => Step::Over,
                    false => Step::Into,
                });
            }
            Some(b'"') => {
                self.at += 1;
                self.string()?;
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'N' | b'I') => {
                return Err(self.fault("expected a value; NaN and Infinity are no JSON"));
            }
            Some(_) => return Err(self.fault("expected a value")),
            None => return Err(self.fault("the text ends where a value should be")),
        }
        Ok(Step::Over)
    }

    /// Counts the value that comes next.
    fn count(&mut self) -> Result<(), ParseError> {
        let is_number = matches!(self.peek(), Some(b'-' | b'0'..=b'9'));
        let can_be_ids = is_number && self.open.len() <= DEEPEST_TOKEN_IDS;
        if let Some(Open::Array { index, of_ids }) = self.open.last_mut()
            && can_be_ids
        {
            *of_ids |= *index == 0;
            if *of_ids && *index == MAX_TOKEN_IDS {
                let message = format!("has more than {MAX_TOKEN_IDS} numbers; send a text instead");
                return Err(self.fault(message));
            }
            if *of_ids {
                return Ok(());
            }
        }
        self.values += 1;
        match self.values > MAX_VALUES {
            true => Err(self.fault(format!(
                "the document has more than {MAX_VALUES} values up to here; write large data as texts, or send less of it"
            ))),
            false => Ok(()),
        }
    }

    fn enter(&mut self, container: Open) -> Result<(), ParseError> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.fault(format!("is nested more than {MAX_DEPTH} deep")));
        }
        self.open.push(container);
        self.at += 1;
        Ok(())
    }

    /// Closes the container that has just been entered, when it is empty.
    fn ends_with(&mut self, bracket: u8) -> bool {
        self.blank();
        let empty = self.peek() == Some(bracket);
        if empty {
            self.at += 1;
            self.open.pop();
        }
        empty
    }

    /// Reads a key and the colon behind it.
    fn key(&mut self) -> Result<(), ParseError> {
        self.between_members = true;
        self.blank();
        if self.peek() != Some(b'"') {
            return Err(self.fault("expected a key, a string"));
        }
        self.at += 1;
        let start = self.at;
        let key = match self.string()? {
            Spelling::Plain => Cow::Borrowed(&self.text[start..self.at - 1]),
            Spelling::Escaped => {
                let quoted = &self.text[start - 1..self.at];
                match serde_json::from_str::<String>(quoted) {
                    Ok(key) => Cow::Owned(key),
                    Err(_) => return Err(self.fault("the key holds half of a surrogate pair")),
                }
            }
        };
        self.blank();
        if self.peek() != Some(b':') {
            return Err(self.fault("expected `:` behind the key"));
        }
        self.at += 1;
        if let Some(Open::Object { first_key }) = self.open.last()
            && self.keys.len() - first_key == MAX_MEMBERS
        {
            return Err(self.fault(format!("has more than {MAX_MEMBERS} members")));
        }
        self.keys.push(key);
        self.between_members = false;
        Ok(())
    }

    /// Looks for keys that are there twice. Sorting keeps this fast for objects with many keys, whoever chose them.
    fn close_object(&mut self, first_key: usize) -> Result<(), ParseError> {
        let keys = &mut self.keys[first_key..];
        keys.sort_unstable();
        let twice = keys.windows(2).find(|pair| pair[0] == pair[1]);
        let twice = twice.map(|pair| pair[0].clone().into_owned());
        self.keys.truncate(first_key);
        match twice {
            None => Ok(()),
            Some(key) => {
                let error = ParseError::new("is there twice; send it once").at(&shown(&key));
                Err(self.placed(error))
            }
        }
    }

    /// Reads a string from behind its first quote to behind its last.
    fn string(&mut self) -> Result<Spelling, ParseError> {
        let mut spelling = Spelling::Plain;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(length) = memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return Err(self.fault("the text ends within a string"));
            };
            if has_control(&rest[..length]) {
                return Err(self.fault("a string holds a control character; escape it"));
            }
            self.at += length + 1;
            if rest[length] == b'"' {
                return Ok(spelling);
            }
            spelling = Spelling::Escaped;
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Result<(), ParseError> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 1,
            Some(b'u') if rest.len() > 4 && rest[1..5].iter().all(u8::is_ascii_hexdigit) => 5,
            _ => return Err(self.fault("a string holds an unknown escape")),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits()?;
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            return Err(self.fault("a number begins with 0"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let scaled = matches!(self.peek(), Some(b'e' | b'E'));
        if scaled {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        let doubtful = scaled || text.len() > LONG_NUMBER;
        if doubtful && !text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(self.fault("is too large a number"));
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<usize, ParseError> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest
            .iter()
            .take_while(|digit| digit.is_ascii_digit())
            .count();
        self.at += count;
        match count {
            0 => Err(self.fault("expected a digit")),
            _ => Ok(count),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), ParseError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn blank(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += rest.iter().take_while(blank).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// A fault of syntax, here.
    fn fault(&self, message: impl Into<String>) -> ParseError {
        let before = &self.text.as_bytes()[..self.at];
        let line = memchr_iter(b'\n', before).count() + 1;
        let column = self.at - memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
        self.placed(ParseError::new(message)).on(line, column)
    }

    /// Puts the path of the open containers in front of an error's place.
    fn placed(&self, error: ParseError) -> ParseError {
        let mut keys = &self.keys[..];
        let mut unread = self.between_members;
        let mut error = error;
        for open in self.open.iter().rev() {
            match open {
                Open::Array { index, .. } => error = error.at_index(*index),
                Open::Object { first_key } => {
                    if let (Some(key), false) = (keys[*first_key..].last(), unread) {
                        error = error.at(&shown(key));
                    }
                    keys = &keys[..*first_key];
                }
            }
            unread = false;
        }
        error
    }
}

/// How a string is written.
enum Spelling {
    Plain,
    Escaped,
}

/// Compares without leaving early, which lets the compiler compare many bytes at once.
fn has_control(bytes: &[u8]) -> bool {
    bytes.chunks(64).any(|chunk| {
        chunk
            .iter()
            .fold(false, |found, byte| found | (*byte < 0x20))
    })
}
